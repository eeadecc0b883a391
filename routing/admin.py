"""Staff's view of public names and where they lead. Never a key. Nothing is edited here: routes follow the sites."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from controlpanel.admin import ReadOnlyAdmin, ReadOnlyInline, label, link

from . import certificate_admin as _certificate_admin  # noqa: F401 (registers its pages)
from .choices import Mode
from .models import Authority, Backend, EdgeBase, Route

MODE_LABELS: dict[str, str] = {
    Mode.NORMAL: "success",
    Mode.DISABLED: "warning",
    Mode.MAINTENANCE: "warning",
    Mode.HOLD: "info",
    Mode.QUARANTINE: "danger",
}


class RouteInline(ReadOnlyInline):
    model = Route
    verbose_name_plural = _("Names")
    fields = ("name", "redirect_to", "removed", "revision")
    readonly_fields = fields


@admin.register(Backend)
class BackendAdmin(ReadOnlyAdmin):
    list_display = ("site_id", "shown_host", "shown_mode", "route_count", "removed", "revision")
    list_filter = ("mode", "removed", "host")
    list_select_related = ("host",)
    search_fields = ("=site_id", "host__name", "routes__name")
    fields = ("site_id", "shown_host", "shown_mode", "removed", "revision")
    readonly_fields = ("shown_host", "shown_mode")
    inlines = (RouteInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Backend]:
        return super().get_queryset(request).annotate(route_count=Count("routes"))

    def resources(self, obj: Backend) -> list[str]:
        return [f"site:{obj.site_id}"]

    def recorded(self, obj: Backend) -> str:
        return f"hosting.site:{obj.site_id}"

    @admin.display(description=_("host"), ordering="host__name")
    def shown_host(self, backend: Backend) -> str:
        return link(backend.host)

    @admin.display(description=_("mode"), ordering="mode")
    def shown_mode(self, backend: Backend) -> str:
        return label(backend.get_mode_display(), MODE_LABELS.get(backend.mode, ""))

    @admin.display(description=_("names"), ordering="route_count")
    def route_count(self, backend: Backend) -> int:
        return backend.route_count  # type: ignore[attr-defined]


@admin.register(Route)
class RouteAdmin(ReadOnlyAdmin):
    list_display = ("name", "redirect_to", "shown_backend", "removed", "revision")
    list_filter = ("removed",)
    list_select_related = ("backend__host",)
    search_fields = ("name", "redirect_to", "=backend__site_id")
    fields = ("name", "redirect_to", "shown_backend", "removed", "revision")
    readonly_fields = ("shown_backend",)

    def resources(self, obj: Route) -> list[str]:
        return [f"domain:{obj.name}", f"certificate:{obj.pk}", f"site:{obj.backend.site_id}"]

    def recorded(self, obj: Route) -> str:
        return f"hosting.site:{obj.backend.site_id}"

    @admin.display(description=_("leads to"))
    def shown_backend(self, route: Route) -> str:
        return link(route.backend)


@admin.register(EdgeBase)
class EdgeBaseAdmin(ReadOnlyAdmin):
    """The web hosts that all edges know."""

    list_display = ("id", "backends", "revision")
    fields = ("backends", "revision")

    def resources(self, obj: EdgeBase) -> list[str]:
        return ["routing:edges"]


@admin.register(Authority)
class AuthorityAdmin(ReadOnlyAdmin):
    """Its certificate, for whoever should trust it; never its key."""

    list_display = ("id", "created")
    fields = ("certificate_pem", "created")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Authority]:
        return super().get_queryset(request).defer("key_pem")
