"""From anything in the admin to what was done with it: its operations, and its entries in the record of changes.

Every page of an object has both links (``controlpanel.admin.ReadOnlyAdmin``); they lead to the lists of operations and
of entries, narrowed by ``?concerning=``.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from controlpanel.audit.trail import trails

#: Where the lists are, and how their addresses say what they are narrowed to: names, with commas between them.
OPERATIONS, RECORD = "admin:operations_operation_changelist", "admin:audit_entry_changelist"
CONCERNING = "concerning"


class ConcerningFilter(admin.SimpleListFilter):
    """Narrows a list to what concerns certain things. Shown while it does; nobody has to choose from thousands."""

    title = _("what it concerns")
    parameter_name = CONCERNING

    @property
    def names(self) -> list[str]:
        """Those things: "site:7", "hosting.site:7"; none when the list is not narrowed."""
        return [name for name in (self.value() or "").replace("\0", "").split(",") if name]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(str(self.value()), ", ".join(self.names))] if self.names else []


class Traces:
    """Mixin of a model's pages: where to read what was done with the object."""

    def resources(self, obj: Any) -> Sequence[str]:
        """Its operations: names that they reserve ("site:7", "host:web1"), or scopes that they have ("member:3")."""
        return ()

    def recorded(self, obj: Any) -> str:
        """Its entries in the record: "hosting.site:7", itself or what it is part of. Empty: it has none."""
        kind = obj._meta.label_lower
        return f"{kind}:{obj.pk}" if kind in trails.by_kind else ""

    def more_traces(self, obj: Any) -> Iterable[tuple[str, Any]]:
        """Further links, as address and text."""
        return ()

    @admin.display(description=_("what was done"))
    def traces(self, obj: models.Model) -> str:
        found: list[tuple[str, Any]] = []
        if names := self.resources(obj):
            found.append((f"{reverse(OPERATIONS)}?{urlencode({CONCERNING: ','.join(names)})}", _("Operations")))
        if name := self.recorded(obj):
            found.append((f"{reverse(RECORD)}?{urlencode({CONCERNING: name})}", _("Record of changes")))
        found += self.more_traces(obj)
        return format_html_join(" · ", '<a class="underline" href="{}">{}</a>', found) or "–"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)  # type: ignore[misc]
        if obj is None:
            return fieldsets
        (title, first), *rest = fieldsets
        return [(title, {**first, "fields": (*first["fields"], "traces")}), *rest]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), "traces")  # type: ignore[misc]
