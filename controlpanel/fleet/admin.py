"""Staff's view of hosts: what they are, what is on them, where they differ from what should be; drain and resync.

What is on a host belongs to apps above this one: they add it with ``show_on_host``.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from controlpanel.admin import (
    Card,
    ReadOnlyAdmin,
    ReadOnlyInline,
    Table,
    actor,
    changelist,
    deed,
    label,
    link,
    links,
    on_dashboard,
    tab,
)
from controlpanel.bulk import BulkDeeds
from controlpanel.operations.models import Operation
from controlpanel.operations.selectors import history_of

from . import services
from .bulk import OF_HOSTS
from .choices import HostState, Role
from .models import DriftReport, Host

STATE_LABELS: dict[str, str] = {HostState.ACTIVE: "success", HostState.DRAINING: "warning", HostState.FENCED: "danger"}
#: Operations that a host's page lists.
HISTORY = 15

Inline = TypeVar("Inline", bound=type[ReadOnlyInline])


class RoleFilter(admin.SimpleListFilter):
    """Hosts that have a role (roles are an array, so Django's own filter cannot)."""

    title = _("role")
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Role.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(roles__contains=[self.value()]) if self.value() else queryset


@admin.register(Host)
class HostAdmin(BulkDeeds, ReadOnlyAdmin):
    list_display = ("name", "shown_roles", "shown_state", "shown_reachable", "address", "shown_drift", "last_seen")
    list_filter = ("state", "reachable", "needs_resync", RoleFilter)
    list_select_related = ("drift",)
    search_fields = ("name", "=address")
    fieldsets: tuple[Any, ...] = (
        (
            None,
            {
                "fields": (
                    "name",
                    "address",
                    "shown_roles",
                    "shown_state",
                    "shown_reachable",
                    "last_seen",
                    "needs_resync",
                    "history",
                ),
            },
        ),
        tab(_("Drift"), "shown_drift", "drift_checked", "differences"),
        tab(_("Identity"), "host_key", "agent_version", "boot_id", "shown_facts", "enrolled"),
    )
    readonly_fields: tuple[str, ...] = (
        "shown_roles", "shown_state", "shown_reachable", "shown_drift", "drift_checked", "differences", "shown_facts",
        "history",
    )  # fmt: skip
    inlines: tuple[type[ReadOnlyInline], ...] = ()
    bulk = OF_HOSTS
    actions_detail: tuple[str, ...] = ("drain", "undrain", "resync", "check_drift")

    @classmethod
    def show_field(cls, name: str, function: Any) -> None:
        """An app's own field on a host's page: a function of the page and the host, with ``admin.display``."""
        setattr(cls, name, function)
        cls.readonly_fields = (*cls.readonly_fields, name)
        (title, first), *rest = cls.fieldsets
        cls.fieldsets = ((title, {**first, "fields": (*first["fields"], name)}), *rest)

    def resources(self, obj: Host) -> list[str]:
        return [f"{what}:{obj.name}" for what in ("host", "evacuation", "fence", "unfence", "recover")]

    @admin.display(description=_("roles"))
    def shown_roles(self, host: Host) -> str:
        return ", ".join(str(Role(role).label) if role in Role.values else role for role in host.roles)

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, host: Host) -> str:
        return label(host.get_state_display(), STATE_LABELS.get(host.state, ""))

    @admin.display(description=_("reachable"), ordering="reachable")
    def shown_reachable(self, host: Host) -> str:
        return label(_("yes"), "success") if host.reachable else label(_("away"), "danger")

    @admin.display(description=_("drift"))
    def shown_drift(self, host: Host) -> str:
        report = _report(host)
        if report is None or report.error:
            return label(_("not known"), "warning")
        return label(_counted(report), "danger") if report.differences else label(_("none"), "success")

    @admin.display(description=_("compared"))
    def drift_checked(self, host: Host) -> Any:
        report = _report(host)
        return report.checked if report else "–"

    @admin.display(description=_("differences"))
    def differences(self, host: Host) -> SafeString | str:
        report = _report(host)
        if report is None:
            return "–"
        lines = [
            f"{row.get('problem', '?')}: {row.get('kind', '')} {row.get('id', '')} {row.get('detail', '')}".rstrip()
            for row in report.differences
        ]
        text = "\n".join([*([report.error] if report.error else []), *lines])
        return format_html('<pre class="text-xs whitespace-pre-wrap">{}</pre>', text) if text else "–"

    @admin.display(description=_("what it says of itself"))
    def shown_facts(self, host: Host) -> str:
        return ", ".join(f"{name}: {value}" for name, value in sorted(host.facts.items())) or "–"

    @admin.display(description=_("operations"))
    def history(self, host: Host) -> str:
        return links(history_of(f"host:{host.name}")[:HISTORY])

    @deed(
        description=_("Drain"),
        icon="hourglass_empty",
        question=_("Let %(object)s take no new work? What is on it stays there."),
    )
    def drain(self, request: HttpRequest, host: Host) -> str:
        services.drain(host, actor=actor(request))
        return str(_("It takes no new work."))

    @deed(description=_("End draining"), icon="play_arrow", question=_("Let %(object)s take new work again?"))
    def undrain(self, request: HttpRequest, host: Host) -> str:
        services.undrain(host, actor=actor(request))
        return str(_("It takes new work again."))

    @deed(
        description=_("Resync"),
        icon="sync",
        question=_("Send %(object)s everything that it should hold, and remove what should not be there?"),
    )
    def resync(self, request: HttpRequest, host: Host) -> Operation:
        return services.resync([host], actor=actor(request))

    @deed(description=_("Compare now"), icon="difference", question=_("Compare %(object)s with what it should hold?"))
    def check_drift(self, request: HttpRequest, host: Host) -> str:
        # By a worker, not here: a host may take its time, and this page should not.
        services.forget_drift(host.name)
        return str(_("It is compared within a few seconds. What differs is shown here then."))


def offer_on_host(view: Any) -> Any:
    """Decorator: an app's deed (``controlpanel.admin.deed``) is offered on the pages of hosts."""
    setattr(HostAdmin, view.__name__, view)
    HostAdmin.actions_detail = (*HostAdmin.actions_detail, view.__name__)
    return view


def show_on_host(inline: Inline) -> Inline:
    """Class decorator: an app's rows are shown on the page of the host that they are on."""
    HostAdmin.inlines = (*HostAdmin.inlines, inline)
    return inline


def _report(host: Host) -> DriftReport | None:
    return getattr(host, "drift", None)


def _counted(report: DriftReport) -> str:
    count = len(report.differences)
    return ngettext("%(count)d difference", "%(count)d differences", count) % {"count": count}


@on_dashboard(0)
def fleet_panel() -> Iterable[Card | Table]:
    """Which hosts are away, and which differ from what they should be."""
    hosts = list(Host.objects.select_related("drift"))
    away = [host for host in hosts if not host.reachable]
    drifted = [host for host in hosts if (report := _report(host)) and (report.differences or report.error)]
    yield Card(
        _("Hosts up"),
        f"{len(hosts) - len(away)}/{len(hosts)}",
        changelist(Host),
        "danger",
        _("%(count)d away") % {"count": len(away)} if away else "",
    )
    yield Card(_("Hosts that drifted"), len(drifted), changelist(Host), "warning", _("need a look") if drifted else "")
    busy = [
        host for host in hosts if host in away or host in drifted or host.needs_resync or host.state != HostState.ACTIVE
    ]
    yield Table(
        _("Hosts that need a look"),
        [_("host"), _("roles"), _("state"), _("why"), _("last seen")],
        [
            [
                link(host),
                ", ".join(host.roles),
                host.get_state_display(),
                ", ".join(str(reason) for reason in _reasons(host)),
                _("%(time)s ago") % {"time": timesince(host.last_seen, timezone.now())} if host.last_seen else "–",
            ]
            for host in busy
        ],
        _("All hosts are up and as they should be."),
    )


def _reasons(host: Host) -> Iterable[Any]:
    report = _report(host)
    if not host.reachable:
        yield _("away")
    if host.needs_resync:
        yield _("due for a resync")
    if report and report.differences:
        yield _counted(report)
    if report and report.error:
        yield _("could not be compared")
    if host.state != HostState.ACTIVE:
        yield host.get_state_display()


from . import power_admin as power_admin  # noqa: E402  # registers its pages
