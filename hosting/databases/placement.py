"""Which database host takes a database. The member never chooses a server."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import Host

from ..choices import DatabaseState
from ..models import Database
from . import servers
from .errors import NoDatabaseCapacity

#: What a database is expected to take on disk before anything is in it (logs and indexes included), bytes.
EMPTY = 64 * 1024**2
#: Part of a host's disk that is never given away: logs, dumps, sorting.
RESERVE = 0.15
#: What a host is taken to have when it has not said, bytes.
UNKNOWN = 20 * 1024**3

#: Bytes a second that a copy takes, as measured in the lab (two cores for all hosts): a guess, and rather too slow.
RATE = 12 * 1024**2
#: Seconds that a move takes besides.
REST = 3
#: Seconds for which connections may be held while a database is copied.
LONGEST_HOLD = 20 * 60


@dataclass(frozen=True)
class Candidate:
    """A database host as placement sees it. Sizes in bytes."""

    name: str
    active: bool
    #: It answers, and is in step with the database.
    ready: bool
    disk: int
    #: Free now, by its own word; None when it has not said.
    free: int | None
    #: What its databases take, copies included.
    used: int
    databases: int

    def takes(self, size: int) -> bool:
        """Whether a database of that size fits, and leaves the reserve free."""
        free = self.disk - self.used if self.free is None else self.free
        return free - size > RESERVE * self.disk

    def load_with(self, size: int) -> float:
        return (self.used + size) / self.disk if self.disk else float("inf")


def choose(candidates: Iterable[Candidate], size: int = EMPTY) -> Candidate:
    """The host that is least full afterwards; of equals the one with fewer databases. A pure function.

    Raises NoDatabaseCapacity. One that does not answer just now is taken only when none does.
    """
    fit = [one for one in candidates if one.active and one.takes(size)]
    if not fit:
        raise NoDatabaseCapacity
    return min(fit, key=lambda one: (not one.ready, round(one.load_with(size), 2), one.databases, one.name))


def candidates() -> list[Candidate]:
    """All database hosts, from the database as it is now."""
    return [candidate(host) for host in servers.database_hosts()]


def candidate(host: Host) -> Candidate:
    """One host."""
    here = Database.objects.filter(Q(host=host) | Q(moving_to=host) | Q(copy_host=host)).exclude(
        state=DatabaseState.DELETED
    )
    sums = here.aggregate(count=Count("pk"), size=Sum("size_bytes"))
    disk_mb, free_mb = host.facts.get("disk_mb"), host.facts.get("disk_free_mb")
    return Candidate(
        name=host.name,
        active=host.state == HostState.ACTIVE,
        ready=host.reachable and not host.needs_resync,
        disk=int(disk_mb) * 2**20 if disk_mb else UNKNOWN,
        free=int(free_mb) * 2**20 if isinstance(free_mb, int) else None,
        used=(sums["size"] or 0) + sums["count"] * EMPTY,
        databases=sums["count"],
    )


def copy_seconds(database: Database) -> int:
    """About how long a copy of it takes."""
    return REST + (database.size_bytes or 0) // RATE


def choose_host(size: int = EMPTY, without: Iterable[Host] = ()) -> Host:
    """The database host for a new database; raises NoDatabaseCapacity."""
    names = {host.name for host in without}
    name = choose([one for one in candidates() if one.name not in names], size).name
    return Host.objects.get(name=name)
