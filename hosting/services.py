"""Changes of sites: each is one transaction that checks, writes what should be, and starts the operation that does it.

Nothing here waits for a host. Who may not see an order or a site gets its ``DoesNotExist``; what a member does wrong
raises a ``HostingError`` (``errors.py``).
"""

import hashlib
from collections.abc import Callable, Iterable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from controlpanel.operations import services as operations
from controlpanel.operations.locks import lock_resources
from controlpanel.operations.models import Operation
from members import services as members
from routing import services as routing
from storage import services as storage

from . import names, placement, selectors
from .choices import SiteKind, SiteState
from .errors import (
    AlreadyDeleting,
    Deleted,
    HostingError,
    InvalidKind,
    InvalidWorkers,
    KeyReused,
    NeverCreated,
    NoLongerKept,
    NotDeleted,
    OrderFull,
    SiteBusy,
    StaleForm,
    raise_all,
)
from .models import HostingOrder, Site
from .names import Names

#: PHP processes that a member may give a site.
LEAST_WORKERS, MOST_WORKERS = 1, 32
DEFAULT_WORKERS = 4


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
) -> tuple[Site, Operation]:
    """A new site of an order, on the web host that placement chooses; the first domain becomes its main name.

    The same key from the same login gives the site and the operation that it gave the first time. Raises
    HostingOrder.DoesNotExist (also for another member's order) and HostingError.
    """
    order = selectors.order_for(actor, order if isinstance(order, int) else order.pk)
    wanted = _check(domains, redirects, kind, php_workers)

    def make() -> Operation:
        # One creation at a time in an order: for its limit, and so that each sees where the one before was placed.
        locked = HostingOrder.objects.select_for_update().get(pk=order.pk)
        names.check_free(actor, wanted)
        if locked.sites.exclude(state=SiteState.DELETED).count() >= locked.max_sites:
            raise OrderFull(limit=locked.max_sites)
        host = placement.choose_host(kind, php_workers)
        site = Site.objects.create(order=locked, kind=kind, host=host, php_workers=php_workers)
        site.uid = members.posix_id(f"site:{site.pk}")
        site.volume = storage.create_volume(
            size_bytes=locked.site_size_bytes, uid=site.uid, gid=site.uid, scope=f"order:{locked.pk}"
        )
        site.save(update_fields=["uid", "volume"])
        storage.begin_attach(site.volume, host, site.path)
        names.write(actor, site, wanted)
        _route(site, wanted)
        return _start("hosting.create_site", site, actor, idempotency_key, requested_from)

    operation = _once(actor, idempotency_key, "hosting.create_site", make)
    return Site.objects.select_related("order").get(pk=operation.params["site"]), operation


def edit_site(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    domains: Iterable[str] | None = None,
    redirects: Iterable[str] | None = None,
    kind: str | None = None,
    php_workers: int | None = None,
    revision: int | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """Change what is given, leave the rest. ``revision`` is the one that the form showed; StaleForm if it is older."""
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    if site.state in (SiteState.DELETED, SiteState.PURGING):
        raise Deleted  # rather than that it has no names
    now = Names.of(site)
    wanted = _check(
        now.served if domains is None else domains,
        now.redirects if redirects is None else redirects,
        site.kind if kind is None else kind,
        site.php_workers if php_workers is None else php_workers,
    )

    def make() -> Operation:
        locked = _lock(site, wanted.all)
        _check_revision(locked, revision)
        _check_changeable(locked)
        locked.kind = kind or locked.kind
        locked.php_workers = php_workers or locked.php_workers
        removed = names.write(actor, locked, wanted)
        _route(locked, wanted)
        _intend(locked, SiteState.UPDATING, "kind", "php_workers")
        return _start("hosting.edit_site", locked, actor, idempotency_key, requested_from, removed=list(removed))

    return _changed(actor, site, "hosting.edit_site", idempotency_key, make)


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
        locked = _lock(site)
        if locked.state == SiteState.DELETING:
            raise AlreadyDeleting
        if locked.state == SiteState.DELETED:
            raise Deleted
        if locked.state == SiteState.CREATING:
            raise SiteBusy
        _check_revision(locked, revision)
        routing.remove(locked.pk)
        locked.purge_after = timezone.now() + timedelta(days=settings.SITE_GRACE_DAYS)
        _intend(locked, SiteState.DELETING, "purge_after")
        return _start("hosting.delete_site", locked, actor, idempotency_key, requested_from)

    return _changed(actor, site, "hosting.delete_site", idempotency_key, make)


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
    former = site.former_names
    wanted = _check(
        former.get("served", []) if domains is None else domains,
        former.get("redirects", []) if redirects is None else redirects,
        site.kind,
        site.php_workers,
    )

    def make() -> Operation:
        order = HostingOrder.objects.select_for_update().get(pk=site.order_id)
        locked = _lock(site, wanted.all)
        if locked.state != SiteState.DELETED:
            raise NotDeleted
        if not locked.restorable or locked.volume is None:
            raise NoLongerKept
        if order.sites.exclude(state=SiteState.DELETED).count() >= order.max_sites:
            raise OrderFull(limit=order.max_sites)
        locked.host = placement.choose_host(locked.kind, locked.php_workers)
        storage.begin_attach(locked.volume, locked.host, locked.path)
        names.write(actor, locked, wanted)
        _route(locked, wanted)
        locked.purge_after = None
        _intend(locked, SiteState.CREATING, "host", "purge_after")
        return _start("hosting.restore_site", locked, actor, idempotency_key, requested_from)

    return _changed(actor, site, "hosting.restore_site", idempotency_key, make)


def purge_due() -> list[Operation]:
    """Start the removal of every deleted site whose grace period is over. Called by the clock."""
    due = Site.objects.filter(state=SiteState.DELETED, purge_after__lte=timezone.now())
    started = []
    for site in due.select_related("order")[:50]:
        with transaction.atomic():
            locked = _lock(site)
            if locked.state != SiteState.DELETED or locked.purge_after is None or locked.purge_after > timezone.now():
                continue
            _intend(locked, SiteState.PURGING)
            started.append(_start("hosting.purge_site", locked, None, "", None))
    return started


# --- helpers -----------------------------------------------------------------------------------------------------


def _check(domains: Iterable[str], redirects: Iterable[str], kind: str, php_workers: int) -> Names:
    """Everything that can be judged without the database, all problems at once."""
    problems: list[HostingError] = []
    wanted = Names(())
    try:
        wanted = Names.parse(domains, redirects)
    except HostingError as error:
        problems += error.problems
    if kind not in SiteKind.values:
        problems.append(InvalidKind("kind"))
    if not LEAST_WORKERS <= php_workers <= MOST_WORKERS:
        problems.append(InvalidWorkers("php_workers", low=LEAST_WORKERS, high=MOST_WORKERS))
    raise_all(problems)
    return wanted


def _check_revision(site: Site, revision: int | None) -> None:
    if revision is not None and revision != site.revision:
        raise StaleForm


def _check_changeable(site: Site) -> None:
    """Changes queue behind each other, but not behind a creation (which may end in nothing) or a deletion."""
    if site.state == SiteState.CREATING:
        raise SiteBusy
    if site.state == SiteState.DELETING:
        raise AlreadyDeleting
    if site.state in (SiteState.DELETED, SiteState.PURGING):
        raise Deleted
    if not site.placed:
        raise NeverCreated


def _lock(site: Site, more_names: Iterable[str] = ()) -> Site:
    """The site as it is now, with everything locked that an operation on it may reserve.

    All in one go: ``operations.start`` and the workers take the same locks, and two orders would be a deadlock.
    """
    lock_resources(
        [
            f"site:{site.pk}",
            *([f"host:{site.host.name}"] if site.host else []),
            *([f"volume:{site.volume.name}"] if site.volume else []),
            *(f"domain:{name}" for name in {*site.domains.values_list("name", flat=True), *more_names}),
        ]
    )
    return Site.objects.select_related("order", "host", "volume").select_for_update(of=("self",)).get(pk=site.pk)


def _intend(site: Site, state: SiteState, *fields: str) -> None:
    """Save the intent under a new revision."""
    site.state = state
    site.revision += 1
    site.save(update_fields=["state", "revision", *fields])


def _route(site: Site, wanted: Names) -> None:
    routing.set_backend(site.pk, site.host, "normal" if site.enabled else "disabled")
    routing.set_routes(site.pk, wanted.primary, list(wanted.served), list(wanted.redirects))


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
        locked = _lock(site)
        _check_revision(locked, revision)
        _check_changeable(locked)
        locked.enabled = enabled
        _route(locked, Names.of(locked))
        _intend(locked, SiteState.UPDATING, "enabled")
        return _start(kind, locked, actor, idempotency_key, requested_from)

    return _changed(actor, site, kind, idempotency_key, make)


def _start(
    kind: str,
    site: Site,
    actor: "selectors.Actor",
    idempotency_key: str,
    requested_from: str | None,
    **params: object,
) -> Operation:
    return operations.start(
        kind,
        {"site": site.pk, "name": site.name, "revision": site.revision, **params},
        scopes=site.order.scopes,
        actor=actor if isinstance(actor, selectors.Login) else None,
        idempotency_key=_key(idempotency_key),
        requested_from=requested_from,
    )


def _key(idempotency_key: str) -> str:
    """As it is stored: long ones by their digest."""
    if len(idempotency_key) <= 80:
        return idempotency_key
    return hashlib.sha256(idempotency_key.encode()).hexdigest()


def _once(
    actor: "selectors.Actor", idempotency_key: str, kind: str, make: Callable[[], Operation], site: Site | None = None
) -> Operation:
    login = actor if isinstance(actor, selectors.Login) else None
    operation = operations.once(login, _key(idempotency_key), make)
    if operation.kind != kind or (site is not None and operation.params.get("site") != site.pk):
        raise KeyReused
    return operation


def _changed(
    actor: "selectors.Actor", site: Site, kind: str, idempotency_key: str, make: Callable[[], Operation]
) -> tuple[Site, Operation]:
    operation = _once(actor, idempotency_key, kind, make, site)
    return selectors.site_for(actor, site.pk), operation
