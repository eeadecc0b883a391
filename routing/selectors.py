"""Reads. Routing has no rows of its own that members see: they see their site's, through hosting."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import Max, QuerySet
from django.utils import timezone

from controlpanel.fleet.choices import HostState, Role
from controlpanel.fleet.models import Host

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


def certificate_of(site_id: int) -> Certificate | None:
    """The certificate that edges offer for the site's names."""
    return Certificate.objects.filter(backend__site_id=site_id, backend__removed=False).first()


def certificates_until(sites: Collection[int]) -> dict[int, datetime]:
    """Until when each of these sites (by id) has a certificate; one without is left out. For callers that checked."""
    kept = Certificate.objects.filter(backend__site_id__in=sites, backend__removed=False)
    return dict(kept.order_by().values_list("backend__site_id").annotate(Max("not_after")))


def edges_answer() -> bool:
    """Whether any of the edges answers the panel."""
    return edges().filter(reachable=True).exists()


def names_with_certificate(site_id: int) -> set[str]:
    """The names of a site for which edges offer a certificate that is valid now."""
    return names_with_certificates([site_id]).get(site_id, set())


def names_with_certificates(site_ids: Iterable[int]) -> dict[int, set[str]]:
    """The same for many sites, by site; a site without any is not in it."""
    valid = Certificate.objects.filter(
        backend__site_id__in=list(site_ids), backend__removed=False, not_after__gt=timezone.now()
    )
    return {site_id: set(names) for site_id, names in valid.values_list("backend__site_id", "names")}
