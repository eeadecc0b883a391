"""What visitors ask of sites, as the edges count it: rates for plots, and the sites that have far more than usual.

Samples ("site:12", and "edges" for all of them): ``requests_per_s``, of these ``blocked_per_s`` (refused, limited or
challenged) and ``passed_per_s`` (answered, from an edge's memory or by the site). Sites that are shielded, or should
be, are looked at every few seconds; all others once a minute, and noted seldom while they are quiet.
"""

import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from controlpanel.fleet import channel, contacts, samples
from controlpanel.fleet.models import Host, Sample
from controlpanel.operations.errors import StepError

from . import selectors
from .choices import ShieldLevel
from .models import EdgeCount, Shield
from .shields import CONNECTIONS, EVERY_SITE, REQUESTS

METRICS = ("requests_per_s", "blocked_per_s", "passed_per_s")
#: The sample of all sites together.
ALL = "edges"
#: Sites that are looked at every few seconds, at most.
MOST_WATCHED = 500
#: Two looks that are further apart make no rate.
LONGEST_GAP = timedelta(minutes=5)
#: Quiet sites (fewer requests a second than this) are noted only so often.
QUIET, QUIET_EVERY = 1.0, timedelta(minutes=5)
#: Requests a second that no site is suspected for, and for one of which nothing is known yet.
HARMLESS, HARMLESS_NEW = 10.0, 30.0
#: This many times more than usual is worth a look.
TIMES = 4
#: Usual is what it had at most in this time, but for the busiest twentieth.
HISTORY, RECENT = timedelta(days=7), timedelta(minutes=15)
#: With fewer samples nothing is known.
FEWEST = 20

#: Requests, of these stopped, of these from memory; a second.
Rates = tuple[float, float, float]


def watched_sites() -> list[int]:
    """Sites that are shielded or should be."""
    found = Shield.objects.exclude(site_id=EVERY_SITE).filter(removed=False)
    found = found.filter(~Q(level=ShieldLevel.OFF) | Q(suggested__isnull=False))
    return list(found.order_by("-changed").values_list("site_id", flat=True)[:MOST_WATCHED])


def look(watched: bool, timeout: float = 5.0) -> dict[int, Rates]:
    """Ask every edge that is there, note the rates since the last look, and return them by site.

    ``watched``: only the sites of ``watched_sites``, and the sum of all (site 0); else all sites.
    """
    only = watched_sites() if watched else []
    everything = Shield.objects.filter(site_id=EVERY_SITE).exclude(level=ShieldLevel.OFF).exists()
    if watched and not only and not everything:
        return {}
    args: dict[str, Any] = {"only": only} if watched else {}
    at, deadline = timezone.now(), time.monotonic() + timeout + 1
    edges = list(selectors.edges().filter(reachable=True))
    futures = {edge: channel.call(edge, "edge.sites", args, timeout=timeout, quick=True) for edge in edges}
    rates: dict[int, Rates] = {}
    for edge, future in futures.items():
        try:
            answer = future.result(max(0.0, deadline - time.monotonic()))
        except (StepError, TimeoutError):
            continue
        for site, more in take_in(edge, watched, answer, at).items():
            rates[site] = _sum(rates.get(site, (0.0, 0.0, 0.0)), more)
    contacts.note_all()
    samples.note(_rows(rates, at, watched))
    return rates


def take_in(edge: Host, watched: bool, answer: Mapping[str, Any], at: datetime) -> dict[int, Rates]:
    """The rates since the edge's last look of that kind, which this one replaces."""
    counts = {**answer["sites"], str(EVERY_SITE): answer["all"]}
    before = EdgeCount.objects.filter(host=edge, watched=watched).first()
    EdgeCount.objects.update_or_create(
        host=edge, watched=watched, defaults={"at": at, "process": answer["process"], "sites": counts}
    )
    if before is None or not timedelta(0) < at - before.at < LONGEST_GAP:
        return {}
    seconds, same = (at - before.at).total_seconds(), before.process == answer["process"]
    found = {}
    for site, now in counts.items():
        then = before.sites.get(site, [0, 0, 0]) if same else [0, 0, 0]
        if site not in before.sites and watched:
            continue  # only just watched: its counters are from the beginning
        if any(new < old for new, old in zip(now, then, strict=True)):
            then = [0, 0, 0]
        a, b, c = ((new - old) / seconds for new, old in zip(now, then, strict=True))
        found[int(site)] = (a, b, c)
    return found


def _sum(one: Rates, other: Rates) -> Rates:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _rows(rates: Mapping[int, Rates], at: datetime, watched: bool) -> Iterable[samples.Row]:
    often = set(watched_sites())
    quiet_too = at.minute % (QUIET_EVERY.seconds // 60) == 0
    for site, (requests, stopped, _remembered) in rates.items():
        if not watched and (site in often or site == EVERY_SITE or not requests):
            continue
        if watched or requests >= QUIET or quiet_too:
            subject = f"site:{site}" if site else ALL
            for metric, value in zip(METRICS, (requests, stopped, requests - stopped), strict=True):
                yield subject, metric, at, round(max(value, 0.0), 3)


# --- suggestions -----------------------------------------------------------------------------------------------------


def suggest(rates: Mapping[int, Rates], now: datetime | None = None) -> list[int]:
    """Mark the sites that have far more requests than usual, unmark those that no longer have; returns the marked."""
    now = now or timezone.now()
    marked = []
    known = {shield.site_id: shield for shield in Shield.objects.filter(Q(site_id__in=rates) | ~Q(suggested=None))}
    for site in {*rates, *(pk for pk, shield in known.items() if shield.suggested)} - {EVERY_SITE}:
        rate, shield = rates.get(site, (0.0, 0.0, 0.0))[0], known.get(site)
        if rate < HARMLESS and not (shield and shield.suggested):
            continue
        if shield and (shield.level != ShieldLevel.OFF or shield.removed):
            continue
        usual = shield.usual if shield and shield.suggested else usual_rate(site, now)
        limit = HARMLESS_NEW if usual is None else max(HARMLESS, TIMES * usual)
        if rate > limit and not (shield and shield.quiet_until and shield.quiet_until > now):
            found = shield or Shield(site_id=site, requests=REQUESTS, connections=CONNECTIONS)
            found.suggested = found.suggested or now
            found.rate, found.usual = rate, usual or 0.0
            found.save()
            marked.append(site)
        elif shield and shield.suggested and rate < limit / 2:
            Shield.objects.filter(pk=shield.pk).update(suggested=None)
    return marked


def usual_rate(site: int, now: datetime) -> float | None:
    """What the site had in the last days, but for the busiest twentieth of the samples; None when they are too few."""
    values = sorted(
        Sample.objects.filter(
            subject=f"site:{site}", metric=METRICS[0], at__gte=now - HISTORY, at__lt=now - RECENT
        ).values_list("value", flat=True)
    )
    return values[int(0.95 * (len(values) - 1))] if len(values) >= FEWEST else None


def lines(subject: str, since: datetime) -> dict[str, list[samples.Point]]:
    """The three rates of a subject since then, by metric, for a plot."""
    step = max((timezone.now() - since) / samples.POINTS, timedelta(seconds=5))
    found = samples.several([subject], METRICS, since, step=step)
    return {metric: points for (_subject, metric), points in found.items()}
