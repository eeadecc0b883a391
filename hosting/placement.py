"""Which web host takes a new site. The member never chooses a server."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count

from controlpanel.fleet.choices import HostState, Role
from controlpanel.fleet.models import Host

from . import places
from .choices import SiteKind, SiteState
from .errors import NoCapacity
from .models import Site
from .models.sites import DEFAULT_MEMORY_MB

#: Memory (MB) that a site needs on its host when little happens: its mount and log files, and for PHP its master.
STATIC_MB = 24
PHP_MB = 40
#: And for each process that may answer PHP requests: most sleep most of the time, so a tenth of what one can grow to.
WORKER_MB = 12
#: Memory (MB) that a host keeps for itself, and what it is taken to have when it has not said.
HOST_MB = 512
UNKNOWN_MB = 2048


@dataclass(frozen=True)
class Candidate:
    """A web host as placement sees it."""

    name: str
    active: bool
    #: It answers, and is in step with the database.
    ready: bool
    memory_mb: int
    #: What the sites that it has are expected to need, MB.
    used_mb: int
    #: A dedicated site has it for itself.
    reserved: bool = False

    @property
    def capacity_mb(self) -> int:
        return max(self.memory_mb - HOST_MB, 0)

    def load_with(self, weight_mb: int) -> float:
        """How full it would be with one site more; above 1 is too full."""
        return (self.used_mb + weight_mb) / self.capacity_mb if self.capacity_mb else float("inf")


def weight_of(kind: str, php_workers: int, memory_mb: int = DEFAULT_MEMORY_MB) -> int:
    """Memory (MB) that such a site is expected to need on each of its hosts.

    One that staff allow more than is usual was seen to need it: half of what is above counts as used.
    """
    expected = PHP_MB + WORKER_MB * php_workers if kind != SiteKind.STATIC else STATIC_MB
    return expected + max(memory_mb - DEFAULT_MEMORY_MB, 0) // 2


def choose(candidates: Iterable[Candidate], weight_mb: int) -> Candidate:
    """The host that is least full afterwards; of equals the first by name. A pure function; raises NoCapacity.

    One that does not answer just now is taken only when none does: the site is then made as soon as it comes back, and
    the member's click is answered all the same.
    """
    fit = [one for one in candidates if one.active and not one.reserved and one.load_with(weight_mb) <= 1]
    if not fit:
        raise NoCapacity
    return min(fit, key=lambda one: (not one.ready, one.load_with(weight_mb), one.name))


def used_mb() -> dict[int, int]:
    """What the sites of each host are expected to need, MB, by the host's id; a further host counts like a main one."""
    used: dict[int, int] = {}
    sites = Site.objects.exclude(state=SiteState.DELETED)
    for place in ("host_id", "placements__host_id"):
        rows = sites.exclude(**{place: None}).values(place, "kind", "php_workers", "memory_mb")
        for row in rows.annotate(count=Count("pk")).order_by():
            weight = weight_of(row["kind"], row["php_workers"], row["memory_mb"]) * row["count"]
            used[row[place]] = used.get(row[place], 0) + weight
    return used


def candidates(hosts: Iterable[Host] | None = None, site: Site | None = None) -> list[Candidate]:
    """All web hosts (or the given ones), from the database as it is now. ``site``: its own dedicated hosts are free."""
    used = used_mb()
    reserved = places.reserved_hosts(but=site)
    return [
        Candidate(
            name=host.name,
            active=host.state == HostState.ACTIVE,
            ready=host.reachable and not host.needs_resync,
            memory_mb=int(host.facts.get("memory_mb") or UNKNOWN_MB),
            used_mb=used.get(host.pk, 0),
            reserved=host.pk in reserved,
        )
        for host in (web_hosts() if hosts is None else hosts)
    ]


def web_hosts() -> list[Host]:
    """All web hosts, whatever their state."""
    return list(Host.objects.filter(roles__contains=[Role.WEB.value]))


def choose_host(kind: str, php_workers: int, memory_mb: int = DEFAULT_MEMORY_MB) -> Host:
    """The web host for a new site; raises NoCapacity."""
    hosts = {host.name: host for host in web_hosts()}
    return hosts[choose(candidates(hosts.values()), weight_of(kind, php_workers, memory_mb)).name]
