"""Pages of hosting orders. Thin: reads by ``selectors``."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from controlpanel.operations.selectors import operations_for
from members import orders as people

from .. import selectors
from ..choices import SiteState
from ..errors import HostingError
from ..models import Site
from ..validators import normalize
from .common import order_or_404

ORDERS_PER_PAGE = 20
#: With more orders than this, the list gets a search field.
SEARCH_FROM = 6
HISTORY = 10


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
    kept = Site.objects.exclude(state=SiteState.DELETED).prefetch_related("domains")
    orders = orders.select_related("member").prefetch_related(Prefetch("sites", queryset=kept, to_attr="shown_sites"))
    chosen = Paginator(orders, ORDERS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "hosting/orders.html", {"page": chosen, "q": q, "show_search": show_search})


@never_cache
@login_required
@require_GET
def order_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One order: its sites, those that can be restored, and what was done lately."""
    order = order_or_404(request, pk)
    everything = list(order.sites.prefetch_related("domains"))
    sites = [site for site in everything if site.state != SiteState.DELETED]
    context = {
        "order": order,
        "sites": sites,
        "deleted": [site for site in everything if site.restorable],
        "administrators": people.administrators_of(order.member, order.pk),
        "manages_people": request.user.is_staff or order.member_id in request.user.member_ids(),  # type: ignore[union-attr]
        "full": len(sites) >= order.max_sites,
        "operations": operations_for(request.user)
        .filter(scopes__contains=[f"order:{order.pk}"])
        .select_related("requested_by")[:HISTORY],
    }
    return render(request, "hosting/order.html", context)


def _as_stored(q: str) -> str:
    """A searched name in punycode, if it is one: "café.example" is stored as "xn--caf-dma.example"."""
    try:
        return normalize(q)
    except HostingError:
        return q
