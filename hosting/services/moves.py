"""Moves of sites between web hosts: staff say which and (if they like) where to; an operation a batch does it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet

from controlpanel.fleet.choices import HostState, Role
from controlpanel.fleet.models import Host
from controlpanel.operations import services as operations
from controlpanel.operations.choices import UNFINISHED
from controlpanel.operations.locks import lock_resources
from controlpanel.operations.models import Operation
from members.models import Login

from .. import intents, placement, selectors
from ..choices import SiteState
from ..errors import AlreadyThere, NoCapacity, Scaled, TargetUnfit
from ..models import Site

#: Sites that are moved in one go: their visitors wait together, so not too many.
BATCH = 8
#: Seconds that requests under way get to end on the source, while new ones wait.
DRAIN = 5


def move_site(
    actor: "selectors.Actor",
    site: Site | int,
    host: Host | str | None = None,
    *,
    reason: str = "",
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """Move a site to a web host, or to the one that placement chooses. Behind what is under way on it.

    Staff only: PermissionDenied for others. Raises Site.DoesNotExist and HostingError.
    """
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    _staff_only(actor)

    def make() -> Operation:
        locked = intents.lock(site)
        check_movable(locked)
        target = _target(host, [locked])
        if locked.host_id == target.pk and not is_moving(locked):
            raise AlreadyThere("host", host=target.name)
        return start([locked], target, actor, reason, idempotency_key, requested_from)

    return intents.changed(actor, site, "hosting.move_site", idempotency_key, make)


def move_sites(
    actor: "selectors.Actor",
    sites: Iterable[Site | int],
    host: Host | str | None = None,
    *,
    reason: str = "",
    requested_from: str | None = None,
) -> list[Operation]:
    """Move several, in batches of BATCH with an operation each; those that cannot be moved, or are there, are left out.

    Without ``host`` each goes where there is most room. Raises NoCapacity, TargetUnfit, PermissionDenied.
    """
    _staff_only(actor)
    wanted = [site if isinstance(site, int) else site.pk for site in sites]
    movable = [site for site in selectors.sites_for(actor).filter(pk__in=wanted) if is_movable(site)]
    targets = assign(movable, host=_host(host) if host else None)
    if movable and not targets:
        raise NoCapacity
    started = []
    for source, target, batch in batches(movable, targets):
        del source
        if operation := move_batch([site.pk for site in batch], target, actor, reason, requested_from):
            started.append(operation)
    return started


def move_batch(
    ids: Sequence[int], target: Host, actor: "selectors.Actor", reason: str = "", requested_from: str | None = None
) -> Operation | None:
    """One operation for sites of one host, inside a transaction of its own; None when none of them can be moved."""

    def make() -> Operation | None:
        resources = Site.objects.filter(pk__in=ids).values_list("pk", "volume_id")
        lock_resources([name for site, volume in resources for name in (f"site:{site}", f"volume:{volume}")])
        sites = Site.objects.select_related("order", "host", "volume").select_for_update(of=("self",)).order_by("pk")
        batch = [site for site in sites.filter(pk__in=ids) if is_movable(site) and site.host_id != target.pk]
        return start(batch, target, actor, reason, "", requested_from) if batch else None

    with transaction.atomic():
        return make()


def start(
    sites: Sequence[Site],
    target: Host,
    actor: "selectors.Actor",
    reason: str,
    idempotency_key: str,
    requested_from: str | None,
) -> Operation:
    """Write the intent for these sites (locked) and start the operation."""
    for site in sites:
        intents.intend(site, SiteState.MOVING)
    one = sites[0] if len(sites) == 1 else None
    params: dict[str, Any] = {
        "sites": [site.pk for site in sites],
        "revisions": {str(site.pk): site.revision for site in sites},
        "host": target.name,
        "name": one.name if one else str(len(sites)),
        "reason": reason,
    }
    if one:
        params["site"] = one.pk
    return operations.start(
        "hosting.move_site",
        params,
        # A batch holds sites of several members: none of them is to see the others'.
        scopes=one.scopes if one else [],
        actor=actor if isinstance(actor, Login) else None,
        idempotency_key=intents.stored_key(idempotency_key),
        requested_from=requested_from,
    )


# --- what can go where -----------------------------------------------------------------------------------------------


def is_moving(site: Site) -> bool:
    """Whether a move of it is under way or waits."""
    return _moves().filter(reservations__resource=f"site:{site.pk}").exists()


def under_way(site: Site) -> Operation | None:
    """The move that the site says is under way, for its page; a batch's operation is staff's alone."""
    if site.state != SiteState.MOVING:
        return None
    return _moves().filter(reservations__resource=f"site:{site.pk}").order_by("pk").first()


def _moves() -> QuerySet[Operation]:
    return Operation.objects.filter(kind="hosting.move_site", state__in=UNFINISHED)


def is_movable(site: Site) -> bool:
    """Whether ``check_movable`` has nothing against it."""
    return bool(
        site.placed
        and site.volume_id
        and site.host_id
        and site.state not in (SiteState.CREATING, SiteState.DELETING, SiteState.DELETED, SiteState.PURGING)
        and not site.placements.exists()
    )


def check_movable(site: Site) -> None:
    """Raises HostingError for a site that cannot be moved (now)."""
    intents.check_changeable(site, even_suspended=True)
    if site.placements.exists():
        raise Scaled


def _host(host: Host | str) -> Host:
    if isinstance(host, Host):
        return host
    found = Host.objects.filter(name=host, roles__contains=[Role.WEB.value]).first()
    if found is None:
        raise TargetUnfit("host", host=host, reason=TargetUnfit.UNKNOWN)
    return found


def _target(host: Host | str | None, sites: Sequence[Site]) -> Host:
    """The host as asked for, or as placement chooses. Raises TargetUnfit, NoCapacity."""
    if host is None:
        targets = assign(sites)
        if not targets:
            raise NoCapacity
        return targets[sites[0].pk]
    found = _host(host)
    candidate = next(iter(placement.candidates([found])), None)
    need = sum(weight(site) for site in sites if site.host_id != found.pk)
    if found.state != HostState.ACTIVE:
        raise TargetUnfit("host", host=found.name, reason=TargetUnfit.STATE)
    if not found.reachable or found.needs_resync:
        raise TargetUnfit("host", host=found.name, reason=TargetUnfit.AWAY)
    if candidate is None or candidate.reserved:
        raise TargetUnfit("host", host=found.name, reason=TargetUnfit.RESERVED)
    if candidate.load_with(need) > 1:
        raise TargetUnfit("host", host=found.name, reason=TargetUnfit.FULL)
    return found


def weight(site: Site) -> int:
    """Memory (MB) that the site is expected to need."""
    return placement.weight_of(site.kind, site.php_workers, site.memory_mb)


def assign(sites: Sequence[Site], host: Host | None = None, avoid: Iterable[str] = ()) -> dict[int, Host]:
    """By site id the host that each goes to: the one with most room at that time, never the one that it is on.

    ``host``: the only one to go to. ``avoid``: names of hosts that take none. Sites that fit nowhere are left out. Two
    queries, however many sites.
    """
    hosts = {one.name: one for one in ([host] if host else placement.web_hosts())}
    avoid = set(avoid)
    fit = [
        one
        for one in placement.candidates(hosts.values())
        if one.active and one.ready and not one.reserved and one.name not in avoid
    ]
    used = {one.name: float(one.used_mb) for one in fit}
    found: dict[int, Host] = {}
    for site in sites:
        need = weight(site)
        open_to = [
            one for one in fit if hosts[one.name].pk != site.host_id and used[one.name] + need <= one.capacity_mb
        ]
        if open_to:
            best = min(open_to, key=lambda one: (used[one.name] / one.capacity_mb, one.name))
            used[best.name] += need
            found[site.pk] = hosts[best.name]
    return found


def batches(sites: Sequence[Site], targets: dict[int, Host]) -> list[tuple[int, Host, list[Site]]]:
    """Sites with a target, in the order given, as batches with one source and one target each."""
    groups: dict[tuple[int, str], list[Site]] = defaultdict(list)
    found: list[tuple[int, Host, list[Site]]] = []
    for site in sites:
        if site.pk not in targets or site.host_id is None:
            continue
        target = targets[site.pk]
        group = groups[site.host_id, target.name]
        if not group:
            found.append((site.host_id, target, group))
        group.append(site)
        if len(group) == BATCH:
            groups[site.host_id, target.name] = []
    return found


def _staff_only(actor: "selectors.Actor") -> None:
    if actor is None or not getattr(actor, "is_staff", False):
        raise PermissionDenied


# --- what it would mean ----------------------------------------------------------------------------------------------

#: Seconds that a move of one site takes as a rule, that its visitors wait, and what each site more of a batch adds.
TAKES, WAITS, EACH = 3.0, 2.0, 0.2


def facts(operation: Operation) -> dict[str, Any]:
    """For a preview: the steps, from where to where, how long it takes and visitors wait (s), the room there (MB)."""
    sites = list(Site.objects.filter(pk__in=operation.params["sites"]).select_related("host", "volume"))
    target = operation.params["host"]
    steps = operation.steps.order_by("position")
    [candidate] = placement.candidates([Host.objects.get(name=target)])
    return {
        "steps": [{"stage": step.stage, "title": step.title, "host": step.host} for step in steps],
        "from": sorted({site.host.name for site in sites if site.host}),
        "to": target,
        "space_bytes": sum(site.volume.used_bytes for site in sites if site.volume),
        "memory_mb": {
            "needed": sum(weight(site) for site in sites),
            "used_there": candidate.used_mb,
            "room_there": candidate.capacity_mb,
        },
        "seconds": round(TAKES + EACH * (len(sites) - 1), 1),
        "visitors_wait_seconds": round(WAITS + EACH * (len(sites) - 1), 1),
        "long_requests_end_after_seconds": DRAIN,
    }
