"""Whether a member is in good standing, and what follows when it is not.

::

    good standing ──30 days behind──▶ at risk ──90 days──▶ disabled ──90 days later──▶ inactive
          ▲                             ▲  │                  │
          │                             │  └──still unpaid──▶ │
          └──────── it pays ────────────┴──── it makes contact: everything open for two weeks

Behind is counted in days since the day up to which it has paid. The numbers are settings (MEMBER_…). What being
disabled means for what a member has, the app knows that holds it: it registers with ``carries_out``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from controlpanel.operations.access import Actor
from controlpanel.operations.models import Operation

from . import mail
from .choices import MemberState, Role
from .models import Login, Member

log = structlog.get_logger()

#: Members whose standing changes in one review; the rest an hour later. A mistake in the books is not one of all.
_BATCH = 50


class Carrier(Protocol):
    """The app that switches off and on what a member has."""

    def carry_out(self, member: Member, actor: Any, requested_from: str | None) -> Operation | None:
        """Bring it about that everything is open or closed, as ``member.is_closed`` says. In the open transaction."""
        ...

    def preview(self, member: Member) -> dict[str, Any]:
        """What closing it would touch."""
        ...


_carriers: list[Carrier] = []


def carries_out(carrier: Carrier) -> None:
    """Let an app know of every change from open to closed and back."""
    _carriers.append(carrier)


@dataclass(frozen=True)
class Outlook:
    """Where a member stands on a day, and what comes next if nothing is paid."""

    state: str
    days_behind: int
    #: When everything is switched off; None when that is not ahead.
    disabled_on: date | None
    #: When its data goes.
    removed_on: date | None
    grace_until: date | None


def days_behind(member: Member, today: date) -> int:
    """Days since the last paid one; 0 for who has paid, and for who pays nothing."""
    return max(0, (today - member.paid_until).days) if member.paid_until else 0


def outlook(member: Member, today: date | None = None) -> Outlook:
    """For pages and mail."""
    today = today or timezone.localdate()
    disabled_on = removed_on = None
    if member.state in (MemberState.GOOD_STANDING, MemberState.AT_RISK) and member.paid_until:
        disabled_on = member.paid_until + timedelta(days=settings.MEMBER_DISABLE_DAYS)
        if member.grace_until:
            disabled_on = max(disabled_on, member.grace_until + timedelta(days=1))
    if member.state == MemberState.DISABLED:
        removed_on = _removed_on(member)
    grace = member.grace_until if member.grace_until and member.grace_until >= today else None
    return Outlook(member.state, days_behind(member, today), disabled_on, removed_on, grace)


# --- what people do --------------------------------------------------------------------------------------------------
@transaction.atomic
def set_paid(
    *, member: Member, paid_until: date | None, actor: Actor | None = None, requested_from: str | None = None
) -> Operation | None:
    """It has paid up to that day (None: it pays nothing). Everything is back at once when that is enough. Staff only.

    Of an inactive member what is still kept can be restored, one by one. Raises PermissionDenied.
    """
    _staff_only(actor)
    member = _lock(member)
    member.paid_until = paid_until
    member.reminded, member.last_warning = 0, None
    member.save(update_fields=["paid_until", "reminded", "last_warning"])
    if days_behind(member, timezone.localdate()) < settings.MEMBER_AT_RISK_DAYS:
        member.grace_until = None
        member.save(update_fields=["grace_until"])
        return _change(member, MemberState.GOOD_STANDING, actor, requested_from)
    return None


@transaction.atomic
def made_contact(*, member: Member, actor: Actor | None = None, requested_from: str | None = None) -> Operation | None:
    """It has answered: everything is open at once for MEMBER_GRACE_DAYS, paid or not. Staff only.

    Raises PermissionDenied; ValidationError for a member in good standing, or one whose data has gone.
    """
    _staff_only(actor)
    member = _lock(member)
    if member.state not in (MemberState.AT_RISK, MemberState.DISABLED):
        raise ValidationError(_("This is for members that are at risk or disabled."))
    member.grace_until = timezone.localdate() + timedelta(days=settings.MEMBER_GRACE_DAYS)
    member.save(update_fields=["grace_until"])
    operation = _change(member, MemberState.AT_RISK, actor, requested_from)
    _tell(member, "member_grace")
    return operation


@transaction.atomic
def disable(*, member: Member, actor: Actor | None = None, requested_from: str | None = None) -> Operation | None:
    """Switch everything off now, whatever the days say. Staff only. Raises PermissionDenied, ValidationError."""
    _staff_only(actor)
    member = _lock(member)
    if member.is_closed:
        raise ValidationError(_("This member is disabled already."))
    member.grace_until = None
    member.save(update_fields=["grace_until"])
    operation = _change(member, MemberState.DISABLED, actor, requested_from)
    _tell(member, "member_disabled")
    return operation


@transaction.atomic
def enable(*, member: Member, actor: Actor | None = None, requested_from: str | None = None) -> Operation | None:
    """Everything back at once, as after contact for a member that is behind. Staff only. Raises PermissionDenied."""
    _staff_only(actor)
    locked = _lock(member)
    if not locked.is_closed:
        raise ValidationError(_("This member is not disabled."))
    if days_behind(locked, timezone.localdate()) >= settings.MEMBER_AT_RISK_DAYS:
        locked.grace_until = timezone.localdate() + timedelta(days=settings.MEMBER_GRACE_DAYS)
        locked.save(update_fields=["grace_until"])
        return _change(locked, MemberState.AT_RISK, actor, requested_from)
    return _change(locked, MemberState.GOOD_STANDING, actor, requested_from)


def preview(member: Member) -> dict[str, Any]:
    """What disabling it would touch."""
    return {key: value for carrier in _carriers for key, value in carrier.preview(member).items()}


# --- what the days bring ---------------------------------------------------------------------------------------------
def review(today: date | None = None) -> list[Member]:
    """Reminders and changes that are due; those that changed. Right however often it is called."""
    today = today or timezone.localdate()
    changed: list[Member] = []
    behind = Member.objects.exclude(paid_until=None).exclude(state=MemberState.INACTIVE)
    late = behind.filter(paid_until__lte=today - timedelta(days=settings.MEMBER_AT_RISK_DAYS))
    disabled = Member.objects.filter(state=MemberState.DISABLED)
    for pk in [*late.values_list("pk", flat=True), *disabled.values_list("pk", flat=True)]:
        if len(changed) >= _BATCH:
            log.warning("many members change their standing at once; the rest follows in an hour")
            break
        with transaction.atomic():
            member = _lock(Member(pk=pk))
            before = member.state
            _review(member, today)
            if member.state != before:
                changed.append(member)
    return changed


def _review(member: Member, today: date) -> None:
    if member.state == MemberState.DISABLED:
        _review_disabled(member, today)
        return
    behind = days_behind(member, today)
    if behind < settings.MEMBER_AT_RISK_DAYS or member.state not in (MemberState.GOOD_STANDING, MemberState.AT_RISK):
        return
    if member.state == MemberState.GOOD_STANDING:
        _change(member, MemberState.AT_RISK, None, None)
    in_grace = member.grace_until is not None and member.grace_until >= today
    if behind >= settings.MEMBER_DISABLE_DAYS and not in_grace:
        _change(member, MemberState.DISABLED, None, None)
        _tell(member, "member_disabled")
        return
    marks = [settings.MEMBER_AT_RISK_DAYS, *settings.MEMBER_REMINDER_DAYS]
    due = max((mark for mark in marks if member.reminded < mark <= behind), default=0)
    if due and not in_grace:
        member.reminded = due
        member.save(update_fields=["reminded"])
        _tell(member, "member_at_risk" if due == settings.MEMBER_AT_RISK_DAYS else "member_reminder")


def _review_disabled(member: Member, today: date) -> None:
    """Its data goes long after, and only when it was told so a last time, with days to answer."""
    removed_on = _removed_on(member)
    warning = timedelta(days=settings.MEMBER_LAST_WARNING_DAYS)
    if member.last_warning is None:
        if today >= removed_on - warning:
            member.last_warning = today
            member.save(update_fields=["last_warning"])
            _tell(member, "member_last_warning")
    elif today >= max(removed_on, member.last_warning + warning):
        _change(member, MemberState.INACTIVE, None, None)
        _tell(member, "member_inactive")


def _removed_on(member: Member) -> date:
    since = timezone.localtime(member.state_since).date()
    removed_on = since + timedelta(days=settings.MEMBER_INACTIVE_DAYS)
    if member.last_warning:
        return max(removed_on, member.last_warning + timedelta(days=settings.MEMBER_LAST_WARNING_DAYS))
    return removed_on


def _change(member: Member, state: MemberState, actor: Actor | None, requested_from: str | None) -> Operation | None:
    """The only place where a state changes; what follows is carried out in the same transaction."""
    if member.state == state:
        return None
    was_closed = member.is_closed
    log.info("member changes its standing", member=member.pk, before=member.state, after=str(state))
    member.state, member.state_since = state, timezone.now()
    member.save(update_fields=["state", "state_since"])
    if was_closed == member.is_closed:
        return None
    operations = [carrier.carry_out(member, actor, requested_from) for carrier in _carriers]
    return next((operation for operation in operations if operation is not None), None)


def _tell(member: Member, template: str) -> None:
    """A mail to each of its administrators, in their language."""
    view = outlook(member)
    for login in _administrators(member):
        with override(login.language or settings.LANGUAGE_CODE):
            context = {
                "member": member.name,
                "name": login.name or login.username,
                "days_behind": view.days_behind,
                "paid_until": _day(member.paid_until),
                "disabled_on": _day(view.disabled_on),
                "removed_on": _day(view.removed_on),
                "grace_until": _day(member.grace_until),
            }
        mail.write(login.email, template, context, login.language)


def _day(day: date | None) -> str:
    return formats.date_format(day, "DATE_FORMAT") if day else ""


def _administrators(member: Member) -> Iterator[Login]:
    admins = Login.objects.filter(accesses__role=Role.MEMBER_ADMIN, accesses__member=member, is_active=True)
    yield from admins.exclude(email="").distinct().order_by("pk")


def _lock(member: Member) -> Member:
    return Member.objects.select_for_update().get(pk=member.pk)


def _staff_only(actor: Actor | None) -> None:
    if actor is not None and not actor.is_staff:
        raise PermissionDenied
