"""Staff who act as somebody else, to see what they see. The session stays theirs; each request is the other's.

It ends after an hour, and keeps away from what is the person's own: password, keys, tokens, second factors, sessions,
and whom they give access (``middleware.ImpersonationMiddleware``). The person can read of it on their account page.
"""

import logging
from datetime import timedelta

from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .models import Impersonation, Login

logger = logging.getLogger(__name__)

LASTS = timedelta(minutes=60)
LONGEST_REASON = 500
#: Where the session of whoever does it keeps which one it is.
KEY = "impersonation"


def begin(request: HttpRequest, *, staff: Login, login: Login, reason: str) -> Impersonation:
    """From the next request on this session acts as ``login``. Raises PermissionDenied, ValidationError."""
    if not staff.is_staff:
        raise PermissionDenied
    if login.pk == staff.pk or login.is_staff or not login.is_active:
        raise ValidationError(_("Nobody acts as somebody of the staff, or as a login that is locked out."))
    reason = " ".join(reason.split())[:LONGEST_REASON]
    if not reason:
        raise ValidationError({"reason": _("Say why: the person can read it.")})
    row = Impersonation.objects.create(staff=staff, login=login, reason=reason, until=timezone.now() + LASTS)
    request.session.cycle_key()
    request.session[KEY] = row.pk
    logger.warning("%s acts as %s: %s", staff, login, reason)
    return row


def current(request: HttpRequest, staff: Login) -> Impersonation | None:
    """What this session is in the middle of, if it may go on."""
    pk: int | None = request.session.get(KEY)
    row = (
        Impersonation.objects.filter(pk=pk or 0, staff=staff, ended=None, until__gt=timezone.now())
        .select_related("login", "staff")
        .first()
    )
    may = row is not None and staff.is_staff and row.login.is_active and not row.login.is_staff
    return row if may else None


def stop(request: HttpRequest) -> Login | None:
    """The session is its owner's again; whom it acted as."""
    pk = request.session.pop(KEY, None)
    row = Impersonation.objects.filter(pk=pk).select_related("login").first() if pk else None
    if row is None:
        return None
    Impersonation.objects.filter(pk=pk, ended=None).update(ended=min(timezone.now(), row.until))
    request.session.cycle_key()
    logger.warning("%s no longer acts as %s", row.staff_id, row.login)
    return row.login


def _logged_out(sender: object, request: HttpRequest, **kwargs: object) -> None:
    if request.session.get(KEY):
        stop(request)


user_logged_out.connect(_logged_out, dispatch_uid="members.impersonation")
