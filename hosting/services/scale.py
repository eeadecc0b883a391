"""A popular site gets more (or less): limits of its own, hosts for itself, several web hosts at once. Staff only.

``scale_site`` writes what is to be and starts the operation; the functions below it are its turning points, which its
steps call. ``promote`` and ``without_host`` are for whoever moves a site, or brings back the sites of a dead host.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction

from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation
from routing import services as routing
from storage import services as storage
from storage.choices import VolumeState

from .. import intents, places, scaling, selectors
from ..choices import SiteState
from ..errors import ChangeUnderWay, HostUnfit, InQuarantine, LastHost, NothingToChange, VolumeBusy
from ..models import Placement, Site
from ..scaling import Size
from . import moves

__all__ = [
    "intend_size",
    "leave_host",
    "move_others",
    "promote",
    "scale_site",
    "settle_hosts",
    "switch",
    "switch_back",
    "unshare_alone",
    "without_host",
]

#: An operation changes the site in these states.
_IN_MOTION = (SiteState.UPDATING, SiteState.MOVING)


def scale_site(
    actor: "selectors.Actor",
    site: Site | int,
    *,
    php_workers: int | None = None,
    memory_mb: int | None = None,
    cpu_weight: int | None = None,
    tasks: int | None = None,
    hosts: int | Iterable[str] | None = None,
    dedicated: bool | None = None,
    revision: int | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Site, Operation]:
    """Give a site another size, while it goes on answering. What is None stays; units as in ``scaling.RANGES``.

    ``hosts``: how many web hosts, or their names. ``dedicated``: no other site is placed on them from now on (others
    that are there stay until they are moved).

    Raises Site.DoesNotExist, PermissionDenied for members, HostingError.
    """
    site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
    if not getattr(actor, "is_staff", False):
        raise PermissionDenied
    names = hosts if hosts is None or isinstance(hosts, int) else list(hosts)
    changes: dict[str, Any] = {
        "php_workers": php_workers,
        "memory_mb": memory_mb,
        "cpu_weight": cpu_weight,
        "tasks": tasks,
        "hosts": names,
        "dedicated": dedicated,
    }

    if all(value is None for value in changes.values()):
        raise NothingToChange

    def make() -> Operation:
        locked = intents.lock(site)
        intents.check_revision(locked, revision)
        intents.check_changeable(locked, even_suspended=True)
        if locked.state in _IN_MOTION:
            raise ChangeUnderWay
        before, after = Size.of(locked), scaling.wanted(locked, changes)
        adding = [name for name in after.hosts if name not in before.hosts]
        if adding and locked.quarantined:
            raise InQuarantine
        left_over = [one.host.name for one in places.further_of(locked) if one.leaving]
        for name in adding:
            if name in left_over:
                raise HostUnfit("hosts", name=name)
        removing = [*(name for name in before.hosts if name not in after.hosts), *left_over]
        intend_size(locked, after, adding)
        intents.intend(locked, SiteState.UPDATING)
        return intents.start(
            "hosting.scale_site",
            locked,
            actor,
            idempotency_key,
            requested_from,
            before=before.as_params(),
            after=after.as_params(),
            adding=adding,
            removing=removing,
        )

    return intents.changed(actor, site, "hosting.scale_site", idempotency_key, make)


def leave_host(actor: "selectors.Actor", site: Site, host: Host, **common: Any) -> tuple[Site, Operation]:
    """Take a site that is on several web hosts off one of them, without losing a request. Raises LastHost, …"""
    rest = [other.name for other in places.staying_hosts(site) if other.pk != host.pk]
    if not rest:
        raise LastHost
    return scale_site(actor, site, hosts=rest, **common)


def move_others(actor: "selectors.Actor", site: Site, *, requested_from: str | None = None) -> list[Operation]:
    """Start to move every other site off a dedicated site's hosts; placement puts none there any more.

    Sites that are on several hosts themselves are left out. Raises NoCapacity, PermissionDenied.
    """
    hosts = places.staying_hosts(site)
    others = {other.pk for host in hosts for other in places.sites_on(host).exclude(pk=site.pk)}
    return moves.move_sites(actor, sorted(others), reason="dedicated", requested_from=requested_from) if others else []


# --- turning points of the operation -----------------------------------------------------------------------------


@transaction.atomic
def intend_size(site: Site, size: Size, adding: Iterable[str]) -> None:
    """Write the size that a site is to have, and the hosts that it is to get. Raises VolumeBusy."""
    adding = list(adding)
    if adding:
        if site.volume is None or site.volume.state != VolumeState.ATTACHED:
            raise VolumeBusy(reason=site.volume.get_state_display() if site.volume else "–")
        storage.share(site.volume)
    for host in Host.objects.filter(name__in=adding):
        Placement.objects.get_or_create(site=site, host=host)
    _set_limits(site, size)


def _set_limits(site: Site, size: Size) -> None:
    values: Mapping[str, Any] = {**size.limits, "dedicated": size.dedicated}
    for name, value in values.items():
        setattr(site, name, value)
    site.save(update_fields=list(values))


@transaction.atomic
def switch(site_id: int, after: Size, adding: Iterable[str], removing: Iterable[str]) -> None:
    """New hosts have the site: from now on edges are to send visitors there, and nobody new where it goes away."""
    site = _locked(site_id)
    further = site.placements.filter(leaving=False, placed=True)
    further.filter(host__name__in=list(adding)).update(serving=True)
    if site.host and site.host.name != after.hosts[0]:
        promote(site, Host.objects.get(name=after.hosts[0]))
    site.placements.filter(host__name__in=list(removing)).update(leaving=True, serving=False)
    _announce(site)


@transaction.atomic
def switch_back(site_id: int, before: Size, adding: Iterable[str]) -> None:
    """Take a switch back: visitors go where they went before, as far as the site is still there."""
    site = _locked(site_id)
    old = site.placements.filter(host__name__in=before.hosts, placed=True)
    old.update(leaving=False)
    old.update(serving=True)
    main = Host.objects.filter(name=before.hosts[0]).first()
    if main and site.host_id != main.pk and old.filter(host=main).exists():
        promote(site, main)
    site.placements.filter(host__name__in=list(adding)).update(serving=False)
    _announce(site)


@transaction.atomic
def settle_hosts(site_id: int, *, taken_back: bool, before: Size, adding: Iterable[str]) -> None:
    """The operation has ended: no row is left of hosts that have nothing of the site; alone, it has its volume alone.

    ``taken_back``: as it was before, limits too. A host that was skipped and may still have it stays, as leaving.
    """
    site = _locked(site_id)
    if taken_back:
        site.placements.filter(host__name__in=list(adding)).update(serving=False)
        site.placements.filter(host__name__in=list(adding), placed=True).update(leaving=True)
        _set_limits(site, before)
    site.placements.filter(placed=False).delete()
    if site.volume and not site.placements.exists():
        storage.unshare(site.volume)


def _locked(site_id: int) -> Site:
    return Site.objects.select_related("host", "volume").select_for_update(of=("self",)).get(pk=site_id)


def _announce(site: Site) -> None:
    """Let routing know which hosts serve the site; the operation tells the edges."""
    if site.host:
        routing.set_hosts(site.pk, site.host, places.serving_hosts(site)[1:])


def unshare_alone() -> int:
    """By the clock: a volume that only one host has, and is to have, is that host's alone again. How many became so.

    A host that was lost may have been cut off only after its site went on without it.
    """
    sites = Site.objects.filter(volume__shared=True, volume__state=VolumeState.ATTACHED, placements=None)
    alone = sites.exclude(state__in=_IN_MOTION).select_related("volume")
    return sum(storage.unshare(site.volume) for site in alone[:500] if site.volume)


# --- for moves and recoveries ------------------------------------------------------------------------------------


@transaction.atomic
def promote(site: Site, host: Host) -> None:
    """Make a further host of the site its main one; the main one becomes a further one. Edges are not told by this.

    Raises Placement.DoesNotExist unless the host has the site.
    """
    site.placements.get(host=host, placed=True).delete()
    if site.host and site.host_id != host.pk:
        Placement.objects.update_or_create(
            site=site, host=site.host, defaults={"placed": True, "serving": True, "leaving": False}
        )
    site.host = host
    site.save(update_fields=["host"])


@transaction.atomic
def without_host(site: Site, host: Host) -> bool:
    """A host is lost (dead, cut off): the site goes on with its others. The caller tells the edges (``publish_steps``).

    False, with nothing changed, when the site has no other host that serves it: it must be brought up elsewhere.
    """
    site = _locked(site.pk)
    others = [one for one in places.serving_hosts(site) if one.pk != host.pk and one.state != HostState.FENCED]
    if not others:
        return False
    if site.host_id == host.pk:
        promote(site, next((one for one in others if one.reachable), others[0]))
    site.placements.filter(host=host).delete()
    if site.volume:
        storage.forsake(site.volume, host)
        if not site.placements.exists():
            storage.unshare(site.volume)
    _announce(site)
    return True
