"""Forgotten passwords: a link by mail, good for an hour and once.

Whoever asks gets the same answer at once, whatever they asked for; a worker looks whose it is. Writes.
"""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from . import mail, secret_links, services
from .models import Login, PasswordReset

logger = logging.getLogger(__name__)

LIFETIME = timedelta(hours=1)
#: Asked for from one address in an hour, and links sent to one login in an hour, at most.
MOST_FROM_ADDRESS, MOST_TO_LOGIN = 20, 3
#: Logins that share an e-mail address and are all written to, at most.
MOST_SHARING = 10
KEPT = timedelta(days=7)
PAGE = "members:new_password"


class TooMany(Exception):
    """Asked for too often from one address."""


class NotOpen(Exception):
    """The link was used, has ended, or never was one."""


@transaction.atomic
def ask(*, asked_for: str, requested_from: str | None) -> None:
    """Write down that it was asked for. Raises TooMany."""
    lately = PasswordReset.objects.filter(
        requested_from=requested_from, created__gt=timezone.now() - timedelta(hours=1), asked_for__gt=""
    )
    if lately.count() >= MOST_FROM_ADDRESS:
        raise TooMany
    PasswordReset.objects.create(asked_for=asked_for.strip()[:254], requested_from=requested_from)


def write_due() -> int:
    """Write to those whose password was asked for; returns to how many. Right however often it is called."""
    written = 0
    for pk in PasswordReset.objects.filter(handled=False).order_by("pk").values_list("pk", flat=True)[:50]:
        with transaction.atomic():
            if PasswordReset.objects.filter(pk=pk, handled=False).update(handled=True):
                written += _write(PasswordReset.objects.get(pk=pk))
    return written


@transaction.atomic
def set_new(*, digest: str, password: str) -> Login:
    """The password by the link. All sessions and all other links end. Raises NotOpen, ValidationError, DirectoryAway
    (then the link is good as before)."""
    row = PasswordReset.objects.select_for_update(of=("self",)).select_related("login")
    reset = row.filter(_good(), digest=digest).first() if digest else None
    if reset is None or reset.login is None:
        raise NotOpen
    login = reset.login
    PasswordReset.objects.filter(_good(), login=login).update(used=timezone.now())
    if login.email:
        mail.write(login.email, "password_changed", {"login": login}, login.language)
    services.set_password(login=login, password=password)
    return login


def login_of(digest: str) -> Login | None:
    """Whose password the link changes; None when it changes nobody's."""
    reset = PasswordReset.objects.filter(_good(), digest=digest).select_related("login").first() if digest else None
    return reset.login if reset else None


def forget_old() -> None:
    """What was asked for long ago goes."""
    PasswordReset.objects.filter(created__lt=timezone.now() - KEPT).delete()


def _good() -> Q:
    return Q(used=None, ends__gt=timezone.now(), login__is_active=True)


def _write(reset: PasswordReset) -> int:
    same = Q(username=reset.asked_for.lower()) | Q(email__iexact=reset.asked_for)
    found = Login.objects.filter(same, is_active=True).exclude(email="").order_by("pk")[:MOST_SHARING]
    written = 0
    for login in found:
        hour = PasswordReset.objects.filter(login=login, created__gt=timezone.now() - timedelta(hours=1))
        if hour.count() >= MOST_TO_LOGIN:
            continue
        secret, digest = secret_links.fresh()
        PasswordReset.objects.create(
            requested_from=reset.requested_from,
            handled=True,
            login=login,
            digest=digest,
            ends=timezone.now() + LIFETIME,
        )
        context = {"login": login, "link": secret_links.address(PAGE, secret), "minutes": 60}
        mail.write(login.email, "password_reset", context, login.language, confidential=True)
        written += 1
    logger.info("forgotten password asked for from %s: %s written to", reset.requested_from, written)
    return written
