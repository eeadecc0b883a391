"""Pages of hosting orders and sites. Thin: reads by ``selectors``, writes by ``services``; others' things are 404."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from controlpanel.operations.choices import UNFINISHED, OperationState, StepState
from controlpanel.operations.models import Operation
from controlpanel.operations.selectors import operations_for
from routing import selectors as routing_selectors

from . import selectors, services
from .choices import SiteState
from .errors import HostingError, StaleForm
from .forms import ConfirmForm, CreateSiteForm, EditSiteForm, RestoreSiteForm, ServiceForm
from .models import HostingOrder, Site
from .validators import normalize

ORDERS_PER_PAGE = 20
#: With more orders than this, the list gets a search field.
SEARCH_FROM = 6
HISTORY = 10

page = require_http_methods(["GET", "HEAD", "POST"])


# --- orders ------------------------------------------------------------------------------------------------------


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
    order = _order(request, pk)
    everything = list(order.sites.prefetch_related("domains"))
    sites = [site for site in everything if site.state != SiteState.DELETED]
    context = {
        "order": order,
        "sites": sites,
        "deleted": [site for site in everything if site.restorable],
        "full": len(sites) >= order.max_sites,
        "operations": operations_for(request.user)
        .filter(scopes__contains=[f"order:{order.pk}"])
        .select_related("requested_by")[:HISTORY],
    }
    return render(request, "hosting/order.html", context)


@never_cache
@login_required
@page
def site_create(request: HttpRequest, pk: int) -> HttpResponse:
    """Create a site, and watch it come alive."""
    order = _order(request, pk)
    form = CreateSiteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            _site, operation = services.create_site(
                request.user,
                order,
                values["kind"],
                values["domains"],
                idempotency_key=values["idempotency_key"],
                requested_from=request.META.get("REMOTE_ADDR"),
            )
            return redirect(operation)
        except HostingError as error:
            form.add_problems(error)
    status = 422 if form.errors else 200
    return render(request, "hosting/create_site.html", {"form": form, "order": order}, status=status)


# --- one site ----------------------------------------------------------------------------------------------------


@never_cache
@login_required
@require_GET
def site_detail(request: HttpRequest, pk: int) -> HttpResponse:
    site = _site(request, pk)
    operations = selectors.operations_of(request.user, site).select_related("requested_by")
    context = {
        "site": site,
        "running": _running(request, site),
        "operations": operations[:HISTORY],
        "last_failed": operations.filter(state=OperationState.FAILED).first(),
        "changeable": site.placed and site.state in (SiteState.ACTIVE, SiteState.DISABLED, SiteState.FAILED),
        "deletable": site.state in (SiteState.ACTIVE, SiteState.DISABLED, SiteState.FAILED),
        "edges": routing_selectors.edges(),
        "grace_days": settings.SITE_GRACE_DAYS,
    }
    return render(request, "hosting/site.html", context)


@never_cache
@login_required
@require_GET
def site_now(request: HttpRequest, pk: int) -> HttpResponse:
    """What is happening with the site, for the page to poll; when nothing is any more, the page is asked to reload."""
    site = _site(request, pk)
    running = _running(request, site)
    if running:
        return render(request, "hosting/site_now.html", {"site": site, "running": running})
    response = HttpResponse()
    response["HX-Refresh"] = "true"
    return response


@never_cache
@login_required
@page
def site_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a site's names and PHP processes."""
    site = _site(request, pk)
    form = EditSiteForm(request.POST or None, site=site)
    stale = False
    if request.method == "POST" and form.is_valid():
        try:
            _site_now, operation = services.edit_site(
                request.user, site, **form.cleaned_data, requested_from=request.META.get("REMOTE_ADDR")
            )
            return redirect(operation)
        except HostingError as error:
            form.add_problems(error)
            stale = isinstance(error, StaleForm)
    context = {"form": form, "site": site, "stale": stale}
    return render(request, "hosting/edit_site.html", context, status=422 if form.errors else 200)


def site_disable(request: HttpRequest, pk: int) -> HttpResponse:
    return _confirmed(
        request,
        pk,
        services.disable_site,
        heading=_("Disable %(site)s?"),
        button=_("Disable"),
        consequences=[
            _("Visitors see a page that says that the site is disabled."),
            _("Its programs are stopped."),
            _("Files, names and certificate stay as they are. You can enable it again at any time."),
        ],
    )


def site_enable(request: HttpRequest, pk: int) -> HttpResponse:
    return _confirmed(
        request,
        pk,
        services.enable_site,
        heading=_("Enable %(site)s?"),
        button=_("Enable"),
        consequences=[_("The site answers its visitors again, with the files that it had.")],
    )


def site_delete(request: HttpRequest, pk: int) -> HttpResponse:
    days = settings.SITE_GRACE_DAYS
    return _confirmed(
        request,
        pk,
        services.delete_site,
        heading=_("Delete %(site)s?"),
        button=_("Delete"),
        dangerous=True,
        consequences=[
            _("The site goes offline, and its names can be used by another site."),
            ngettext(
                "Its files are kept for %(days)d day. Until then you can restore it.",
                "Its files are kept for %(days)d days. Until then you can restore it.",
                days,
            )
            % {"days": days},
            _("After that the files are gone, and nobody can bring them back."),
        ],
    )


def site_restore(request: HttpRequest, pk: int) -> HttpResponse:
    return _confirmed(
        request,
        pk,
        services.restore_site,
        form_class=RestoreSiteForm,
        heading=_("Restore %(site)s?"),
        button=_("Restore"),
        consequences=[_("The site comes back with the files that it had when it was deleted.")],
    )


# --- shared ------------------------------------------------------------------------------------------------------


@never_cache
@login_required
@page
def _confirmed(
    request: HttpRequest,
    pk: int,
    change: Callable[..., tuple[Site, Operation]],
    *,
    heading: str,
    button: str,
    consequences: list[str],
    dangerous: bool = False,
    form_class: type[RestoreSiteForm] | None = None,
) -> HttpResponse:
    """A page that says what will happen, and does it when it is confirmed."""
    site = _site(request, pk)
    data = request.POST or None
    form: ServiceForm = form_class(data, site=site) if form_class else ConfirmForm(data)
    if request.method == "POST" and form.is_valid():
        try:
            _site_now, operation = change(
                request.user,
                site,
                **form.cleaned_data,
                requested_from=request.META.get("REMOTE_ADDR"),
            )
            return redirect(operation)
        except HostingError as error:
            form.add_problems(error)
    context = {
        "site": site,
        "form": form,
        "heading": heading % {"site": site.name},
        "button": button,
        "consequences": consequences,
        "dangerous": dangerous,
    }
    return render(request, "hosting/confirm.html", context, status=422 if form.errors else 200)


def _as_stored(q: str) -> str:
    """A searched name in punycode, if it is one: "café.example" is stored as "xn--caf-dma.example"."""
    try:
        return normalize(q)
    except HostingError:
        return q


def _order(request: HttpRequest, pk: int) -> HostingOrder:
    try:
        return selectors.order_for(request.user, pk)
    except HostingOrder.DoesNotExist:
        raise Http404 from None


def _site(request: HttpRequest, pk: int) -> Site:
    try:
        return selectors.site_for(request.user, pk)
    except Site.DoesNotExist:
        raise Http404 from None


def _running(request: HttpRequest, site: Site) -> QuerySet[Operation, Any]:
    """The site's unfinished operations, oldest first, with how far they are."""
    done = Q(steps__state__in=(StepState.SUCCEEDED, StepState.SKIPPED))
    return (
        selectors.operations_of(request.user, site)
        .filter(state__in=UNFINISHED)
        .annotate(all_steps=Count("steps"), done_steps=Count("steps", filter=done))
        .order_by("id")
    )
