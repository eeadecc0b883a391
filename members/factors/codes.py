"""Codes: of an app on a phone (TOTP), and those written down for the day when it is lost. Each works once."""

import base64
from datetime import timedelta

import structlog
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt, encrypt
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from controlpanel.audit.choices import Verb

from .. import notes
from ..models import FailedCode, Login
from .adapter import Adapter

log = structlog.get_logger()

#: Wrong codes of one login, from wherever, after which for a while none is looked at, the right one neither.
MOST_FAILURES, FAILURES_COUNT = 10, timedelta(minutes=15)
LONGEST_CODE = 20
_NEW_SECRET = "new_totp_secret"  # noqa: S105  # where the session keeps it, encrypted, until it is confirmed


class TooManyCodes(Exception):
    """There were too many wrong codes lately."""


# --- an app --------------------------------------------------------------------------------------------------------
def new_app(request: HttpRequest, login: Login) -> tuple[str, str]:
    """A secret for an app, the same until it is confirmed, and its QR code as the address of an image."""
    if _NEW_SECRET not in request.session:
        request.session[_NEW_SECRET] = encrypt(totp.generate_totp_secret())
    secret = decrypt(request.session[_NEW_SECRET])
    adapter = Adapter()
    drawing = adapter.build_totp_svg(adapter.build_totp_url(login, secret))
    return secret, f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode()}"


@transaction.atomic
def confirm_app(request: HttpRequest, login: Login, code: str) -> bool:
    """Take the new app into use when its code is right; one that there was before counts no more."""
    if _NEW_SECRET not in request.session:
        return False
    secret = decrypt(request.session[_NEW_SECRET])
    counter = _counter_of(secret, code)
    if counter is None:
        return False
    del request.session[_NEW_SECRET]
    Authenticator.objects.filter(user=login, type=Authenticator.Type.TOTP).delete()
    app = totp.TOTP.activate(login, secret).instance
    _use(app, counter)
    return True


# --- recovery codes ------------------------------------------------------------------------------------------------
@transaction.atomic
def new_recovery_codes(login: Login) -> list[str]:
    """Ten codes in place of those that there were."""
    Authenticator.objects.filter(user=login, type=Authenticator.Type.RECOVERY_CODES).delete()
    codes: list[str] = RecoveryCodes.activate(login).generate_codes()
    return codes


def recovery_codes(login: Login) -> list[str]:
    """Those not used yet."""
    row = Authenticator.objects.filter(user=login, type=Authenticator.Type.RECOVERY_CODES).first()
    codes: list[str] = RecoveryCodes(row).get_unused_codes() if row else []
    return codes


# --- checking ------------------------------------------------------------------------------------------------------
def check_code(login: Login, code: str) -> bool:
    """Whether that is a code of the login, which is used up by it. Raises TooManyCodes, also for the right one."""
    forbid_guessing(login)
    code = code.replace(" ", "").replace("-", "")[:LONGEST_CODE]
    right = bool(code) and (_check_app(login, code) or _check_recovery(login, code))
    return note(login, right)


def forbid_guessing(login: Login) -> None:
    """Raises TooManyCodes."""
    lately = FailedCode.objects.filter(login=login, created__gt=timezone.now() - FAILURES_COUNT)
    if lately.count() >= MOST_FAILURES:
        raise TooManyCodes


def note(login: Login, right: bool) -> bool:
    """Count a wrong one, or forget those that went before a right one; returns ``right``."""
    if right:
        FailedCode.objects.filter(login=login).delete()
    else:
        FailedCode.objects.create(login=login)
        notes.note(Verb.LOGIN_FAILED, login, detail={"why": "second factor"})
        log.warning("wrong second factor", login=login.username)
    return right


@transaction.atomic
def _check_app(login: Login, code: str) -> bool:
    # Locked, so that of two requests with one code only one is right.
    row = Authenticator.objects.select_for_update().filter(user=login, type=Authenticator.Type.TOTP).first()
    if row is None:
        return False
    counter = _counter_of(decrypt(row.data["secret"]), code)
    if counter is None or counter <= row.data.get("last_counter", 0):
        return False
    _use(row, counter)
    return True


def _check_recovery(login: Login, code: str) -> bool:
    row = Authenticator.objects.filter(user=login, type=Authenticator.Type.RECOVERY_CODES).first()
    if row is None or not RecoveryCodes(row).validate_code(code):
        return False
    Authenticator.objects.filter(pk=row.pk).update(last_used_at=timezone.now())
    log.warning("recovery code used", login=login.username)
    return True


def _counter_of(secret: str, code: str) -> int | None:
    """The moment, counted in half minutes, whose code that is; None when it is not one of now."""
    for counter in totp.yield_hotp_counters_from_time():
        if compare_user_code(actual=code, expected=totp.format_hotp_value(totp.hotp_value(secret, counter))):
            return int(counter)
    return None


def _use(row: Authenticator, counter: int) -> None:
    """That code, and any older one, is used up."""
    row.data["last_counter"] = counter
    row.last_used_at = timezone.now()
    row.save(update_fields=["data", "last_used_at"])
