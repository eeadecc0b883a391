"""Isolation of compromised sites, by staff, and their release."""

from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django.utils.translation import gettext as _

from controlpanel.operations import services as operations
from controlpanel.operations.choices import UNFINISHED
from controlpanel.operations.models import Operation
from members import blocks
from members.models import Login
from storage import snapshots
from storage.choices import SnapshotCause

from .. import intents, selectors
from ..choices import SiteState
from ..errors import AlreadyQuarantined, InvalidReason, NotQuarantined
from ..models import Quarantine, Site
from ..names import Names

#: Characters of a reason, at most.
LONGEST_REASON = 2000


def quarantine_site(
    actor: "selectors.Actor",
    site: Site | int,
    reason: str,
    *,
    block_logins: bool = False,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """Isolate a site: no visitors, no network, no processes; what it was doing is kept. Its owners read ``reason``.

    ``block_logins`` blocks SSH keys and tokens of those who may change it, until its release. Staff only
    (PermissionDenied). It does not wait for what else is being done with the site: its way out is cut meanwhile.
    Raises AlreadyQuarantined, InvalidReason, and what every change of a site raises.
    """
    site = _for_staff(actor, site)
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise InvalidReason("reason", limit=LONGEST_REASON)

    def make() -> Operation:
        locked = intents.lock(site)
        if locked.quarantined:
            raise AlreadyQuarantined
        intents.check_changeable(locked, even_suspended=True)
        quarantine = Quarantine.objects.create(
            site=locked, reason=reason, block_logins=block_logins, began_by=_login(actor)
        )
        _isolate(locked, quarantine)
        operation = intents.start(
            "hosting.quarantine_site", locked, actor, idempotency_key, requested_from, quarantine=quarantine.pk
        )
        _hurry(locked, operation, actor)
        return operation

    return intents.changed(actor, site, "hosting.quarantine_site", idempotency_key, make)


def release_site(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """Let a site out of quarantine: network, processes, visitors and logins as before. Staff only.

    Raises NotQuarantined, PermissionDenied, and what every change of a site raises.
    """
    site = _for_staff(actor, site)

    def make() -> Operation:
        locked = intents.lock(site)
        intents.check_changeable(locked, even_suspended=True)
        return _release(locked, actor, idempotency_key, requested_from)

    return intents.changed(actor, site, "hosting.release_site", idempotency_key, make)


def quarantine_consequences(site: Site) -> list[str]:
    """What isolating it does, and to whom, in the reader's language: shown before it is done."""
    concerned = ", ".join(login.username for login in blocks.concerned(site.order.member, site.order_id))
    return [
        _("At once: visitors see a page that says that it is being repaired, and no packet of it leaves its host."),
        _("Its processes stand still, what they were doing is written down, then they end."),
        _("A snapshot of its files is taken. Regular snapshots of before are kept."),
        _("Its owners read your reason on its page, and can look at it in a clean room. No other site is touched."),
        _("If you choose so, SSH keys and tokens are blocked of: %(logins)s.") % {"logins": concerned or "–"},
    ]


def open_quarantine(site: Site) -> Quarantine | None:
    """The quarantine that the site is in."""
    return Quarantine.objects.filter(site=site, ended=None).first()


def forget_quarantines(site: Site) -> None:
    """The site is about to be removed for good: nobody is to stay blocked for it."""
    for quarantine in Quarantine.objects.filter(site=site, ended=None):
        for login in blocks.unblock(quarantine.cause):
            operations.start("members.ensure_login", {"login": login.pk, "username": login.username}, scopes=[])


def back_to_normal(site: Site) -> Operation | None:
    """A quarantine was cancelled in the middle: take back what was done. None when it was released meanwhile."""
    locked = intents.lock(site)
    return _release(locked, None, "", None) if locked.quarantined else None


def back_to_quarantine(site: Site, quarantine: Quarantine) -> Operation | None:
    """A release was cancelled in the middle: the site is isolated again. None when somebody else has done it."""
    locked = intents.lock(site)
    if locked.quarantined or open_quarantine(locked) is not None:
        return None
    Quarantine.objects.filter(pk=quarantine.pk).update(ended=None, ended_by=None)
    quarantine.refresh_from_db()
    _isolate(locked, quarantine)
    return intents.start("hosting.quarantine_site", locked, None, "", None, quarantine=quarantine.pk)


def _isolate(site: Site, quarantine: Quarantine) -> None:
    """Write what should be. Inside the caller's transaction."""
    site.quarantined, site.room_open = True, False
    intents.route(site, Names.of(site))
    intents.intend(site, SiteState.UPDATING, "quarantined", "room_open")
    if site.volume is not None:
        if quarantine.snapshot is None:
            quarantine.snapshot = snapshots.plan_snapshot(site.volume, SnapshotCause.QUARANTINE)
            quarantine.save(update_fields=["snapshot"])
        snapshots.hold(site.volume, True)
    if quarantine.block_logins:
        blocks.block(blocks.concerned(site.order.member, site.order_id), quarantine.cause)


def _release(site: Site, actor: "selectors.Actor", idempotency_key: str, requested_from: str | None) -> Operation:
    quarantine = open_quarantine(site)
    if not site.quarantined or quarantine is None:
        raise NotQuarantined
    site.quarantined, site.room_open = False, False
    intents.route(site, Names.of(site))
    intents.intend(site, SiteState.UPDATING, "quarantined", "room_open")
    quarantine.ended, quarantine.ended_by = timezone.now(), _login(actor)
    quarantine.room_secret, quarantine.room_until = "", None
    quarantine.room_revision += 1
    quarantine.save()
    if site.volume is not None:
        snapshots.hold(site.volume, False)
    logins = [login.pk for login in blocks.unblock(quarantine.cause)]
    return intents.start(
        "hosting.release_site",
        site,
        actor,
        idempotency_key,
        requested_from,
        quarantine=quarantine.pk,
        logins=logins,
    )


def _hurry(site: Site, operation: Operation, actor: "selectors.Actor") -> None:
    """Where the operation has to wait for an earlier one on the same site, the harm is stopped by one that does not."""
    waits_for = Operation.objects.filter(
        state__in=UNFINISHED, pk__lt=operation.pk, reservations__resource=f"site:{site.pk}"
    )
    if waits_for.exists():
        operations.start(
            "hosting.cut_site",
            {"site": site.pk, "name": site.name, "revision": site.revision},
            scopes=site.scopes,
            actor=_login(actor),
        )


def _for_staff(actor: "selectors.Actor", site: Site | int) -> Site:
    found = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    if not (isinstance(actor, Login) and actor.is_staff):
        raise PermissionDenied
    return found


def _login(actor: "selectors.Actor") -> Login | None:
    return actor if isinstance(actor, Login) else None
