"""How large a site is to be: what may be asked for, and which web hosts that means. Nothing here writes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from controlpanel.fleet.choices import HostState, Role
from controlpanel.fleet.models import Host

from . import placement, places
from .errors import (
    HostingError,
    HostReserved,
    HostUnfit,
    InvalidLimit,
    NoCapacity,
    TooManyHosts,
    UnknownHost,
    raise_all,
)
from .models import Site

#: Least and most that staff may give a site: PHP processes, memory (MB), share of the CPU, processes of any kind.
RANGES: dict[str, tuple[int, int]] = {
    "php_workers": (1, 128),
    "memory_mb": (128, 65_536),
    "cpu_weight": (1, 10_000),
    "tasks": (64, 4096),
}
#: Web hosts of one site; an edge can choose among so many (``agent/haproxy/spread.py``).
MOST_HOSTS = 8


@dataclass(frozen=True)
class Size:
    """What a site has, or is to have. ``hosts``: names, the main one first."""

    php_workers: int
    memory_mb: int
    cpu_weight: int
    tasks: int
    dedicated: bool
    hosts: tuple[str, ...]

    @classmethod
    def of(cls, site: Site) -> "Size":
        """As it is meant now; a host that the site is leaving does not count."""
        hosts = tuple(host.name for host in places.staying_hosts(site))
        return cls(site.php_workers, site.memory_mb, site.cpu_weight, site.tasks, site.dedicated, hosts)

    def as_params(self) -> dict[str, Any]:
        """For an operation's params."""
        return {**asdict(self), "hosts": list(self.hosts)}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> "Size":
        return cls(**{**params, "hosts": tuple(params["hosts"])})

    @property
    def limits(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in RANGES}


def wanted(site: Site, changes: Mapping[str, Any]) -> Size:
    """The size that a request means: what it leaves out (or gives as None) stays. Raises HostingError.

    ``hosts`` is how many web hosts, of which placement chooses those that the site has not yet, or their names. The
    main host stays the main one as long as it is among them; else the first named that has the site already is it.
    """
    now = Size.of(site)
    given = {name: value for name, value in changes.items() if value is not None}
    limits = {name: int(given.get(name, getattr(now, name))) for name in RANGES}
    problems: list[HostingError] = [
        InvalidLimit(name, low=low, high=high)
        for name, (low, high) in RANGES.items()
        if name in given and not low <= limits[name] <= high
    ]
    raise_all(problems)
    dedicated = bool(given.get("dedicated", now.dedicated))
    hosts = _hosts(site, now.hosts, given.get("hosts"), dedicated, limits)
    return Size(**limits, dedicated=dedicated, hosts=hosts)


def _hosts(
    site: Site, now: Sequence[str], asked: int | Iterable[str] | None, dedicated: bool, limits: Mapping[str, int]
) -> tuple[str, ...]:
    if asked is None:
        return tuple(now)
    if isinstance(asked, int):
        if not 1 <= asked <= MOST_HOSTS:
            raise TooManyHosts("hosts", limit=MOST_HOSTS)
        return tuple(now[:asked]) + tuple(_choose(site, asked - len(now), dedicated, limits))
    names = list(dict.fromkeys(asked))
    if not 1 <= len(names) <= MOST_HOSTS:
        raise TooManyHosts("hosts", limit=MOST_HOSTS)
    for name in names:
        if name not in now:
            _check_host(site, name)
    # A stable sort: as they were named, but the main host first, and who has the site before who has not.
    return tuple(sorted(names, key=lambda name: (name != now[0], name not in now)))


def _choose(site: Site, count: int, dedicated: bool, limits: Mapping[str, int]) -> list[str]:
    """So many further hosts, the least full first; for a dedicated site only such as have no other site."""
    taken = {host.name for host in places.hosts_of(site)}
    weight = placement.weight_of(site.kind, limits["php_workers"], limits["memory_mb"])
    free = [one for one in placement.candidates(site=site) if one.name not in taken]
    if dedicated:
        free = [one for one in free if one.used_mb == 0]
    chosen: list[str] = []
    for _turn in range(count):
        try:
            best = placement.choose((one for one in free if one.name not in chosen), weight)
        except NoCapacity:
            raise NoCapacity("hosts") from None
        chosen.append(best.name)
    return chosen


def _check_host(site: Site, name: str) -> None:
    host = Host.objects.filter(name=name, roles__contains=[Role.WEB.value]).first()
    if host is None:
        raise UnknownHost("hosts", name=name[:80])
    if host.state != HostState.ACTIVE:
        raise HostUnfit("hosts", name=name)
    if host.pk in places.reserved_hosts(but=site):
        raise HostReserved("hosts", name=name)


def neighbours(site: Site, hosts: Iterable[str]) -> dict[str, int]:
    """How many other sites there are on these hosts, by name; for a dedicated site they are to be moved away."""
    rows = Host.objects.filter(name__in=list(hosts))
    counts = {host.name: places.sites_on(host).exclude(pk=site.pk).count() for host in rows}
    return {name: count for name, count in sorted(counts.items()) if count}
