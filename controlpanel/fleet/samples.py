"""Numbers over time: what hosts and sites use. Any app may ``note`` its own and draw them with ``{% plot %}``.

Subjects are "host:web1", "site:12", "edge:edge1". What is collected here of hosts: ``cpu`` (percent of all its
processors), ``memory``, ``disk`` (bytes used), ``load``, ``received``, ``sent`` (bytes a second), and of edges
``requests`` (a second). Of sites: ``cpu`` (percent of one processor), ``memory`` (bytes), ``requests`` (a second) and
``sent`` (bytes a second of its answers); of one that is on several hosts, the sum.
"""

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Avg, DateTimeField, DurationField, F, Func, Value
from django.utils import timezone

from controlpanel.operations.errors import StepError

from . import channel, contacts
from .models import Host, Reading, Sample

Point = tuple[datetime, float]
Row = tuple[str, str, datetime, float]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Age after which samples are thinned out, and to one average in how long.
THINNING = ((timedelta(days=1), timedelta(minutes=10)), (timedelta(days=31), timedelta(days=1)))
#: Daily averages are kept as long as this.
KEPT = timedelta(days=5 * 366)
#: Sites are noted less often than hosts: there are thousands.
SITES_EVERY = timedelta(minutes=5)
#: Two looks that are further apart than this make no rate: nobody knows what was between.
LONGEST_GAP = timedelta(minutes=30)
#: What changes slowly is noted so often, and besides when it has changed by more than this part of the whole.
SLOW_EVERY, SLOW_CHANGE = timedelta(hours=1), 0.01
#: Points of a series when no step is asked for.
POINTS = 120


# --- writing and reading ---------------------------------------------------------------------------------------------


def note(rows: Iterable[Row]) -> None:
    """Store (subject, metric, at, value) rows; one that is there already stays."""
    Sample.objects.bulk_create(
        [Sample(subject=subject, metric=metric, at=at, value=value) for subject, metric, at, value in rows],
        ignore_conflicts=True,
        batch_size=2000,
    )


def series(
    subject: str, metric: str, since: datetime, until: datetime | None = None, step: timedelta | None = None
) -> list[Point]:
    """One line of ``several``."""
    return several([subject], [metric], since, until, step)[subject, metric]


def several(
    subjects: Iterable[str],
    metrics: Iterable[str],
    since: datetime,
    until: datetime | None = None,
    step: timedelta | None = None,
) -> dict[tuple[str, str], list[Point]]:
    """Averages over each ``step`` from ``since`` to ``until`` (now), oldest first; steps without a sample are left out.

    Without a step it is chosen so that there are about POINTS points. By (subject, metric), every one of them, for any
    number of lines in one query.
    """
    lines: dict[tuple[str, str], list[Point]] = {key: [] for key in itertools.product(subjects, metrics)}
    until = until or timezone.now()
    step = step or max((until - since) / POINTS, timedelta(seconds=30))
    bucket = Func(
        Value(step, output_field=DurationField()),
        F("at"),
        Value(_EPOCH, output_field=DateTimeField()),
        function="date_bin",
        output_field=DateTimeField(),
    )
    wanted = {"subject__in": {key[0] for key in lines}, "metric__in": {key[1] for key in lines}}
    rows = Sample.objects.filter(**wanted, at__gte=since, at__lt=until).annotate(bucket=bucket)
    means = rows.values("subject", "metric", "bucket").annotate(mean=Avg("value")).order_by("bucket")
    for row in means:
        lines[row["subject"], row["metric"]].append((row["bucket"], row["mean"]))
    return lines


def latest(
    metrics: Sequence[str], subjects: Iterable[str], within: timedelta = timedelta(minutes=15)
) -> dict[tuple[str, str], float]:
    """The newest value by (subject, metric), of those that have one not older than ``within``."""
    rows = Sample.objects.filter(
        metric__in=metrics, subject__in=list(subjects), span=0, at__gte=timezone.now() - within
    )
    newest = rows.order_by("subject", "metric", "-at").distinct("subject", "metric")
    return {(subject, metric): value for subject, metric, value in newest.values_list("subject", "metric", "value")}


def averages(metric: str, prefix: str, since: datetime) -> dict[str, float]:
    """By subject, the average of a metric since then, of all subjects that begin with ``prefix`` ("site:")."""
    rows = Sample.objects.filter(metric=metric, subject__startswith=prefix, at__gte=since)
    found = rows.values("subject").annotate(mean=Avg("value")).order_by()
    return {row["subject"]: row["mean"] for row in found}


def is_due(before: float | None, noted: datetime | None, now: datetime, value: float, whole: float) -> bool:
    """Whether a level that changes slowly (space used of a ``whole``) is worth a row: the first time, once in
    SLOW_EVERY, and at once when it has changed by more than SLOW_CHANGE of the whole. ``noted``: the last look."""
    if before is None or noted is None:
        return True
    return _floor(noted, SLOW_EVERY) != _floor(now, SLOW_EVERY) or abs(value - before) > SLOW_CHANGE * whole


# --- thinning --------------------------------------------------------------------------------------------------------

_THIN = """
WITH old AS (
    DELETE FROM fleet_sample WHERE span < %(span)s AND at < %(before)s RETURNING subject, metric, at, value
)
INSERT INTO fleet_sample (subject, metric, at, value, span)
SELECT subject, metric, date_bin(%(step)s::interval, at, %(origin)s), avg(value), %(span)s FROM old GROUP BY 1, 2, 3
ON CONFLICT DO NOTHING
"""


def thin(now: datetime | None = None) -> None:
    """Old samples become averages, very old ones go. Right however often it is called."""
    now = now or timezone.now()
    for age, step in THINNING:
        before = _floor(now - age, step)
        with connection.cursor() as cursor:
            span = int(step.total_seconds())
            cursor.execute(_THIN, {"span": span, "before": before, "step": f"{span} seconds", "origin": _EPOCH})
    Sample.objects.filter(at__lt=now - KEPT).delete()


def _floor(at: datetime, step: timedelta) -> datetime:
    """The begin of the step that ``at`` is in: a step is thinned out as a whole."""
    return at - (at - _EPOCH) % step


# --- collecting ------------------------------------------------------------------------------------------------------


def collect(timeout: float = 10.0) -> int:
    """Look at every host that is there, all at once, one call each, and note what it uses; how many answered."""
    hosts = list(Host.objects.filter(reachable=True).select_related("reading"))
    futures = {host: channel.call(host, "sample", timeout=timeout, quick=True) for host in hosts}
    at, deadline = timezone.now(), time.monotonic() + timeout + 1
    rows: dict[tuple[str, str], float] = {}
    answered = 0
    for host, future in futures.items():
        try:
            answer = future.result(max(0.0, deadline - time.monotonic()))
        except (StepError, TimeoutError):
            continue
        answered += 1
        for key, value in take_in(host, answer, at).items():
            rows[key] = rows.get(key, 0.0) + value
    contacts.note_all()
    note((subject, metric, at, value) for (subject, metric), value in rows.items())
    return answered


def take_in(host: Host, answer: Mapping[str, Any], at: datetime) -> dict[tuple[str, str], float]:
    """What a look says, given the one before, which it replaces."""
    before: Reading | None = getattr(host, "reading", None)
    if before is not None and (before.boot_id != answer["boot_id"] or at - before.at > LONGEST_GAP):
        before = None  # counters began anew, or nobody knows what was between
    reading = before or Reading(host=host, sites_at=at, sites=answer["sites"])
    if before is None:
        found = _of_host(host.name, None, answer["host"], None)
    else:
        found = _of_host(host.name, before.values, answer["host"], at - before.at)
    if before is not None and at - before.sites_at >= SITES_EVERY:
        found |= _of_sites(before.sites, answer["sites"], at - before.sites_at)
        reading.sites, reading.sites_at = answer["sites"], at
        reading.rates = {
            subject.removeprefix("site:"): round(value, 3)
            for (subject, metric), value in found.items()
            if metric == "requests" and subject.startswith("site:")
        }
    values = {
        "boot_id": str(answer["boot_id"])[:36],
        "at": at,
        "values": answer["host"],
        "sites": reading.sites,
        "sites_at": reading.sites_at,
        "rates": reading.rates,
    }
    Reading.objects.update_or_create(host=host, defaults=values)
    return found


def _of_host(
    name: str, before: Mapping[str, float] | None, now: Mapping[str, float], apart: timedelta | None
) -> dict[tuple[str, str], float]:
    subject = f"host:{name}"
    found = {
        (subject, "memory"): float(now["memory_used"]),
        (subject, "disk"): float(now["disk_used"]),
        (subject, "load"): float(now["load"]),
    }
    if before is None or not apart:
        return found
    ticks = now["cpu_total"] - before["cpu_total"]
    if ticks > 0:
        found[subject, "cpu"] = 100.0 * (now["cpu_busy"] - before["cpu_busy"]) / ticks
    for metric in ("received", "sent", "requests"):
        rate = _rate(before.get(metric), now.get(metric), apart)
        if rate is not None:
            found[subject, metric] = rate
    return found


def _of_sites(
    before: Mapping[str, Mapping[str, float]], now: Mapping[str, Mapping[str, float]], apart: timedelta
) -> dict[tuple[str, str], float]:
    found = {}
    for number, numbers in now.items():
        subject, old = f"site:{number}", before.get(number, {})
        found[subject, "memory"] = float(numbers["memory"])
        for metric in ("requests", "sent"):
            if (rate := _rate(old.get(metric), numbers.get(metric), apart)) is not None:
                found[subject, metric] = rate
        if (rate := _rate(old.get("cpu"), numbers["cpu"], apart)) is not None:
            found[subject, "cpu"] = rate / 10_000  # microseconds a second, as percent of one processor
    return found


def _rate(before: float | None, now: float | None, apart: timedelta) -> float | None:
    """A second; None when there is nothing to compare with, or the counter began anew."""
    if before is None or now is None or now < before:
        return None
    return (now - before) / apart.total_seconds()
