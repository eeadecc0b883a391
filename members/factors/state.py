"""Which second factors a login has, and whether a session has passed one."""

import time
from dataclasses import dataclass
from typing import Any

import structlog
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from .. import mail
from ..models import FailedCode, Login
from .codes import recovery_codes

log = structlog.get_logger()

#: Where a session keeps when it passed a second factor.
_PASSED = "second_factor_at"
_REAL = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class LastFactor(Exception):
    """Staff need a second factor, and this is the only one."""


@dataclass(frozen=True)
class State:
    """What a login has."""

    #: The app on a phone.
    app: Authenticator | None
    keys: list[Authenticator]
    #: Recovery codes that are not used yet.
    codes_left: int
    #: It must have one.
    required: bool

    @property
    def on(self) -> bool:
        return self.app is not None or bool(self.keys)


def state_of(login: Login) -> State:
    rows = list(Authenticator.objects.filter(user=login, type__in=_REAL).order_by("pk"))
    return State(
        app=next((row for row in rows if row.type == Authenticator.Type.TOTP), None),
        keys=[row for row in rows if row.type == Authenticator.Type.WEBAUTHN],
        codes_left=len(recovery_codes(login)),
        required=required_of(login),
    )


def has_factor(login: Login) -> bool:
    """Whether the password alone does not let it in."""
    return Authenticator.objects.filter(user=login, type__in=_REAL).exists()


def required_of(login: Login) -> bool:
    """Whether it must have one."""
    return bool(login.is_staff and settings.STAFF_SECOND_FACTOR == "required")


def note_passed(request: HttpRequest) -> None:
    """This session has passed a second factor."""
    request.session[_PASSED] = int(time.time())


def passed(session: Any) -> bool:
    """Whether it has."""
    return bool(session.get(_PASSED))


@transaction.atomic
def remove(login: Login, pk: int) -> None:
    """Take an app or a key away, and with the last one the recovery codes. Raises LastFactor,
    Authenticator.DoesNotExist."""
    rows = Authenticator.objects.select_for_update().filter(user=login, type__in=_REAL)
    row = rows.get(pk=pk)
    if not rows.exclude(pk=pk).exists():
        if required_of(login):
            raise LastFactor
        Authenticator.objects.filter(user=login).delete()
    else:
        row.delete()
    tell(login, "second_factor_removed")


@transaction.atomic
def reset(login: Login) -> None:
    """All of them go: the password alone lets it in again, until it has set up new ones."""
    Authenticator.objects.filter(user=login).delete()
    FailedCode.objects.filter(login=login).delete()
    tell(login, "second_factor_reset")
    log.warning("second factors reset", login=login.username)


def tell(login: Login, template: str) -> None:
    """Write to whom it belongs, in case that it was somebody else."""
    if login.email:
        mail.write(login.email, template, {"login": login}, login.language)
