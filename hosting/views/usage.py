"""Pages of what sites, databases and orders use over time."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from .. import usage
from ..models import Database, HostingOrder, Site
from .common import order_or_404, site_or_404
from .databases import database_or_404


@never_cache
@login_required
@require_GET
def site_usage(request: HttpRequest, pk: int) -> HttpResponse:
    site = site_or_404(request, pk)
    return _page(request, site, usage.OF_SITE, {"name": site.name, "order": site.order})


@never_cache
@login_required
@require_GET
def database_usage(request: HttpRequest, pk: int) -> HttpResponse:
    database = database_or_404(request, pk)
    return _page(request, database, usage.OF_DATABASE, {"name": database.name, "order": database.order})


@never_cache
@login_required
@require_GET
def order_usage(request: HttpRequest, pk: int) -> HttpResponse:
    order = order_or_404(request, pk)
    return _page(request, order, usage.OF_ORDER, {"name": order.name})


def _page(
    request: HttpRequest,
    thing: Site | Database | HostingOrder,
    metrics: dict[str, usage.Metric],
    context: dict[str, Any],
) -> HttpResponse:
    period = request.GET.get("period", "")
    period = period if period in usage.PERIODS else "day"
    lines = usage.lines_for(thing, metrics.values(), period)
    context |= {
        "thing": thing,
        "lines": lines,
        "measured": any(line.points for line in lines),
        "period": period,
        "periods": [("day", _("Day")), ("month", _("Month")), ("year", _("Year"))],
    }
    return render(request, "hosting/usage.html", context)
