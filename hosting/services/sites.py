"""Changes of sites: each is one transaction that checks, writes what should be, and starts the operation that does it.

Nothing here waits for a host. Who may not see an order or a site gets its ``DoesNotExist``; what a member does wrong
raises a ``HostingError`` (``errors.py``).
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from controlpanel.operations.models import Operation
from members import services as members
from routing import services as routing
from storage import services as storage
from storage.choices import VolumeState
from storage.errors import NoPool, StorageError

from .. import intents, names, placement, selectors, suspension
from .. import php_settings as choices
from ..choices import SiteKind, SiteState
from ..errors import (
    Deleted,
    InvalidKind,
    KindFixed,
    Moving,
    NoCapacity,
    NoLongerKept,
    NotDeleted,
    OrderFull,
    SiteBusy,
    VolumeBusy,
)
from ..intents import LEAST_WORKERS, MOST_WORKERS
from ..models import HostingOrder, Site
from ..names import Names
from . import moves

__all__ = [
    "DEFAULT_WORKERS",
    "LEAST_WORKERS",
    "MOST_WORKERS",
    "create_site",
    "delete_site",
    "disable_site",
    "edit_site",
    "enable_site",
    "place_again",
    "purge_due",
    "restore_site",
]

DEFAULT_WORKERS = 4
#: www-data, which has this number on every Debian (base-passwd). A volume's root belongs to it, so that nginx and the
#: site itself may enter and no other site may.
WEB_SERVER_GROUP = 33


def create_site(
    actor: "selectors.Actor",
    order: HostingOrder | int,
    kind: str,
    domains: Iterable[str],
    *,
    redirects: Iterable[str] = (),
    php_workers: int = DEFAULT_WORKERS,
    idempotency_key: str = "",
    requested_from: str | None = None,
    also: "Callable[[HostingOrder, Site], dict[str, Any]] | None" = None,
) -> tuple[Site, Operation]:
    """A new site of an order, on the web host that placement chooses; the first domain becomes its main name.

    The same key from the same login gives the site and the operation that it gave the first time. Raises
    HostingOrder.DoesNotExist (also for another member's order) and HostingError. For a WordPress site call
    ``create_wordpress``, which adds what belongs to it by ``also`` (what it returns are params of the operation).
    """
    order = selectors.order_for(actor, order if isinstance(order, int) else order.pk)
    wanted = intents.check(domains, redirects, kind, php_workers)
    if (kind == SiteKind.WORDPRESS) != (also is not None):
        raise InvalidKind("kind")
    plan = "hosting.create_wordpress" if also else "hosting.create_site"

    def make() -> Operation:
        # One creation at a time in an order: for its limit, and so that each sees where the one before was placed.
        locked = HostingOrder.objects.select_for_update().get(pk=order.pk)
        suspension.check_open(locked)
        if locked.sites.exclude(state=SiteState.DELETED).count() >= locked.max_sites:
            raise OrderFull(limit=locked.max_sites)
        host = placement.choose_host(kind, php_workers)
        site = Site.objects.create(order=locked, kind=kind, host=host, php_workers=php_workers)
        site.uid = members.posix_id(f"site:{site.pk}")
        try:
            site.volume = storage.create_volume(
                size_bytes=locked.site_size_bytes, uid=site.uid, gid=WEB_SERVER_GROUP, scope=f"order:{locked.pk}"
            )
        except NoPool:
            raise NoCapacity from None
        site.save(update_fields=["uid", "volume"])
        storage.begin_attach(site.volume, host, site.path)
        names.write(actor, site, wanted)
        intents.route(site, wanted)
        more = also(locked, site) if also else {}
        return intents.start(plan, site, actor, idempotency_key, requested_from, **more)

    operation = intents.once(actor, idempotency_key, plan, make)
    return Site.objects.select_related("order").get(pk=operation.params["site"]), operation


def edit_site(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    domains: Iterable[str] | None = None,
    redirects: Iterable[str] | None = None,
    kind: str | None = None,
    php_workers: int | None = None,
    php_settings: Mapping[str, Any] | None = None,
    revision: int | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """Change what is given, leave the rest. ``revision`` is the one that the form showed; StaleForm if it is older.

    Of ``php_settings`` too: what is left out stays as it is, and None stands for the default.
    """
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    if site.state in (SiteState.DELETED, SiteState.PURGING):
        raise Deleted  # rather than that it has no names
    now = Names.of(site)
    wanted = intents.check(
        now.served if domains is None else domains,
        now.redirects if redirects is None else redirects,
        site.kind if kind is None else kind,
        site.php_workers if php_workers is None else php_workers,
        most_workers=max(MOST_WORKERS, site.php_workers),  # staff may have given it more
    )
    if kind is not None and kind != site.kind and SiteKind.WORDPRESS in (kind, site.kind):
        raise KindFixed("kind")
    choices.merged(site.php_settings, php_settings or {})

    def make() -> Operation:
        locked = intents.lock(site, wanted.all)
        intents.check_revision(locked, revision)
        intents.check_changeable(locked)
        locked.kind = kind or locked.kind
        locked.php_workers = php_workers or locked.php_workers
        locked.php_settings = choices.merged(locked.php_settings, php_settings or {})
        removed = names.write(actor, locked, wanted)
        intents.route(locked, wanted)
        intents.intend(locked, SiteState.UPDATING, "kind", "php_workers", "php_settings")
        return intents.start("hosting.edit_site", locked, actor, idempotency_key, requested_from, removed=list(removed))

    return intents.changed(actor, site, "hosting.edit_site", idempotency_key, make)


def disable_site(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    revision: int | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """Stop the site's programs and tell its visitors that it is disabled. Its data and names stay."""
    return _switch(actor, site, False, revision, idempotency_key, requested_from)


def enable_site(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    revision: int | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """Undo ``disable_site``."""
    return _switch(actor, site, True, revision, idempotency_key, requested_from)


def delete_site(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    revision: int | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """Take the site off its host and its names off the edges. Its data is kept for SITE_GRACE_DAYS.

    Its names are free for others once the edges no longer know them. Raises AlreadyDeleting for a second call.
    """
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)

    def make() -> Operation:
        return _delete(intents.lock(site), actor, revision, idempotency_key, requested_from)

    return intents.changed(actor, site, "hosting.delete_site", idempotency_key, make)


@transaction.atomic
def delete_by_clock(site: Site) -> Operation:
    """The same, for a site of a member who left: nobody asked for it but the days."""
    return _delete(intents.lock(site), None, None, "", None)


def restore_site(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    domains: Iterable[str] | None = None,
    redirects: Iterable[str] | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """Bring a deleted site back with its data, on the host that placement chooses now.

    It gets the names that it had, or those given. Raises DomainTaken when one belongs to another site by now, and
    NoLongerKept after the grace period.
    """
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    if site.state != SiteState.DELETED:
        raise NotDeleted  # rather than that it has no names
    former = site.former_names
    wanted = intents.check(
        former.get("served", []) if domains is None else domains,
        former.get("redirects", []) if redirects is None else redirects,
        site.kind,
        site.php_workers,
        most_workers=max(MOST_WORKERS, site.php_workers),
    )

    def make() -> Operation:
        order = HostingOrder.objects.select_for_update().get(pk=site.order_id)
        suspension.check_open(order)
        locked = intents.lock(site, wanted.all)
        if locked.state != SiteState.DELETED:
            raise NotDeleted
        if not locked.restorable or locked.volume is None:
            raise NoLongerKept
        if order.sites.exclude(state=SiteState.DELETED).count() >= order.max_sites:
            raise OrderFull(limit=order.max_sites)
        locked.host = placement.choose_host(locked.kind, locked.php_workers, locked.memory_mb)
        try:
            storage.begin_attach(locked.volume, locked.host, locked.path)
        except StorageError as error:
            raise VolumeBusy(reason=str(error)) from None
        names.write(actor, locked, wanted)
        intents.route(locked, wanted)
        locked.purge_after = None
        intents.intend(locked, SiteState.CREATING, "host", "purge_after")
        return intents.start("hosting.restore_site", locked, actor, idempotency_key, requested_from)

    return intents.changed(actor, site, "hosting.restore_site", idempotency_key, make)


def place_again(site: Site) -> None:
    """Prepare another try to bring up a site whose last one was taken back: a host of today, if it has none to itself.

    Inside the caller's transaction. Raises NoCapacity, and storage's errors while a host may still have its volume.
    """
    if site.volume is None:
        raise NoLongerKept
    attachment = site.volume.attachments.filter(leaving=False, fenced=None).select_related("host").first()
    site.host = attachment.host if attachment else placement.choose_host(site.kind, site.php_workers, site.memory_mb)
    storage.begin_attach(site.volume, site.host, site.path)
    site.save(update_fields=["host"])
    intents.route(site, Names.of(site))


def purge_due() -> list[Operation]:
    """Start to forget every deleted site whose volume storage has purged from the trash. Called by the clock."""
    due = Site.objects.filter(state=SiteState.DELETED, purge_after__lte=timezone.now())
    due = due.filter(Q(volume=None) | Q(volume__state=VolumeState.ABSENT))
    started = []
    for site in due.select_related("order")[:50]:
        with transaction.atomic():
            locked = intents.lock(site)
            if locked.state != SiteState.DELETED or locked.purge_after is None or locked.purge_after > timezone.now():
                continue
            intents.intend(locked, SiteState.PURGING)
            started.append(intents.start("hosting.purge_site", locked, None, "", None))
    return started


def _delete(
    locked: Site,
    actor: "selectors.Actor",
    revision: int | None,
    idempotency_key: str,
    requested_from: str | None,
) -> Operation:
    intents.check_not_gone(locked)
    if locked.state == SiteState.CREATING:
        raise SiteBusy
    if moves.is_moving(locked):
        raise Moving
    intents.check_revision(locked, revision)
    routing.remove(locked.pk)
    # What its creation's undo has put into the trash never held a member's data.
    keep = locked.volume is not None and locked.volume.state not in (VolumeState.TRASHED, VolumeState.ABSENT)
    locked.purge_after = timezone.now() + timedelta(days=settings.SITE_GRACE_DAYS if keep else 0)
    if locked.volume and locked.volume.state in (VolumeState.GRANTING, VolumeState.ATTACHED):
        storage.begin_detach_all(locked.volume)
    intents.intend(locked, SiteState.DELETING, "purge_after")
    return intents.start("hosting.delete_site", locked, actor, idempotency_key, requested_from)


def _switch(
    actor: "selectors.Actor",
    site: Site | int,
    enabled: bool,
    revision: int | None,
    idempotency_key: str,
    requested_from: str | None,
) -> tuple[Site, Operation]:
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    kind = "hosting.enable_site" if enabled else "hosting.disable_site"

    def make() -> Operation:
        locked = intents.lock(site)
        intents.check_revision(locked, revision)
        intents.check_changeable(locked)
        locked.enabled = enabled
        intents.route(locked, Names.of(locked))
        intents.intend(locked, SiteState.UPDATING, "enabled")
        return intents.start(kind, locked, actor, idempotency_key, requested_from)

    return intents.changed(actor, site, kind, idempotency_key, make)
