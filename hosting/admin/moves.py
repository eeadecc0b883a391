"""Moving sites, and emptying a host, from the admin: a preview first, then the live page of the operation."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action

from controlpanel.admin import actor, changelist, deed
from controlpanel.fleet.admin import HostAdmin, offer_on_host
from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation

from .. import evacuating, placement, selectors, services
from ..errors import HostingError
from ..models import Site
from ..services import moves

#: Most sites that are chosen by hand for one move; a whole host is evacuated.
MOST = 200


class MoveActions:
    """Mixin of the sites' admin: a button on a site's page, and an action of the list."""

    def get_custom_urls(self) -> tuple[Any, ...]:
        return (*super().get_custom_urls(), ("move/", "hosting_site_move", self.move_view))  # type: ignore[misc]

    @action(description=_("Move…"), icon="moving", url_path="move")
    def move(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._page(request, [int(object_id)] if object_id.isdecimal() and len(object_id) < 18 else [])

    @admin.action(description=_("Move to another web host…"))
    def move_selected(self, request: HttpRequest, queryset: QuerySet[Site]) -> HttpResponse:
        return redirect(_address(queryset.values_list("pk", flat=True)[:MOST]))

    def move_view(self, request: HttpRequest, model_admin: Any = None) -> HttpResponse:
        """For several sites."""
        given = request.POST if request.method == "POST" else request.GET
        return self._page(request, [int(pk) for pk in given.getlist("ids") if pk.isdecimal() and len(pk) < 18][:MOST])

    def _page(self, request: HttpRequest, ids: list[int]) -> HttpResponse:
        """The preview on GET; on POST it is done."""
        if not actor(request).is_staff:
            raise PermissionDenied
        given = request.POST if request.method == "POST" else request.GET
        sites = list(_sites(request).filter(pk__in=ids))
        if not sites:
            raise Http404
        host, reason = given.get("host", "")[:63], given.get("reason", "")[:200]
        if request.method == "POST":
            return _do(request, sites, host, reason)
        return TemplateResponse(
            request,
            "admin/hosting/move.html",
            {**self.admin_site.each_context(request), **_preview(sites, host), "reason": reason, "host": host},  # type: ignore[attr-defined]
        )


def _address(ids: Iterable[int]) -> str:
    return reverse("admin:hosting_site_move") + "?" + "&".join(f"ids={pk}" for pk in ids)


def _sites(request: HttpRequest) -> QuerySet[Site]:
    return selectors.sites_for(actor(request)).select_related("host", "volume").prefetch_related("domains")


def _do(request: HttpRequest, sites: Sequence[Site], host: str, reason: str) -> HttpResponse:
    common: dict[str, Any] = {"reason": reason, "requested_from": request.META.get("REMOTE_ADDR")}
    try:
        if len(sites) == 1:
            return redirect(services.move_site(actor(request), sites[0], host or None, **common)[1])
        started = services.move_sites(actor(request), sites, host or None, **common)
    except HostingError as error:
        messages.error(request, error.text)
        return redirect(_address(site.pk for site in sites))
    if len(started) == 1:
        return redirect(started[0])
    messages.success(request, _("%(count)d moves have been asked for. Watch them here.") % {"count": len(started)})
    return HttpResponseRedirect(changelist(Operation, kind="hosting.move_site"))


def _preview(sites: Sequence[Site], host: str) -> dict[str, Any]:
    only = Host.objects.filter(name=host).first() if host else None
    movable = [site for site in sites if moves.is_movable(site)]
    targets = moves.assign(movable, host=only)
    batches = moves.batches(movable, targets)
    count = len(sites)
    largest = max((len(batch) for _source, _target, batch in batches), default=1)
    wait = round(moves.WAITS + moves.EACH * (largest - 1), 1)
    space = sum(site.volume.used_bytes for site in movable if site.volume)
    lines = [
        _("Their visitors wait for about %(wait)s s, once; none gets an error.") % {"wait": wait},
        _("A request under way gets %(drain)d s to end on the old host; one that takes longer is cut.")
        % {"drain": moves.DRAIN},
        _("Nothing is copied: %(space)d MB of files stay on the storage.") % {"space": space // 2**20},
        _("It can be cancelled at any time until it is done; then the site is where it was.")
        if count == 1
        else _("Each batch can be cancelled until it is done; then its sites are where they were."),
    ]
    return {
        "title": _("Move"),
        "question": ngettext(
            "Move %(count)d site to another web host", "Move %(count)d sites to other web hosts", count
        )
        % {"count": count},
        "sites": sites,
        "hosts": [one for one in placement.candidates() if one.active and one.ready and not one.reserved],
        "problem": "" if len(targets) == count else _("Not all of them can be moved there: see the list."),
        "lines": lines,
        "rows": [
            {
                "name": site.name,
                "source": site.host.name if site.host else "–",
                "target": targets[site.pk].name if site.pk in targets else _("stays"),
            }
            for site in sites
        ],
        "back": changelist(Site) if count > 1 else reverse("admin:hosting_site_change", args=[sites[0].pk]),
    }


def _evacuation_facts(request: HttpRequest, host: Host) -> Iterable[SafeString]:
    preview = evacuating.plan(host)
    context = {"host": host, "preview": preview, "total": sum(preview.targets.values()), "drain": moves.DRAIN}
    yield mark_safe(render_to_string("admin/hosting/evacuation.html", context, request))  # noqa: S308


@offer_on_host
@deed(
    description=_("Evacuate…"),
    icon="move_group",
    url_path="evacuate",
    question=_("Move everything off %(object)s? It lives, and is to be empty."),
    sensitive=True,
    facts=_evacuation_facts,
)
def evacuate(page: HostAdmin, request: HttpRequest, host: Host) -> Operation:
    return services.evacuate_host(actor(request), host, requested_from=request.META.get("REMOTE_ADDR"))
