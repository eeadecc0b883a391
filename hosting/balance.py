"""How full web hosts are, what would relieve them, and which could be lost: ``capacity``'s answers for today's rows."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Prefetch

from controlpanel.fleet import samples
from controlpanel.fleet.choices import Role
from controlpanel.fleet.models import Host, Reading

from . import capacity, placement
from .capacity import Load, Suggestion, WhatIf
from .choices import DomainKind, SiteState
from .models import Domain, Site
from .placement import Candidate

_GONE = (SiteState.DELETED, SiteState.PURGING, SiteState.DELETING)


@dataclass(frozen=True)
class Line:
    """One web host."""

    host: Host
    sites: int
    candidate: Candidate
    #: By metric, what it uses just now.
    now: Mapping[str, float]
    what_if: WhatIf

    @property
    def percent(self) -> int:
        return round(100 * self.candidate.load_with(0)) if self.candidate.capacity_mb else 100


@dataclass(frozen=True)
class Advice:
    """A suggestion, as people read it."""

    suggestion: Suggestion
    sites: list[Site]

    @property
    def key(self) -> str:
        """Names this very suggestion: another by the time of the click is not the one that was agreed to."""
        one = self.suggestion
        return f"{one.source}>{one.target}:{','.join(str(pk) for pk in one.sites)}"

    def percents(self) -> dict[str, int]:
        one = self.suggestion
        return {
            "source_before": round(100 * one.source_before),
            "source_after": round(100 * one.source_after),
            "target_before": round(100 * one.target_before),
            "target_after": round(100 * one.target_after),
        }


@dataclass(frozen=True)
class Report:
    lines: list[Line]
    advice: list[Advice]


def loads_by_host() -> dict[str, list[Load]]:
    """What every site on a host needs and how much it matters."""
    rates: dict[str, float] = {}
    for reading in Reading.objects.only("rates"):
        rates |= reading.rates
    found: dict[str, list[Load]] = {}
    rows = Site.objects.exclude(state__in=_GONE).filter(host__isnull=False)
    for pk, host, kind, workers, importance in rows.values_list(
        "pk", "host__name", "kind", "php_workers", "order__importance"
    ):
        weight = placement.weight_of(kind, workers)
        found.setdefault(str(host), []).append(Load(pk, weight, (importance, rates.get(str(pk), 0.0))))
    return found


def report() -> Report:
    """Everything for the page, in a handful of queries."""
    hosts = list(Host.objects.filter(roles__contains=[Role.WEB.value]).order_by("name"))
    candidates = placement.candidates(hosts)
    loads = loads_by_host()
    metrics = ("cpu", "memory", "load")
    now = samples.latest(metrics, [f"host:{host.name}" for host in hosts])
    by_name = {one.name: one for one in candidates}
    lines = [
        Line(
            host=host,
            sites=len(loads.get(host.name, ())),
            candidate=by_name[host.name],
            now={metric: now[key] for metric in metrics if (key := (f"host:{host.name}", metric)) in now},
            what_if=capacity.what_if_lost(host.name, candidates, loads.get(host.name, [])),
        )
        for host in hosts
    ]
    suggestions = capacity.suggest(candidates, loads)
    wanted = [pk for suggestion in suggestions for pk in suggestion.sites]
    primary = Prefetch("domains", Domain.objects.filter(kind=DomainKind.PRIMARY))
    sites = Site.objects.filter(pk__in=wanted).prefetch_related(primary).in_bulk()
    return Report(lines, [Advice(one, [sites[pk] for pk in one.sites if pk in sites]) for one in suggestions])
