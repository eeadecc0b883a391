"""Which sites leave a living host, in which order, and where to: for the plan of an evacuation, its preview and report.

Reads only; a handful of queries, however many sites.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef, Q

from controlpanel.fleet.models import Host

from . import places, recovering
from .choices import SiteState
from .models import Placement, Site
from .services import moves

_GOING = (SiteState.DELETING, SiteState.DELETED, SiteState.PURGING)


@dataclass(frozen=True)
class Round:
    """Batches that are under way at the same time: at most one to each host. By target, the ids of the sites."""

    batches: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass
class Evacuation:
    """What would be done."""

    host: str
    rounds: list[Round] = field(default_factory=list)
    #: Sites on several hosts: they only leave this one.
    several: list[int] = field(default_factory=list)
    #: Sites that fit nowhere, or cannot be moved as they are.
    left: list[int] = field(default_factory=list)

    @property
    def targets(self) -> dict[str, int]:
        """How many sites each host gets."""
        found: dict[str, int] = {}
        for turn in self.rounds:
            for target, sites in turn.batches:
                found[target] = found.get(target, 0) + len(sites)
        return dict(sorted(found.items()))

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        longest = (max(len(sites) for _target, sites in turn.batches) for turn in self.rounds)
        return round(sum(moves.TAKES + moves.EACH * count for count in longest), 1)

    @property
    def visitors_wait(self) -> float:
        """About how long (s) the visitors of each site wait, once."""
        sizes = [len(sites) for turn in self.rounds for _target, sites in turn.batches]
        return round(moves.WAITS + moves.EACH * (max(sizes, default=1) - 1), 1)

    def as_json(self) -> dict[str, Any]:
        return {
            "host": self.host,
            "sites": sum(self.targets.values()),
            "targets": self.targets,
            "batches": sum(len(turn.batches) for turn in self.rounds),
            "on_several_hosts": self.several,
            "left": self.left,
            "seconds": self.seconds,
            "visitors_wait_seconds": self.visitors_wait,
            "long_requests_end_after_seconds": moves.DRAIN,
        }


def plan(host: Host) -> Evacuation:
    """The most important first: by their order's importance, then those with more requests, then as they came."""
    found = Evacuation(host.name)
    rates = recovering.rates_of(host)
    sites = list(_with_several(places.sites_on(host).exclude(state__in=_GOING)).select_related("order"))
    sites.sort(key=lambda site: (-site.order.importance, -rates.get(str(site.pk), 0.0), site.pk))
    movable = []
    for site in sites:
        if site.several:
            found.several.append(site.pk)
        elif site.placed and site.volume_id and site.state != SiteState.CREATING:
            movable.append(site)
        else:
            found.left.append(site.pk)
    targets = moves.assign(movable, avoid=[host.name])
    found.left += [site.pk for site in movable if site.pk not in targets]
    waiting = moves.batches(movable, targets)
    while waiting:
        turn: dict[str, tuple[int, ...]] = {}
        rest = []
        for source, target, batch in waiting:
            if target.name in turn:
                rest.append((source, target, batch))
            else:
                turn[target.name] = tuple(site.pk for site in batch)
        found.rounds.append(Round(tuple(turn.items())))
        waiting = rest
    return found


def still_on(host: Host) -> Sequence[Site]:
    """What has not left it."""
    return list(places.sites_on(host).exclude(state__in=_GOING).prefetch_related("domains").order_by("pk"))


def _with_several(sites: Any) -> Any:
    others = Placement.objects.filter(site=OuterRef("pk"))
    return sites.annotate(several=Exists(others)).filter(Q(host__isnull=False) | Q(several=True))
