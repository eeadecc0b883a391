"""What hosts have and use, what would relieve them, and which of them could be lost tonight."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from controlpanel.admin import Drawing, actor, on_dashboard
from controlpanel.fleet import samples
from controlpanel.fleet.admin import HostAdmin
from controlpanel.fleet.choices import Role
from controlpanel.fleet.models import Host

from .. import balance, services
from ..errors import HostingError
from ..models import Site
from .sites import SiteAdmin

#: What is drawn of a host and of a site: metric, title, unit, least upper edge.
OF_HOST = (
    ("cpu", _("Processors"), "percent", 100.0),
    ("memory", _("Memory used"), "bytes", None),
    ("disk", _("Disk used"), "bytes", None),
    ("load", _("Load"), "", None),
    ("received", _("Network, received"), "bytes_per_second", None),
    ("sent", _("Network, sent"), "bytes_per_second", None),
)
OF_SITE = (
    ("requests", _("Requests"), "per_second", None),
    ("cpu", _("Processor (of one)"), "percent", None),
    ("memory", _("Memory"), "bytes", None),
)
DRAWN = timedelta(hours=6)


def plots_of(subject: str, metrics: Iterable[tuple[str, Any, str, float | None]]) -> SafeString:
    """The last hours of some metrics of one subject."""
    since = timezone.now() - DRAWN
    metrics = list(metrics)
    lines = samples.several([subject], [metric for metric, *_rest in metrics], since)
    drawn = [
        {"points": lines[subject, metric], "title": title, "unit": unit, "top": top}
        for metric, title, unit, top in metrics
    ]
    return mark_safe(render_to_string("admin/hosting/plots.html", {"plots": drawn}))  # noqa: S308  # a template's


@admin.display(description=_("last hours"))
def host_use(page: HostAdmin, host: Host) -> SafeString:
    edge = (("requests", _("Requests"), "per_second", None),) if Role.EDGE.value in host.roles else ()
    return plots_of(f"host:{host.name}", (*OF_HOST, *edge))


@admin.display(description=_("last hours"))
def site_use(page: SiteAdmin, site: Site) -> SafeString:
    return plots_of(f"site:{site.pk}", OF_SITE)


HostAdmin.show_field("host_use", host_use)
for _name, _fields in (("readonly_fields", SiteAdmin.readonly_fields), ("fields", SiteAdmin.fields)):
    setattr(SiteAdmin, _name, (*_fields, "site_use"))
SiteAdmin.site_use = site_use


def capacity_page(request: HttpRequest) -> HttpResponse:
    """Who has room, what would relieve whom, and "can we lose web1 tonight?"."""
    if not getattr(request.user, "is_staff", False):
        raise PermissionDenied
    report = balance.report()
    if request.method == "POST":
        return _move(request, report)
    context = {**admin.site.each_context(request), "title": _("Capacity"), "report": report}
    return TemplateResponse(request, "admin/hosting/capacity.html", context)


def _move(request: HttpRequest, report: balance.Report) -> HttpResponse:
    """Do what was suggested, if it still is."""
    advice = next((one for one in report.advice if one.key == request.POST.get("advice")), None)
    if advice is None:
        messages.warning(request, _("That has changed meanwhile. Look again."))
        return redirect("admin:fleet_host_capacity")
    try:
        started = services.move_sites(
            actor(request),
            advice.suggestion.sites,
            advice.suggestion.target,
            reason="rebalance",
            requested_from=request.META.get("REMOTE_ADDR"),
        )
    except HostingError as error:
        messages.error(request, str(error))
        return redirect("admin:fleet_host_capacity")
    if started:
        return redirect(started[0].get_absolute_url())
    messages.warning(request, _("None of these sites can be moved just now."))
    return redirect("admin:fleet_host_capacity")


_urls = HostAdmin.get_urls


def _with_capacity(page: HostAdmin) -> list[Any]:
    view = page.admin_site.admin_view(capacity_page)
    return [path("capacity/", view, name="fleet_host_capacity"), *_urls(page)]


HostAdmin.get_urls = _with_capacity


@on_dashboard(5)
def use_panel() -> Iterable[Drawing]:
    """The processors and the memory of all web hosts, and what edges answer, side by side."""
    since = timezone.now() - DRAWN
    hosts = list(Host.objects.order_by("name"))
    web = [host.name for host in hosts if Role.WEB.value in host.roles][:6]
    edges = [host.name for host in hosts if Role.EDGE.value in host.roles][:6]

    found = samples.several([f"host:{name}" for name in web + edges], ["cpu", "memory", "requests"], since)

    def lines(names: list[str], metric: str) -> dict[str, list[samples.Point]]:
        return {name: found[f"host:{name}", metric] for name in names}

    drawn = [
        {"points": lines(web, "cpu"), "title": _("Web hosts: processors"), "unit": "percent", "top": 100.0},
        {"points": lines(web, "memory"), "title": _("Web hosts: memory used"), "unit": "bytes", "top": None},
        {"points": lines(edges, "requests"), "title": _("Edges: requests"), "unit": "per_second", "top": None},
    ]
    html = mark_safe(  # noqa: S308  # a template's
        render_to_string("admin/hosting/plots.html", {"plots": drawn, "capacity": True})
    )
    yield Drawing(_("Use"), html)
