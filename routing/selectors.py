"""Reads. Routing has no rows of its own that members see: they see their site's, through hosting."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from django.db.models import Min, QuerySet
from django.utils import timezone

from controlpanel.fleet.choices import HostState, Role
from controlpanel.fleet.models import Host

from .choices import CertificateSource
from .models import Backend, Certificate, Route


def edges() -> QuerySet[Host]:
    """The hosts that visitors reach. A fenced one is left out: it gets everything when it is readmitted."""
    return Host.objects.filter(roles__contains=[Role.EDGE.value]).exclude(state=HostState.FENCED).order_by("name")


def web_hosts() -> QuerySet[Host]:
    """The hosts that edges have a backend for: all web hosts, whatever their state, for sites may still be there."""
    return Host.objects.filter(roles__contains=[Role.WEB.value]).order_by("name")


def backend_of(site_id: int) -> Backend | None:
    """How the edges see the site; None when they were never told of it, or no longer know it."""
    return Backend.objects.filter(site_id=site_id, removed=False).select_related("host").first()


def routes_of(site_id: int) -> QuerySet[Route]:
    """The public names of a site as the edges know them."""
    return Route.objects.filter(backend__site_id=site_id, backend__removed=False, removed=False)


class Ends(NamedTuple):
    """Until when all certificates of a site are good, and those that its owners brought (None: there are none)."""

    first: datetime
    own: datetime | None = None


def certificates_until(sites: Collection[int]) -> dict[int, Ends]:
    """Of each of these sites, by id; one without certificates is left out. For callers that checked."""
    offered = certificates().filter(route__backend__site_id__in=sites, not_after__isnull=False).exclude(chain_pem="")
    ends = offered.order_by().values_list("route__backend__site_id", "source").annotate(Min("not_after"))
    found: dict[int, Ends] = {}
    for site, source, until in ends:
        before = found.get(site, Ends(until))
        own = until if source == CertificateSource.OWN else before.own
        found[site] = Ends(min(before.first, until), own)
    return found


def edges_answer() -> bool:
    """Whether any of the edges answers the panel."""
    return edges().filter(reachable=True).exists()


def certificates_of(site_id: int) -> QuerySet[Certificate]:
    """The certificates of a site's public names, whether edges offer one already or not; with their routes."""
    return certificates().filter(route__backend__site_id=site_id)


def certificates() -> QuerySet[Certificate]:
    """Those of all names that are some site's, with their routes."""
    live = Certificate.objects.filter(route__removed=False, route__backend__removed=False)
    return live.select_related("route__backend")


def certificate_of(name: str) -> Certificate | None:
    """The certificate that edges offer for a public name; None while it is served by HTTP only."""
    return certificates().filter(route__name=name).exclude(chain_pem="").first()


def names_with_certificate(site_id: int) -> set[str]:
    """Those of a site's public names for which edges offer a certificate that is valid now: nothing else may be led to
    https."""
    return names_with_certificates([site_id]).get(site_id, set())


def names_with_certificates(site_ids: Iterable[int]) -> dict[int, set[str]]:
    """The same for many sites, by site; a site without any is not in it."""
    offered = certificates().filter(route__backend__site_id__in=list(site_ids), not_after__gt=timezone.now())
    found: dict[int, set[str]] = {}
    for site_id, name in offered.exclude(chain_pem="").values_list("route__backend__site_id", "route__name"):
        found.setdefault(site_id, set()).add(name)
    return found
