"""Staff's view of shields: which sites have one, the switch for all of them, suggestions; addresses, packet rules."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.admin import Card, ReadOnlyAdmin, Table, actor, changelist, deed, label, link, on_dashboard
from controlpanel.fleet import samples
from controlpanel.fleet.choices import Role
from controlpanel.operations.models import Operation
from routing import packet_filter, shields, traffic
from routing.choices import ShieldLevel
from routing.models import EdgeAddress, PacketRules, Shield

from .. import services
from ..models import Site

LABELS: dict[str, str] = {
    ShieldLevel.CACHE: "info",
    ShieldLevel.LIMIT: "warning",
    ShieldLevel.CHALLENGE: "danger",
}
#: Suggestions that the dashboard lists.
MOST = 10


@admin.register(Shield)
class ShieldAdmin(ReadOnlyAdmin):
    """The row of all sites is first."""

    list_display = ("shown_site", "shown_level", "suggested", "rate", "usual", "own_addresses", "changed")
    list_filter = ("level", "own_addresses")
    fields = (
        "shown_site", "shown_level", "requests", "connections", "blocked", "trusted", "open_paths", "own_addresses",
        "suggested", "rate", "usual", "changed", "revision",
    )  # fmt: skip
    readonly_fields = ("shown_site", "shown_level")
    ordering = ("site_id",)
    actions_detail = ("off", "cache", "limit", "challenge")

    def resources(self, obj: Shield) -> list[str]:
        return [f"shield:{obj.site_id}"]

    @admin.display(description=_("site"))
    def shown_site(self, shield: Shield) -> Any:
        if shield.site_id == shields.EVERY_SITE:
            return _("all sites")
        site = Site.objects.filter(pk=shield.site_id).prefetch_related("domains").first()
        return link(site, site.name) if site else shield.site_id

    @admin.display(description=_("level"), ordering="level")
    def shown_level(self, shield: Shield) -> str:
        return label(shield.get_level_display(), LABELS.get(shield.level, ""))

    @deed(description=_("Off"), icon="shield", question=_("Switch the %(object)s off?"))
    def off(self, request: HttpRequest, shield: Shield) -> Operation:
        return _set(request, shield, ShieldLevel.OFF)

    @deed(description=_("Cache"), icon="shield", question=_("Set the %(object)s to cache?"))
    def cache(self, request: HttpRequest, shield: Shield) -> Operation:
        return _set(request, shield, ShieldLevel.CACHE)

    @deed(description=_("Limit"), icon="shield", question=_("Set the %(object)s to limit?"))
    def limit(self, request: HttpRequest, shield: Shield) -> Operation:
        return _set(request, shield, ShieldLevel.LIMIT)

    @deed(description=_("Challenge"), icon="shield", question=_("Set the %(object)s to challenge?"))
    def challenge(self, request: HttpRequest, shield: Shield) -> Operation:
        return _set(request, shield, ShieldLevel.CHALLENGE)


def _set(request: HttpRequest, shield: Shield, level: ShieldLevel) -> Operation:
    if shield.site_id == shields.EVERY_SITE:
        return services.shield_all(actor(request), level)[1]
    return services.shield_site(actor(request), shield.site_id, level=level)[1]


class EdgeAddressForm(forms.ModelForm):
    """The service checks too; here so that errors stand beside their fields."""

    class Meta:
        model = EdgeAddress
        fields = ("host", "address")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if (host := data.get("host")) and Role.EDGE.value not in host.roles:
            self.add_error("host", _("This host is no edge."))
        return data


@admin.register(EdgeAddress)
class EdgeAddressAdmin(ReadOnlyAdmin):
    """Rows follow what operators have configured on their edges; added and removed by the service."""

    list_display = ("address", "shown_host")
    list_select_related = ("host",)
    fields = ("host", "address")
    form = EdgeAddressForm
    actions_detail = ("remove",)

    def resources(self, obj: EdgeAddress) -> list[str]:
        return ["routing:packets"]

    @admin.display(description=_("host"))
    def shown_host(self, address: EdgeAddress) -> str:
        return link(address.host)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(actor(request).is_staff)

    def save_model(self, request: HttpRequest, obj: EdgeAddress, form: Any, change: bool) -> None:
        wanted = [*packet_filter.addresses_of(obj.host), obj.address]
        packet_filter.set_addresses(obj.host, wanted, actor(request))
        obj.pk = EdgeAddress.objects.get(address=obj.address).pk

    @deed(description=_("Remove"), icon="delete", question=_("Use %(object)s no longer? Its packet rules end."))
    def remove(self, request: HttpRequest, address: EdgeAddress) -> str:
        kept = [other for other in packet_filter.addresses_of(address.host) if other != address.address]
        packet_filter.set_addresses(address.host, kept, actor(request))
        return str(_("The edge is told."))


class PacketRulesForm(forms.ModelForm):
    """Numbers, and networks that are not heard for so many hours."""

    block = forms.GenericIPAddressField(label=_("Block this address as well"), required=False)
    hours = forms.IntegerField(label=_("for so many hours"), min_value=1, max_value=24 * 365, initial=24)

    class Meta:
        model = PacketRules
        fields = ("rate", "burst", "connections")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        for name in self._meta.fields or ():
            if name in data and not 1 <= data[name] <= packet_filter.MOST:
                self.add_error(name, _("From 1 to %(most)d.") % {"most": packet_filter.MOST})
        return data


@admin.register(PacketRules)
class PacketRulesAdmin(ReadOnlyAdmin):
    """One row. Blocked addresses end by themselves; "forget" makes them end now."""

    list_display = ("__str__", "rate", "burst", "connections")
    fields = ("rate", "burst", "connections", "shown_blocked", "block", "hours")
    readonly_fields = ("shown_blocked",)
    form = PacketRulesForm
    actions_detail = ("forget",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(actor(request).is_staff)

    def resources(self, obj: PacketRules) -> list[str]:
        return ["routing:packets"]

    @admin.display(description=_("blocked"))
    def shown_blocked(self, rules: PacketRules) -> str:
        now = timezone.now().timestamp()
        return ", ".join(entry["network"] for entry in rules.blocked if entry["until"] > now) or "–"

    def save_model(self, request: HttpRequest, obj: PacketRules, form: Any, change: bool) -> None:
        values, blocked = form.cleaned_data, list(obj.blocked)
        if values["block"]:
            until = timezone.now() + timedelta(hours=values["hours"])
            blocked.append({"network": values["block"], "until": int(until.timestamp())})
        numbers = {name: values[name] for name in ("rate", "burst", "connections")}
        packet_filter.set_rules(**numbers, blocked=blocked, actor=actor(request))

    @deed(description=_("Forget blocked"), icon="lock_open", question=_("Hear all blocked addresses again?"))
    def forget(self, request: HttpRequest, rules: PacketRules) -> Operation:
        numbers = {"rate": rules.rate, "burst": rules.burst, "connections": rules.connections}
        return packet_filter.set_rules(**numbers, blocked=[], actor=actor(request))


@on_dashboard(36)
def shields_panel() -> Iterable[Card | Table]:
    """The switch for all, how many are shielded, and who should be."""
    everyone = shields.shield_of_all()
    shielded = Shield.objects.exclude(site_id=shields.EVERY_SITE).exclude(level=ShieldLevel.OFF).count()
    page = f"{changelist(Shield)}{everyone.pk}/change/"
    on = everyone.level != ShieldLevel.OFF
    yield Card(
        _("Shield of all sites"), everyone.get_level_display(), page, "danger", _("attack on everybody") if on else ""
    )
    yield Card(_("Shielded sites"), shielded, changelist(Shield), "warning", "")
    suggested = list(Shield.objects.exclude(suggested=None).order_by("-rate")[:MOST])
    if suggested:
        sites = {site.pk: site for site in Site.objects.filter(pk__in=[s.site_id for s in suggested])}
        now = samples.latest(traffic.METRICS[:1], [f"site:{shield.site_id}" for shield in suggested])
        yield Table(
            _("Far more requests than usual: shield them?"),
            [_("site"), _("requests a second"), _("usual"), _("since"), _("shield")],
            [
                [
                    link(sites[shield.site_id], sites[shield.site_id].name),
                    round(now.get((f"site:{shield.site_id}", traffic.METRICS[0]), shield.rate), 1),
                    round(shield.usual, 1),
                    shield.suggested,
                    link(shield, shield.get_level_display()),
                ]
                for shield in suggested
                if shield.site_id in sites
            ],
        )
