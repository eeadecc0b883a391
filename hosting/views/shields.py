"""Pages of a site's shield and its maintenance."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from controlpanel.fleet import samples
from routing import packet_filter, shields, traffic
from routing.choices import ShieldLevel
from routing.models import Shield

from .. import services
from ..choices import SiteState
from ..errors import HostingError
from ..models import Site
from ..shield_forms import EXPLANATIONS, ShieldForm
from .common import confirmed, page, site_or_404

#: What the plot of a site shows.
SHOWN = timedelta(minutes=15)


def shield_context(site: Site) -> dict[str, Any]:
    """What ``hosting/site/shield.html`` shows."""
    shield, least = shields.shields_on(site.pk)
    levels = [
        {"value": value, "label": label, "explanation": EXPLANATIONS[value], "chosen": value == shield.level}
        for value, label in ShieldLevel.choices
    ]
    return {
        "shield": shield,
        "shield_levels": levels,
        "shield_least": least,
        "shield_possible": site.state not in (SiteState.DELETING, SiteState.DELETED, SiteState.PURGING),
        "shielded_addresses": packet_filter.shielded_addresses() if shield.own_addresses else [],
        **traffic_context(site, shield),
    }


def traffic_context(site: Site, shield: Shield) -> dict[str, Any]:
    """What visitors asked lately, while it is shielded, or should be; else nothing."""
    if shield.level == ShieldLevel.OFF and not shield.suggested:
        return {"traffic": None}
    now = samples.latest(traffic.METRICS, [f"site:{site.pk}"], within=timedelta(minutes=1))
    rates = traffic.lines(f"site:{site.pk}", timezone.now() - SHOWN)
    names = {"requests_per_s": _("Requests"), "blocked_per_s": _("Blocked"), "passed_per_s": _("Passed")}
    return {
        "traffic": {names[metric]: rates[metric] for metric in traffic.METRICS},
        "traffic_now": [(names[metric], now.get((f"site:{site.pk}", metric))) for metric in traffic.METRICS],
    }


@never_cache
@login_required
@require_GET
def site_traffic(request: HttpRequest, pk: int) -> HttpResponse:
    """The plot, for the page to ask for every few seconds."""
    site = site_or_404(request, pk)
    return render(
        request, "hosting/site/traffic.html", {"site": site, **traffic_context(site, shields.shield_of(site.pk))}
    )


@never_cache
@login_required
@require_POST
def shield_level(request: HttpRequest, pk: int) -> HttpResponse:
    """One click: another level, everything else stays. Back to the site, which shows it happen."""
    site = site_or_404(request, pk)
    try:
        services.shield_site(
            request.user,
            site,
            level=request.POST.get("level", "")[:20],
            requested_from=request.META.get("REMOTE_ADDR"),
        )
    except HostingError as error:
        return render(request, "hosting/shield_failed.html", {"site": site, "problem": error.text}, status=422)
    return redirect(f"{site.get_absolute_url()}#shield")


@never_cache
@login_required
@require_POST
def decline_suggestion(request: HttpRequest, pk: int) -> HttpResponse:
    """Not now."""
    site = site_or_404(request, pk)
    services.decline_suggestion(request.user, site)
    return redirect(f"{site.get_absolute_url()}#shield")


@never_cache
@login_required
@page
def shield_values(request: HttpRequest, pk: int) -> HttpResponse:
    """Level, values and lists."""
    site = site_or_404(request, pk)
    form = ShieldForm(
        request.POST or None, shield=shields.shield_of(site.pk), addresses=packet_filter.shielded_addresses()
    )
    if request.method == "POST" and form.is_valid():
        try:
            _site, operation = services.shield_site(
                request.user, site, **form.cleaned_data, requested_from=request.META.get("REMOTE_ADDR")
            )
            return redirect(operation)
        except HostingError as error:
            form.add_problems(error)
    return render(request, "hosting/shield.html", {"form": form, "site": site}, status=422 if form.errors else 200)


def begin_maintenance(request: HttpRequest, pk: int) -> HttpResponse:
    return confirmed(
        request,
        pk,
        services.begin_maintenance,
        heading=_("Put %(site)s into maintenance?"),
        button=_("Begin maintenance"),
        consequences=[
            _("Visitors see a page that says that the site is being worked on, and to come back shortly."),
            _("The site itself runs on. Search engines keep what they know of it."),
            _("What visitors read, and who sees the site meanwhile, stands in the site's edge rules."),
            _("It stays so until you end it, also when the site is moved meanwhile."),
        ],
    )


def end_maintenance(request: HttpRequest, pk: int) -> HttpResponse:
    return confirmed(
        request,
        pk,
        services.end_maintenance,
        heading=_("End the maintenance of %(site)s?"),
        button=_("End maintenance"),
        consequences=[_("Visitors see the site again.")],
    )
