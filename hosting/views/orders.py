"""Pages of hosting orders. Thin: reads by ``selectors``."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from controlpanel.operations.selectors import operations_for
from members import orders as people

from .. import health, selectors
from ..choices import SiteState
from ..errors import HostingError
from ..models import HostingOrder, Site
from ..validators import normalize
from .common import order_or_404

ORDERS_PER_PAGE = 20
#: With more orders than this, the list gets a search field.
SEARCH_FROM = 6
HISTORY = 10
#: Who has more orders than this sees of each only a few sites: those that need a look first.
FEW_ORDERS, SITES_SHOWN = 3, 3


@never_cache
@login_required
@require_GET
def order_list(request: HttpRequest) -> HttpResponse:
    """Home: the orders of whoever asks, with their sites at a glance."""
    orders = selectors.orders_for(request.user)
    q = request.GET.get("q", "").strip()[:100]
    show_search = bool(q) or orders.count() >= SEARCH_FROM
    if q:
        named = Q(sites__domains__name__icontains=q) | Q(sites__domains__name__icontains=_as_stored(q))
        orders = orders.filter(Q(name__icontains=q) | Q(member__name__icontains=q) | named).distinct()
    kept = Site.objects.exclude(state=SiteState.DELETED).select_related("host", "volume").prefetch_related("domains")
    orders = orders.select_related("member").prefetch_related(Prefetch("sites", queryset=kept, to_attr="shown_sites"))
    chosen = Paginator(orders, ORDERS_PER_PAGE).get_page(request.GET.get("page"))
    shown = [site for order in chosen for site in order.shown_sites]  # type: ignore[attr-defined]
    known = health.of_sites(shown)
    few = chosen.paginator.count <= FEW_ORDERS
    cards = [_card(order, known, few) for order in chosen]
    context = {"page": chosen, "cards": cards, "q": q, "show_search": show_search}
    return render(request, "hosting/orders.html", context)


def _card(order: HostingOrder, known: dict[int, health.Health], few: bool) -> dict[str, Any]:
    """An order at a glance. Who has many sees of each the sites that trouble them, and of the rest how many."""
    sites = order.shown_sites  # type: ignore[attr-defined]  # by order_list
    for site in sites:
        site.health = known[site.pk]
    troubled = [site for site in sites if site.health.troubled]
    shown = sites if few else [*troubled, *(site for site in sites if not site.health.troubled)][:SITES_SHOWN]
    return {"order": order, "sites": shown, "more": len(sites) - len(shown)}


@never_cache
@login_required
@require_GET
def order_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One order: its sites, those that can be restored, and what was done lately."""
    order = order_or_404(request, pk)
    everything = list(order.sites.select_related("host", "volume").prefetch_related("domains"))
    sites = [site for site in everything if site.state != SiteState.DELETED]
    known = health.of_sites(sites)
    for site in sites:
        site.health = known[site.pk]  # type: ignore[attr-defined]
    context = {
        "order": order,
        "sites": sites,
        "health": health.of_order(order, sites, known) if sites else None,
        "deleted": [site for site in everything if site.restorable],
        "administrators": people.administrators_of(order.member, order.pk),
        "manages_people": request.user.is_staff or order.member_id in request.user.member_ids(),  # type: ignore[union-attr]
        "full": len(sites) >= order.max_sites,
        "operations": operations_for(request.user)
        .filter(scopes__contains=[f"order:{order.pk}"])
        .select_related("requested_by", "impersonated_by")[:HISTORY],
    }
    return render(request, "hosting/order.html", context)


def _as_stored(q: str) -> str:
    """A searched name in punycode, if it is one: "café.example" is stored as "xn--caf-dma.example"."""
    try:
        return normalize(q)
    except HostingError:
        return q
