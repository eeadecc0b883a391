"""Staff's view of edge rules: who has which, and taking all of a site's away when it has locked everybody out."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from controlpanel.admin import ReadOnlyAdmin, actor, deed, link
from controlpanel.operations.models import Operation
from routing.choices import HttpsPolicy
from routing.models import EdgeRules

from .. import services
from ..models import Site


@admin.register(EdgeRules)
class EdgeRulesAdmin(ReadOnlyAdmin):
    """Users of protected paths by name; nothing of their passwords."""

    list_display = ("site_id", "https", "redirect_count", "door_count", "address_count", "removed", "changed")
    list_filter = ("https", "removed")
    search_fields = ("=site_id",)
    fields = (
        "shown_site", "https", "hsts_max_age", "hsts_subdomains", "https_names", "redirects", "addresses",
        "shown_doors", "notice_en", "notice_es", "notice_until", "notice_networks", "removed", "changed", "revision",
    )  # fmt: skip
    readonly_fields = ("shown_site", "shown_doors")
    ordering = ("site_id",)
    actions_detail = ("remove_all",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EdgeRules]:
        return super().get_queryset(request).filter(revision__gt=0)

    def resources(self, obj: EdgeRules) -> list[str]:
        return [f"edge_rules:{obj.site_id}"]

    @admin.display(description=_("site"))
    def shown_site(self, rules: EdgeRules) -> Any:
        site = Site.objects.filter(pk=rules.site_id).prefetch_related("domains").first()
        return link(site, site.name) if site else rules.site_id

    @admin.display(description=_("redirects"))
    def redirect_count(self, rules: EdgeRules) -> int:
        return len(rules.redirects)

    @admin.display(description=_("protected paths"))
    def door_count(self, rules: EdgeRules) -> int:
        return len(rules.protected)

    @admin.display(description=_("address rules"))
    def address_count(self, rules: EdgeRules) -> int:
        return len(rules.addresses)

    @admin.display(description=_("protected paths"))
    def shown_doors(self, rules: EdgeRules) -> str:
        return "; ".join(f"{door['path']}: {', '.join(sorted(door['users']))}" for door in rules.protected) or "–"

    @deed(
        description=_("Remove all rules"),
        icon="lock_open",
        question=_("Remove all %(object)s? Protected paths are open to everybody then."),
    )
    def remove_all(self, request: HttpRequest, rules: EdgeRules) -> Operation:
        return services.set_edge_rules(
            actor(request), rules.site_id, https={"policy": HttpsPolicy.OFF}, redirects=[], addresses=[], protected=[]
        )[1]
