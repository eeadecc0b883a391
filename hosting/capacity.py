"""Who has room for what: pure functions of what hosts can hold and what sites need, fast for thousands of sites.

Recovery, evacuation, suggestions and "can we lose web1 tonight?" all ask here, so that they agree.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .placement import Candidate

#: A host counts as full from here on, in suggestions and warnings.
FULL = 0.85
#: Suggestions move sites until hosts are this close to each other.
EVEN = 0.10


@dataclass(frozen=True)
class Load:
    """A site as capacity sees it."""

    site: int
    weight_mb: int
    #: Who comes first, and who matters more when not all fit: its order's importance, then its requests a second.
    importance: tuple[int, float] = (0, 0.0)
    #: Must go there if anywhere: it has the site's volume already.
    bound_to: str = ""


@dataclass
class Shares:
    """Who gets what."""

    #: By host, the sites in order of their importance.
    targets: dict[str, list[int]] = field(default_factory=dict)
    #: Sites that found no room.
    left: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(len(sites) for sites in self.targets.values())


def share_out(loads: Iterable[Load], candidates: Iterable[Candidate]) -> Shares:
    """Give each site to the host that is least full then, the most important first. Hosts that are away get nothing.

    O(n log m) for n sites on m hosts.
    """
    hosts = [one for one in candidates if one.active and one.ready and one.capacity_mb]
    used = {one.name: one.used_mb for one in hosts}
    capacity = {one.name: one.capacity_mb for one in hosts}
    heap = [(used[name] / capacity[name], name) for name in used]
    heapq.heapify(heap)
    shares = Shares()
    for load in sorted(loads, key=lambda load: (-load.importance[0], -load.importance[1], load.site)):
        name = load.bound_to if load.bound_to in used else _roomiest(heap, used, capacity, load.weight_mb)
        if not name:
            shares.left.append(load.site)
            continue
        used[name] += load.weight_mb
        heapq.heappush(heap, (used[name] / capacity[name], name))
        shares.targets.setdefault(name, []).append(load.site)
    return shares


def _roomiest(heap: list[tuple[float, str]], used: dict[str, int], capacity: dict[str, int], weight: int) -> str:
    """The least full host with room for it; "" when none has. Entries that are out of date are dropped on the way."""
    too_full: list[tuple[float, str]] = []
    found = ""
    while heap:
        fullness, name = heap[0]
        if fullness != used[name] / capacity[name]:
            heapq.heappop(heap)
        elif used[name] + weight > capacity[name]:
            too_full.append(heapq.heappop(heap))
        else:
            heapq.heappop(heap)
            found = name
            break
    for entry in too_full:
        heapq.heappush(heap, entry)
    return found


@dataclass(frozen=True)
class WhatIf:
    """Could the rest carry what is on a host?"""

    host: str
    sites: int
    #: By host, how many it would get, and how full it would be then (1 is full).
    targets: Mapping[str, tuple[int, float]]
    left: Sequence[int]

    @property
    def fits(self) -> bool:
        return not self.left


def what_if_lost(name: str, candidates: Sequence[Candidate], loads: Sequence[Load]) -> WhatIf:
    """What would become of the sites (``loads``) of a host if it died now."""
    rest = [one for one in candidates if one.name != name]
    shares = share_out(loads, rest)
    weights = {load.site: load.weight_mb for load in loads}
    by_name = {one.name: one for one in rest}
    targets = {
        target: (len(sites), by_name[target].load_with(sum(weights[site] for site in sites)))
        for target, sites in sorted(shares.targets.items())
    }
    return WhatIf(name, len(loads), targets, shares.left)


@dataclass(frozen=True)
class Suggestion:
    """Move these sites, and the host has room again."""

    source: str
    target: str
    sites: tuple[int, ...]
    #: How full the two are (1 is full), now and then.
    source_before: float
    source_after: float
    target_before: float
    target_after: float


def suggest(candidates: Sequence[Candidate], loads: Mapping[str, Sequence[Load]], most: int = 10) -> list[Suggestion]:
    """Few moves that help most: from hosts that are too full, or much fuller than the emptiest, to the emptiest.

    Sites that fewest people ask for go first: a move costs the least there. At most ``most`` sites a suggestion.
    """
    hosts = {one.name: one for one in candidates if one.capacity_mb}
    suggestions = []
    for name in sorted(hosts, key=lambda name: -hosts[name].load_with(0)):
        source = hosts[name]
        others = [one for one in hosts.values() if one.name != name and one.active and one.ready]
        if not others:
            continue
        target = min(others, key=lambda one: (one.load_with(0), one.name))
        gap = source.load_with(0) - target.load_with(0)
        if not (source.load_with(0) > FULL and gap > EVEN / 2) and gap <= 2 * EVEN:
            continue
        moved: list[Load] = []
        was = source, target
        for load in sorted(loads.get(name, ()), key=lambda load: (load.importance, -load.weight_mb, load.site)):
            if len(moved) == most or source.load_with(0) - target.load_with(0) <= EVEN:
                break
            if target.load_with(load.weight_mb) >= source.load_with(0):
                continue
            moved.append(load)
            source = replace(source, used_mb=source.used_mb - load.weight_mb)
            target = replace(target, used_mb=target.used_mb + load.weight_mb)
        if moved:
            hosts[source.name], hosts[target.name] = source, target
            sites = tuple(load.site for load in moved)
            before, after = (was[0].load_with(0), was[1].load_with(0)), (source.load_with(0), target.load_with(0))
            suggestions.append(Suggestion(name, target.name, sites, before[0], after[0], before[1], after[1]))
    return suggestions
