"""What the recovery of a dead host would do, read from the database as it is now: for its plan, its preview, what-if.

Reads only; ``services.recovery`` writes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from controlpanel.fleet.choices import HostState, Role
from controlpanel.fleet.models import Host, PowerFence, Reading
from controlpanel.operations.choices import UNFINISHED
from controlpanel.operations.models import Reservation
from controlpanel.operations.registry import PlannedStep
from routing import selectors as routing_selectors
from storage.models import Attachment

from . import capacity, placement
from .capacity import Load, Shares
from .choices import SiteState
from .models import Site

#: States in which a site is not brought up elsewhere: it is going, has gone, or was never there.
NOT_RECOVERED = (SiteState.DELETING, SiteState.DELETED, SiteState.PURGING)
#: Rough seconds for the preview, as measured (tests/bench/bench_recover.py): for all, and for each site of a target.
SECONDS, SECONDS_A_SITE = 4.0, 0.15


# --- parts of other topics -------------------------------------------------------------------------------------------


@dataclass
class Part:
    """What another topic (databases, mail) has to say and do when a host with its role dies."""

    title: Any
    #: Lines for the preview: what it holds, what is lost, what a person has to decide.
    lines: list[str] = field(default_factory=list)
    #: Steps, after the fences.
    stages: list[list[PlannedStep]] = field(default_factory=list)


_parts: dict[str, list[Callable[[Host], Part | None]]] = {}


def recovery_part(role: Role) -> Callable[[Callable[[Host], Part | None]], Callable[[Host], Part | None]]:
    """Decorator: the function says what the death of a host with this role means to its topic."""

    def add(function: Callable[[Host], Part | None]) -> Callable[[Host], Part | None]:
        _parts.setdefault(role.value, []).append(function)
        return function

    return add


_reports: dict[str, Callable[[Mapping[str, Any]], list[dict[str, Any]]]] = {}


def report_part(action: str) -> Callable[[Callable[[Mapping[str, Any]], Any]], Callable[[Mapping[str, Any]], Any]]:
    """Decorator: the function makes of the answer of a part's step what the report says of each of its things."""

    def add(function: Callable[[Mapping[str, Any]], Any]) -> Callable[[Mapping[str, Any]], Any]:
        _reports[action] = function
        return function

    return add


def told_by(action: str, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a part's step has to say in the report; nothing for other steps."""
    return _reports[action](answer) if action in _reports else []


def parts_of(host: Host) -> list[Part]:
    found = [function(host) for role in host.roles for function in _parts.get(role, [])]
    return [part for part in found if part is not None]


# --- the sites -------------------------------------------------------------------------------------------------------


def sites_to_recover(host: Host) -> QuerySet[Site]:
    """The sites that the host had, or was just getting."""
    return Site.objects.filter(host=host, volume__isnull=False).exclude(state__in=NOT_RECOVERED)


def never_placed(sites: QuerySet[Site]) -> QuerySet[Site]:
    """Those whose creation was not over: it is begun anew on another host."""
    return sites.filter(placed=False, state=SiteState.CREATING)


def loads_of(sites: QuerySet[Site], rates: dict[str, float] | None = None) -> list[Load]:
    """What they need and how much they matter."""
    rates = {} if rates is None else rates
    rows = sites.values_list("pk", "kind", "php_workers", "order__importance")
    return [
        Load(pk, placement.weight_of(kind, workers), (importance, rates.get(str(pk), 0.0)))
        for pk, kind, workers, importance in rows
    ]


def rates_of(host: Host) -> dict[str, float]:
    """Requests a second of its sites, when it was last looked at."""
    reading = Reading.objects.filter(host=host).first()
    return dict(reading.rates) if reading else {}


def shares_of(host: Host) -> Shares:
    """Which host gets which of the dead host's sites."""
    sites = sites_to_recover(host)
    unplaced = set(never_placed(sites).values_list("pk", flat=True))
    bound = _bound(host)
    loads = [
        Load(load.site, load.weight_mb, load.importance, bound.get(load.site, ""))
        for load in loads_of(sites, rates_of(host))
        if load.site not in unplaced
    ]
    return capacity.share_out(loads, [one for one in placement.candidates() if one.name != host.name])


def _bound(host: Host) -> dict[int, str]:
    """Sites whose volume another host has besides: they go there."""
    rows = Attachment.objects.filter(volume__site__host=host, fenced=None, leaving=False).exclude(host=host)
    return dict(rows.exclude(host__state=HostState.FENCED).values_list("volume__site__pk", "host__name"))


def held_by_others(sites: Sequence[int]) -> set[int]:
    """Sites on which an operation has begun that does not need the dead host: it need not end first."""
    rows = Reservation.objects.filter(resource__in=[f"site:{pk}" for pk in sites])
    held = rows.filter(operation__state__in=UNFINISHED).values_list("resource", flat=True)
    return {int(resource.partition(":")[2]) for resource in held}


# --- the preview -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preview:
    """What staff see before they say the word."""

    host: Host
    sites: int
    #: By host: how many sites it gets.
    targets: dict[str, int]
    left: Sequence[int]
    seconds: int
    warnings: list[str]
    lost: list[str]
    parts: list[Part]

    def as_json(self) -> dict[str, Any]:
        return {
            "host": self.host.name,
            "sites": self.sites,
            "targets": self.targets,
            "without_room": list(self.left),
            "seconds": self.seconds,
            "warnings": self.warnings,
            "lost": self.lost,
            "parts": [{"title": str(part.title), "lines": part.lines} for part in self.parts],
        }


def preview(host: Host) -> Preview:
    """Everything that the page of the question shows. A handful of queries, whatever the number of sites."""
    shares = shares_of(host)
    targets = {name: len(sites) for name, sites in sorted(shares.targets.items())}
    longest = max(targets.values(), default=0)
    return Preview(
        host=host,
        sites=shares.count + len(shares.left) + never_placed(sites_to_recover(host)).count(),
        targets=targets,
        left=shares.left,
        seconds=round(SECONDS + SECONDS_A_SITE * longest),
        warnings=list(_warnings(host, shares)),
        lost=list(_lost(host)),
        parts=parts_of(host),
    )


def _warnings(host: Host, shares: Shares) -> Iterable[str]:
    if host.reachable:
        yield _("It answers the panel. If it can still serve, evacuate it instead: then no request is lost.")
    if host.state == HostState.FENCED:
        yield _("It is fenced off already. What is still on it is brought up elsewhere now.")
    if shares.left:
        yield ngettext(
            "There is no room for %(count)d site. It stays down until there is.",
            "There is no room for %(count)d sites. They stay down until there is.",
            len(shares.left),
        ) % {"count": len(shares.left)}
    away = [one.name for one in placement.candidates() if one.active and not one.ready and one.name != host.name]
    if away and Role.WEB.value in host.roles:
        yield _("These hosts are away or not in step, and get nothing: %(hosts)s.") % {"hosts": ", ".join(away)}
    if not PowerFence.objects.filter(host=host).exists():
        yield _(
            "The panel cannot switch it off (no power fence is configured). It is cut off at the storage and at the "
            "edges all the same, which is what protects the data."
        )


def _lost(host: Host) -> Iterable[str]:
    if Role.WEB.value in host.roles:
        yield _("Requests that were under way when it died.")
        yield _("What a program on it had not yet written to its volume, and its temporary files and caches.")
        yield _("Its access logs and error logs of before, until it is back.")
    if Role.EDGE.value in host.roles:
        others = [edge.name for edge in routing_selectors.edges() if edge.pk != host.pk]
        yield _("Connections of visitors through it. The others carry on: %(edges)s.") % {
            "edges": ", ".join(others) or "–"
        }
        yield _("Take its address %(address)s off the DNS by hand, or visitors go on trying it.") % {
            "address": host.address
        }
    if Role.STORAGE.value in host.roles:
        yield _("A storage server is not replaced by this. Bring it back: sites wait for it, and go on by themselves.")
    if Role.DIRECTORY.value in host.roles:
        yield _("Passwords cannot be changed until another directory server answers.")
