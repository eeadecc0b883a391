"""Staff's view of orders, sites and their names. Deeds go through the services that members' pages use."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from controlpanel.admin import (
    Card,
    ReadOnlyAdmin,
    ReadOnlyInline,
    actor,
    changelist,
    deed,
    label,
    link,
    links,
    on_dashboard,
)
from controlpanel.bulk import BulkDeeds
from controlpanel.fleet.admin import show_on_host
from controlpanel.operations.models import Operation
from controlpanel.operations.selectors import history_of
from routing.choices import ShieldLevel

from .. import orders, places, services
from ..api import problems as _problems  # noqa: F401  # registers how hosting's errors are told
from ..choices import SiteState
from ..models import Domain, HostingOrder, Site
from .bulk import OF_SITES
from .moves import MoveActions
from .quarantine import quarantine_facts
from .scale import ScalesSites

LABELS: dict[str, str] = {
    SiteState.ACTIVE: "success",
    SiteState.FAILED: "danger",
    SiteState.DISABLED: "warning",
    SiteState.QUARANTINED: "danger",
    SiteState.DELETED: "warning",
    SiteState.CREATING: "info",
    SiteState.UPDATING: "info",
    SiteState.MOVING: "info",
    SiteState.DELETING: "info",
}
#: Operations that a site's page lists.
HISTORY = 15


class SiteInline(ReadOnlyInline):
    """Sites on an order's page."""

    model = Site
    verbose_name_plural = _("Sites")
    fields = ("shown_site", "kind", "state", "host", "created")
    readonly_fields = fields

    @admin.display(description=_("site"))
    def shown_site(self, site: Site) -> str:
        return link(site, site.name)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Site]:
        return super().get_queryset(request).select_related("host").prefetch_related("domains")


@show_on_host
class HostSiteInline(SiteInline):
    """Sites on a host's page."""

    verbose_name_plural = _("Sites on it")
    fields = ("shown_site", "kind", "state", "php_workers", "created")
    readonly_fields = fields


class DomainInline(ReadOnlyInline):
    model = Domain
    verbose_name_plural = _("Names")
    fields = ("name", "kind")
    readonly_fields = fields


class OrderForm(forms.ModelForm):
    """The service checks too; here so that errors stand beside their fields."""

    class Meta:
        model = HostingOrder
        fields = ("name", "member", "max_sites", "site_size_bytes", "importance")

    def clean(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().clean() or {}
        if fields.keys() >= {"max_sites", "site_size_bytes"}:
            orders.check_limits(fields["max_sites"], fields["site_size_bytes"])
        return fields


@admin.register(HostingOrder)
class HostingOrderAdmin(ReadOnlyAdmin):
    """Orders are rows only, so staff add and change them here; by the service all the same."""

    list_display = ("name", "shown_member", "site_count", "max_sites", "created")
    list_select_related = ("member",)
    search_fields = ("name", "member__name", "sites__domains__name")
    fields = ("name", "shown_member", "max_sites", "site_size_bytes", "importance", "created")
    readonly_fields = ("shown_member", "created")
    autocomplete_fields = ("member",)
    form = OrderForm
    inlines = (SiteInline,)

    def resources(self, obj: HostingOrder) -> list[str]:
        return [f"order:{obj.pk}"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[HostingOrder]:
        kept = ~Q(sites__state=SiteState.DELETED)
        return super().get_queryset(request).annotate(site_count=Count("sites", filter=kept, distinct=True))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(actor(request).is_staff)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(actor(request).is_staff)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            super().get_fields(request, obj)
            if obj
            else ("name", "member", "max_sites", "site_size_bytes", "importance")
        )

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return super().get_inlines(request, obj) if obj else ()

    def save_model(self, request: HttpRequest, obj: HostingOrder, form: Any, change: bool) -> None:
        limits = {
            "max_sites": obj.max_sites,
            "site_size_bytes": obj.site_size_bytes,
            "importance": obj.importance,
        }
        if change:
            orders.change_order(actor(request), obj, name=obj.name, **limits)
        else:
            order = orders.create_order(actor(request), obj.member, obj.name, **limits)
            obj.pk, obj.created = order.pk, order.created

    @admin.display(description=_("member"), ordering="member__name")
    def shown_member(self, order: HostingOrder) -> str:
        return link(order.member)

    @admin.display(description=_("sites"), ordering="site_count")
    def site_count(self, order: HostingOrder) -> int:
        return order.site_count  # type: ignore[attr-defined]


@admin.register(Site)
class SiteAdmin(BulkDeeds, MoveActions, ScalesSites, ReadOnlyAdmin):
    list_display = ("id", "shown_name", "shown_state", "kind", "shown_host", "shown_order", "created")
    list_display_links = ("id", "shown_name")
    list_filter = ("state", "kind", "host")
    list_select_related = ("host", "order__member")
    search_fields = ("=id", "domains__name", "order__name", "order__member__name")
    fields = (
        "shown_name", "shown_state", "kind", "shown_order", "shown_member", "shown_host", "shown_volume", "path", "uid",
        "enabled", "placed", "php_workers", "memory_mb", "cpu_weight", "tasks", "dedicated",
        "shown_hosts", "revision", "created", "purge_after",
        "history",
    )  # fmt: skip
    readonly_fields = (
        "shown_name", "shown_state", "shown_order", "shown_member", "shown_host", "shown_volume", "path", "history",
        "shown_hosts",
    )  # fmt: skip
    inlines = (DomainInline,)
    actions = ("move_selected",)
    bulk = OF_SITES
    actions_detail = (
        "isolate",
        "release",
        "scale",
        "move",
        "shield",
        "begin_maintenance",
        "end_maintenance",
        "disable",
        "enable",
        "remove",
        "restore",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Site]:
        return super().get_queryset(request).prefetch_related("domains")

    def resources(self, obj: Site) -> list[str]:
        return [f"{what}:{obj.pk}" for what in ("site", "cut", "shield", "edge_rules")]

    @admin.display(description=_("name"))
    def shown_name(self, site: Site) -> str:
        return site.name

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, site: Site) -> str:
        return label(site.get_state_display(), LABELS.get(site.state, ""))

    @admin.display(description=_("order"), ordering="order__name")
    def shown_order(self, site: Site) -> str:
        return link(site.order)

    @admin.display(description=_("member"))
    def shown_member(self, site: Site) -> str:
        return link(site.order.member)

    @admin.display(description=_("host"), ordering="host__name")
    def shown_host(self, site: Site) -> str:
        return link(site.host)

    @admin.display(description=_("all its web hosts"))
    def shown_hosts(self, site: Site) -> str:
        return links(places.hosts_of(site))

    @admin.display(description=_("volume"))
    def shown_volume(self, site: Site) -> str:
        return link(site.volume)

    @admin.display(description=_("operations"))
    def history(self, site: Site) -> str:
        return links(history_of(f"site:{site.pk}")[:HISTORY])

    @deed(
        description=_("Quarantine"),
        icon="gpp_maybe",
        question=_("Isolate %(object)s because it is compromised?"),
        sensitive=True,
        facts=quarantine_facts,
    )
    def isolate(self, request: HttpRequest, site: Site) -> Operation:
        reason, block_logins = request.POST.get("reason", ""), "block_logins" in request.POST
        return services.quarantine_site(actor(request), site, reason, block_logins=block_logins)[1]

    @deed(
        description=_("Release from quarantine"),
        icon="gpp_good",
        question=_("Let %(object)s out of quarantine: network, processes, visitors and logins as before?"),
        sensitive=True,
    )
    def release(self, request: HttpRequest, site: Site) -> Operation:
        return services.release_site(actor(request), site)[1]

    @deed(
        description=_("Shield"),
        icon="shield",
        question=_("Limit what one visitor may ask of %(object)s? Other levels are on the site's own page."),
    )
    def shield(self, request: HttpRequest, site: Site) -> Operation:
        return services.shield_site(actor(request), site, level=ShieldLevel.LIMIT)[1]

    @deed(
        description=_("Begin maintenance"),
        icon="construction",
        question=_("Show visitors of %(object)s that it is being worked on? It runs on behind that page."),
    )
    def begin_maintenance(self, request: HttpRequest, site: Site) -> Operation:
        return services.begin_maintenance(actor(request), site)[1]

    @deed(
        description=_("End maintenance"),
        icon="construction",
        question=_("Show visitors of %(object)s the site again?"),
    )
    def end_maintenance(self, request: HttpRequest, site: Site) -> Operation:
        return services.end_maintenance(actor(request), site)[1]

    @deed(
        description=_("Disable"),
        icon="pause",
        question=_("Stop %(object)s? Visitors then see that it is disabled. Its data and names stay."),
    )
    def disable(self, request: HttpRequest, site: Site) -> Operation:
        return services.disable_site(actor(request), site)[1]

    @deed(description=_("Enable"), icon="play_arrow", question=_("Let %(object)s answer again?"))
    def enable(self, request: HttpRequest, site: Site) -> Operation:
        return services.enable_site(actor(request), site)[1]

    @deed(
        description=_("Delete"),
        icon="delete",
        url_path="remove",
        question=_("Delete %(object)s? Its data is kept for a while, and can be restored until then."),
    )
    def remove(self, request: HttpRequest, site: Site) -> Operation:
        return services.delete_site(actor(request), site)[1]

    @deed(description=_("Restore"), icon="restore", question=_("Bring %(object)s back with its data and names?"))
    def restore(self, request: HttpRequest, site: Site) -> Operation:
        return services.restore_site(actor(request), site)[1]


@admin.register(Domain)
class DomainAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "shown_site")
    list_filter = ("kind",)
    search_fields = ("name",)
    fields = ("name", "kind", "shown_site")
    readonly_fields = ("shown_site",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Domain]:
        return super().get_queryset(request).prefetch_related("site__domains")

    def resources(self, obj: Domain) -> list[str]:
        return [f"domain:{obj.name}", f"site:{obj.site_id}"]

    @admin.display(description=_("site"))
    def shown_site(self, domain: Domain) -> Any:
        return link(domain.site, domain.site.name)


@on_dashboard(35)
def hosting_panel() -> Iterable[Card]:
    sites = dict(Site.objects.values_list("state").annotate(count=Count("id")))
    failed = sites.get(SiteState.FAILED, 0)
    yield Card(_("Hosting orders"), HostingOrder.objects.count(), changelist(HostingOrder))
    yield Card(_("Sites"), sum(sites.values()) - sites.get(SiteState.DELETED, 0), changelist(Site), "danger",
               _("%(count)d failed") % {"count": failed} if failed else "")  # fmt: skip
