"""What every change of a site does around its own part: check, lock, write the intent, start the operation."""

import hashlib
from collections.abc import Callable, Iterable

from controlpanel.fleet.choices import HostState
from controlpanel.operations import services as operations
from controlpanel.operations.locks import lock_resources
from controlpanel.operations.models import Operation
from members.models import Login
from routing import services as routing

from . import selectors
from .choices import SiteKind, SiteState
from .errors import (
    AlreadyDeleting,
    Deleted,
    DomainTaken,
    HostingError,
    InvalidKind,
    InvalidWorkers,
    KeyReused,
    MemberClosed,
    NeverCreated,
    ServerDead,
    SiteBusy,
    StaleForm,
    raise_all,
)
from .models import Site
from .names import Names
from .validators import readable

#: PHP processes that a member may give a site.
LEAST_WORKERS, MOST_WORKERS = 1, 32


def check(
    domains: Iterable[str], redirects: Iterable[str], kind: str, php_workers: int, most_workers: int = MOST_WORKERS
) -> Names:
    """Everything that can be judged without the database, all problems at once."""
    problems: list[HostingError] = []
    wanted = Names(())
    try:
        wanted = Names.parse(domains, redirects)
    except HostingError as error:
        problems += error.problems
    if kind not in SiteKind.values:
        problems.append(InvalidKind("kind"))
    if not LEAST_WORKERS <= php_workers <= most_workers:
        problems.append(InvalidWorkers("php_workers", low=LEAST_WORKERS, high=most_workers))
    raise_all(problems)
    return wanted


def check_revision(site: Site, revision: int | None) -> None:
    if revision is not None and revision != site.revision:
        raise StaleForm


def check_not_gone(site: Site) -> None:
    """Raises AlreadyDeleting and Deleted."""
    if site.state == SiteState.DELETING:
        raise AlreadyDeleting
    if site.state in (SiteState.DELETED, SiteState.PURGING):
        raise Deleted


def lock_existing(pk: int) -> Site:
    """The site's row, locked for a change of what belongs to it and waits for nothing else that is done with it.

    Raises AlreadyDeleting and Deleted.
    """
    locked = Site.objects.select_related("order").select_for_update(of=("self",)).get(pk=pk)
    check_not_gone(locked)
    return locked


def check_changeable(site: Site, *, even_suspended: bool = False) -> None:
    """Changes queue behind each other, but not behind a creation (which may end in nothing) or a deletion.

    ``even_suspended``: what staff do where it runs, and what its owners did not ask for, goes on while its member is
    switched off.
    """
    if site.state == SiteState.CREATING:
        raise SiteBusy
    check_not_gone(site)
    if site.host is not None and site.host.state == HostState.FENCED:
        raise ServerDead
    if not site.placed:
        raise NeverCreated
    if site.suspended and not even_suspended:
        raise MemberClosed


def lock(site: Site, more_names: Iterable[str] = ()) -> Site:
    """The site as it is now, with everything locked that an operation on it may reserve.

    All in one go: ``operations.start`` and the workers take the same locks, and two orders would be a deadlock.
    """
    lock_resources(
        [
            f"site:{site.pk}",
            *([f"volume:{site.volume.pk}"] if site.volume else []),
            *(f"domain:{name}" for name in {*site.domains.values_list("name", flat=True), *more_names}),
        ]
    )
    return Site.objects.select_related("order", "host", "volume").select_for_update(of=("self",)).get(pk=site.pk)


def intend(site: Site, state: SiteState, *fields: str) -> None:
    """Save the intent under a new revision."""
    site.state = state
    site.revision += 1
    site.save(update_fields=["state", "revision", *fields])


def route(site: Site, wanted: Names) -> None:
    routing.set_backend(site.pk, site.host, site.mode)
    try:
        routing.set_routes(site.pk, wanted.primary, list(wanted.served), list(wanted.redirects))
    except routing.NameTaken as error:  # a site that is being deleted still has it on the edges
        field = "redirects" if error.name in wanted.redirects else "domains"
        raise DomainTaken(field, name=readable(error.name)) from None


def start(
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
        scopes=site.scopes,
        actor=login_of(actor),
        idempotency_key=stored_key(idempotency_key),
        requested_from=requested_from,
    )


def login_of(actor: "selectors.Actor") -> Login | None:
    """Who asks, for operations; None for the panel itself."""
    return actor if isinstance(actor, Login) else None


def stored_key(idempotency_key: str) -> str:
    """As it is stored: long ones by their digest."""
    if len(idempotency_key) <= 80:
        return idempotency_key
    return hashlib.sha256(idempotency_key.encode()).hexdigest()


def once(
    actor: "selectors.Actor", idempotency_key: str, kind: str, make: Callable[[], Operation], site: Site | None = None
) -> Operation:
    operation = operations.once(login_of(actor), stored_key(idempotency_key), make)
    if operation.kind != kind or (site is not None and operation.params.get("site") != site.pk):
        raise KeyReused
    return operation


def changed(
    actor: "selectors.Actor", site: Site, kind: str, idempotency_key: str, make: Callable[[], Operation]
) -> tuple[Site, Operation]:
    operation = once(actor, idempotency_key, kind, make, site)
    return selectors.site_for(actor, site.pk), operation
