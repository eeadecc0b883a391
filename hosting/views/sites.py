"""Pages of sites. Thin: reads by ``selectors``, writes by ``services``."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from controlpanel.operations.choices import OperationState
from members.reauthentication import recently_authenticated
from routing import selectors as routing_selectors

from .. import health, php_settings, probing, selectors, services, usage
from ..choices import SiteKind, SiteState
from ..errors import HostingError, StaleForm
from ..forms import CreateSiteForm, EditSiteForm, RestoreSiteForm
from ..services import moves
from ..wordpress import language_for
from .applications import credentials_page
from .certificates import certificates_context
from .common import confirmed, now, order_or_404, page, site_or_404, under_way
from .edge_rules import edge_rules_context
from .shields import shield_context

HISTORY = 10
#: Snapshots that a site's page lists.
SNAPSHOTS = 10
#: States in which its owners may change it.
AT_REST = (SiteState.ACTIVE, SiteState.DISABLED, SiteState.QUARANTINED, SiteState.FAILED)


@never_cache
@login_required
@page
def site_create(request: HttpRequest, pk: int) -> HttpResponse:
    """Create a site, and watch it come alive."""
    order = order_or_404(request, pk)
    form = CreateSiteForm(request.POST or None, initial={"language": language_for(get_language() or "")})
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        common = {
            "idempotency_key": values["idempotency_key"],
            "requested_from": request.META.get("REMOTE_ADDR"),
        }
        try:
            if values["kind"] == SiteKind.WORDPRESS:
                more = {"title": values["title"], "language": values["language"]}
                made = services.create_wordpress(request.user, order, values["domains"], **more, **common)
                return credentials_page(request, *made)
            _site, operation = services.create_site(request.user, order, values["kind"], values["domains"], **common)
            return redirect(operation)
        except HostingError as error:
            form.add_problems(error)
    status = 422 if form.errors else 200
    return render(request, "hosting/create_site.html", {"form": form, "order": order}, status=status)


@never_cache
@login_required
@require_GET
def site_detail(request: HttpRequest, pk: int) -> HttpResponse:
    site = site_or_404(request, pk)
    operations = selectors.operations_of(request.user, site).select_related("requested_by", "impersonated_by")
    quarantine = services.open_quarantine(site) if site.quarantined else None
    context = {
        "site": site,
        "quarantine": quarantine,
        "room_address": services.address_of(site, quarantine) if quarantine and site.room_open else "",
        "last_good": services.last_good(site) if quarantine else None,
        "snapshots": services.snapshots_of(site)[:SNAPSHOTS],
        "running": under_way(selectors.operations_of(request.user, site)),
        "now": reverse("hosting:site_now", args=[site.pk]),
        "operations": operations[:HISTORY],
        "last_failed": operations.filter(state=OperationState.FAILED).first(),
        "changeable": site.placed and site.state in AT_REST,
        "deletable": site.state in AT_REST,
        "moving": moves.under_way(site),
        "edges": routing_selectors.edges(),
        "application": getattr(site, "application", None),
        "grace_days": settings.SITE_GRACE_DAYS,
        "use": usage.lines_for(site, [usage.REQUESTS], "day"),
        "health": health.of_site(site),
        "probe": reverse("hosting:site_up", args=[site.pk]) if probing.is_askable(site) else "",
        **shield_context(site),
        **edge_rules_context(site),
        **certificates_context(site),
        "php_facts": php_settings.described(site.php_settings) if site.runs_php else [],
    }
    return render(request, "hosting/site.html", context)


@never_cache
@login_required
@require_GET
def site_now(request: HttpRequest, pk: int) -> HttpResponse:
    """What is happening with the site: a part of its page."""
    return now(request, selectors.operations_of(request.user, site_or_404(request, pk)))


@never_cache
@login_required
@require_GET
def site_up(request: HttpRequest, pk: int) -> HttpResponse:
    """Whether the site answers its visitors at this moment: a part of its page, which asks for it when it is open."""
    site = site_or_404(request, pk)
    answer = health.of_site(site).up
    asked = probing.judge(probing.look(site)) if probing.is_askable(site) else None
    if asked is not None:
        kept = tuple(reason for reason in answer.reasons if reason.level in ("warning", "bad"))
        answer = health.Answer("up", (asked, *kept))
    return render(request, "hosting/glance_answer.html", {"answer": answer})


@never_cache
@login_required
@page
def site_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a site's names and PHP processes."""
    site = site_or_404(request, pk)
    form = EditSiteForm(request.POST or None, site=site)
    stale = False
    if request.method == "POST" and form.is_valid():
        try:
            _site, operation = services.edit_site(
                request.user, site, **form.cleaned_data, requested_from=request.META.get("REMOTE_ADDR")
            )
            return redirect(operation)
        except HostingError as error:
            form.add_problems(error)
            stale = isinstance(error, StaleForm)
    context = {"form": form, "site": site, "stale": stale}
    return render(request, "hosting/edit_site.html", context, status=422 if form.errors else 200)


def site_disable(request: HttpRequest, pk: int) -> HttpResponse:
    return confirmed(
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
    return confirmed(
        request,
        pk,
        services.enable_site,
        heading=_("Enable %(site)s?"),
        button=_("Enable"),
        consequences=[_("The site answers its visitors again, with the files that it had.")],
    )


@login_required
@recently_authenticated
def site_delete(request: HttpRequest, pk: int) -> HttpResponse:
    days = settings.SITE_GRACE_DAYS
    return confirmed(
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
    return confirmed(
        request,
        pk,
        services.restore_site,
        form_class=RestoreSiteForm,
        heading=_("Restore %(site)s?"),
        button=_("Restore"),
        consequences=[_("The site comes back with the files that it had when it was deleted.")],
    )
