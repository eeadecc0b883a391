"""What sites, databases and orders use over time, for pages and the API. Whoever asks was checked before.

The numbers are samples (``controlpanel.fleet.samples``): of sites as their web hosts count them, of volumes as storage
tells, of databases as their servers tell. They get coarser with age: each look for a day, ten minutes for a month,
days for five years.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet import samples

from .choices import DatabaseState, SiteState
from .models import Database, HostingOrder, Site


@dataclass(frozen=True)
class Metric:
    """Something that is measured. ``name`` is its word in URLs and in the API."""

    name: str
    title: Any
    #: As ``{% plot %}`` knows them: "bytes", "bytes_per_second", "per_second", "percent" or "" (a number).
    unit: str
    #: Kind of subject and metric of its samples.
    subject: str
    sample: str
    #: A rate, whose sum over a time means something; else a level.
    rate: bool = False
    #: What it is, where the title does not say all.
    note: Any = ""

    @property
    def total_unit(self) -> str:
        """The unit of a rate's sum."""
        return {"bytes_per_second": "bytes", "per_second": ""}.get(self.unit, self.unit)


DISK = Metric("disk", _("Space used"), "bytes", "volume", "used")
REQUESTS = Metric("requests", _("Requests"), "per_second", "site", "requests", rate=True)
TRANSFER = Metric(
    "transfer", _("Transfer"), "bytes_per_second", "site", "sent", rate=True,
    note=_("What its web servers sent. Pages that a shield answered from its memory are not in it."),
)  # fmt: skip
MEMORY = Metric("memory", _("Memory"), "bytes", "site", "memory")
CPU = Metric("cpu", _("Processor (of one)"), "percent", "site", "cpu")
SIZE = Metric("size", _("Space used"), "bytes", "database", "size")
CONNECTIONS = Metric("connections", _("Connections"), "", "database", "connections")
DATABASES = Metric("databases", _("Space used by databases"), "bytes", "database", "size")

OF_SITE = {metric.name: metric for metric in (REQUESTS, TRANSFER, DISK, MEMORY, CPU)}
OF_DATABASE = {metric.name: metric for metric in (SIZE, CONNECTIONS)}
OF_ORDER = {metric.name: metric for metric in (DISK, DATABASES, REQUESTS, TRANSFER)}

#: What pages offer: how far back, and what one point of the line stands for.
PERIODS = {
    "day": (timedelta(days=1), timedelta(minutes=10)),
    "month": (timedelta(days=31), timedelta(hours=6)),
    "year": (timedelta(days=366), timedelta(days=3)),
}
#: Points of a line, at most and about, when a script asks for a time of its own.
POINTS = 240
#: No line is finer than this.
FINEST = timedelta(minutes=5)
#: Longest time that is asked for; nothing older is kept.
LONGEST = samples.KEPT


@dataclass(frozen=True)
class Line:
    """A metric over a time."""

    metric: Metric
    points: list[samples.Point]
    step: timedelta

    @property
    def total(self) -> float | None:
        """All requests or bytes of that time; None for a level, and when nothing was measured."""
        if not self.metric.rate or not self.points:
            return None
        return sum(value for _at, value in self.points) * self.step.total_seconds()

    @property
    def peak(self) -> float | None:
        return max((value for _at, value in self.points), default=None)

    @property
    def mean(self) -> float | None:
        return sum(value for _at, value in self.points) / len(self.points) if self.points else None


def lines_of(
    thing: Site | Database | HostingOrder,
    metrics: Iterable[Metric],
    since: datetime,
    until: datetime | None = None,
    step: timedelta | None = None,
) -> list[Line]:
    """The metrics of a site, a database or an order (the sum over all that it has), each in its own line."""
    metrics = list(metrics)
    until = until or timezone.now()
    step = step or max((until - since) / POINTS, FINEST)
    subjects = _subjects(thing)
    wanted = [subject for metric in metrics for subject in subjects[metric.subject]]
    found = samples.several(wanted, {metric.sample for metric in metrics}, since, until, step)
    return [Line(metric, _together(metric, subjects[metric.subject], found), step) for metric in metrics]


def lines_for(thing: Site | Database | HostingOrder, metrics: Iterable[Metric], period: str) -> list[Line]:
    """For one of PERIODS."""
    back, step = PERIODS[period]
    return lines_of(thing, metrics, timezone.now() - back, step=step)


def _subjects(thing: Site | Database | HostingOrder) -> dict[str, list[str]]:
    """What its samples are filed under, by kind."""
    if isinstance(thing, Database):
        return {"database": [f"database:{thing.pk}"]}
    if isinstance(thing, Site):
        return {"site": [f"site:{thing.pk}"], "volume": [f"volume:{thing.volume_id}"] if thing.volume_id else []}
    sites = list(thing.sites.exclude(state=SiteState.DELETED).values_list("pk", "volume_id"))
    databases = thing.databases.exclude(state__in=(DatabaseState.DELETED, DatabaseState.PURGING))
    return {
        "site": [f"site:{pk}" for pk, _volume in sites],
        "volume": [f"volume:{volume}" for _pk, volume in sites if volume],
        "database": [f"database:{pk}" for pk in databases.values_list("pk", flat=True)],
    }


def _together(
    metric: Metric, subjects: Sequence[str], found: Mapping[tuple[str, str], list[samples.Point]]
) -> list[samples.Point]:
    """The sum of several lines. Of a level the last known value stands until there is a new one."""
    lines = [found[subject, metric.sample] for subject in subjects]
    if len(lines) == 1:
        return lines[0]
    values = [dict(line) for line in lines]
    last = [0.0] * len(lines)
    points = []
    for at in sorted({at for line in lines for at, _value in line}):
        for number, known in enumerate(values):
            last[number] = known.get(at, 0.0 if metric.rate else last[number])
        points.append((at, sum(last)))
    return points
