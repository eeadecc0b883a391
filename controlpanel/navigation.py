"""The admin's sidebar, in the order of the work: what is going on, whom it is for, what they have, what carries it.

Whatever else is registered comes last by itself, so that nothing is ever missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


@dataclass(frozen=True)
class Entry:
    """A line of the sidebar: a model ("hosting.site") by its list, or a page by the name of its URL."""

    target: str
    title: Any
    icon: str

    @property
    def is_model(self) -> bool:
        return ":" not in self.target

    @property
    def address(self) -> str:
        """Where it leads; empty when there is no such page here."""
        name = f"admin:{self.target.replace('.', '_')}_changelist" if self.is_model else self.target
        try:
            return reverse(name)
        except NoReverseMatch:
            return ""


GROUPS: tuple[tuple[Any, tuple[Entry, ...]], ...] = (
    (
        gettext_lazy("Today"),
        (
            Entry("admin:index", gettext_lazy("Dashboard"), "dashboard"),
            Entry("operations.operation", gettext_lazy("Operations"), "play_circle"),
            Entry("admin:fleet_host_capacity", gettext_lazy("Capacity"), "speed"),
            Entry("members.mail", gettext_lazy("Mail"), "mail"),
        ),
    ),
    (
        gettext_lazy("People"),
        (
            Entry("members.member", gettext_lazy("Members"), "groups"),
            Entry("members.login", gettext_lazy("Logins"), "person"),
            Entry("members.access", gettext_lazy("Accesses"), "key"),
            Entry("members.token", gettext_lazy("API tokens"), "token"),
            Entry("axes.accessattempt", gettext_lazy("Failed logins"), "block"),
        ),
    ),
    (
        gettext_lazy("What members have"),
        (
            Entry("hosting.hostingorder", gettext_lazy("Hosting orders"), "inventory_2"),
            Entry("hosting.site", gettext_lazy("Sites"), "web"),
            Entry("hosting.domain", gettext_lazy("Names"), "dns"),
            Entry("hosting.database", gettext_lazy("Databases"), "database"),
            Entry("routing.certificate", gettext_lazy("Certificates"), "verified_user"),
            Entry("routing.shield", gettext_lazy("Shields"), "shield"),
            Entry("hosting.quarantine", gettext_lazy("Quarantines"), "gpp_maybe"),
        ),
    ),
    (
        gettext_lazy("What carries it"),
        (
            Entry("fleet.host", gettext_lazy("Hosts"), "host"),
            Entry("storage.pool", gettext_lazy("Storage pools"), "hard_drive"),
            Entry("storage.volume", gettext_lazy("Volumes"), "folder_data"),
            Entry("fleet.powerfence", gettext_lazy("Power switches"), "power_settings_new"),
        ),
    ),
    (
        gettext_lazy("Edges"),
        (
            Entry("routing.route", gettext_lazy("Routes"), "alt_route"),
            Entry("routing.backend", gettext_lazy("Backends"), "lan"),
            Entry("routing.edgeaddress", gettext_lazy("Further addresses"), "add_location"),
            Entry("routing.packetrules", gettext_lazy("Packet rules"), "filter_alt"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """UNFOLD's SIDEBAR navigation."""
    found = [
        {"title": title, "separator": number > 0, "collapsible": False, "items": _items(entries)}
        for number, (title, entries) in enumerate(GROUPS)
    ]
    found.append({"title": _("All else"), "separator": True, "collapsible": True, "items": _items(_others())})
    return [group for group in found if group["items"]]


def _items(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    return [{"title": entry.title, "icon": entry.icon, "link": entry.address} for entry in entries if entry.address]


def _others() -> list[Entry]:
    """Registered models that no group names, by the name of their kind."""
    named = {entry.target for _title, entries in GROUPS for entry in entries}
    models = [model for model in admin.site._registry if model._meta.label_lower not in named]
    entries = [Entry(model._meta.label_lower, capfirst(model._meta.verbose_name_plural), "table") for model in models]
    return sorted(entries, key=lambda entry: str(entry.title))
