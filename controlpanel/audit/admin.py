"""Staff's view of the record."""

import json
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from controlpanel.admin import ReadOnlyAdmin, tab
from controlpanel.traces import ConcerningFilter

from . import sentences
from .models import Entry


class Uncounted(Paginator):
    """A million entries are not counted for every page: the first ten thousand can be leafed through."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return len(rows.values("pk")[:10_000])


class AboutFilter(ConcerningFilter):
    """Entries of a thing and of what is part of it."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        if not self.names:
            return queryset
        part = Q(object__in=self.names) & ~Q(object=F("about"))  # as the index of parts has it
        return queryset.filter(Q(about__in=self.names) | part)


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ("time", "sentence", "via", "address", "operation")
    list_display_links = ("time", "sentence")
    list_filter = (AboutFilter, "verb", "via", "actor_is_staff", "time")
    search_fields = ("=about", "=object", "=request", "=operation")
    search_help_text = _("“hosting.site:12”, a request’s id, or an operation’s number")
    paginator = Uncounted
    show_full_result_count = False
    fieldsets = (
        (None, {"fields": ("sentence", "time", "verb", "object", "about", "shown_before", "shown_after")}),
        tab(_("Who and from where"), "actor", "actor_id", "impersonator", "token", "via", "address", "request"),
        tab(_("By which operation"), "operation", "transaction", "scopes"),
    )
    readonly_fields = ("sentence", "shown_before", "shown_after")

    def recorded(self, obj: Entry) -> str:
        return obj.about

    def more_traces(self, obj: Entry) -> Iterable[tuple[str, Any]]:
        if obj.operation:
            yield reverse("admin:operations_operation_change", args=[obj.operation]), _("Its operation")

    @admin.display(description=_("what happened"))
    def sentence(self, entry: Entry) -> str:
        return sentences.sentence(entry)

    @admin.display(description=_("before"))
    def shown_before(self, entry: Entry) -> SafeString | str:
        return _pretty(entry.before)

    @admin.display(description=_("after"))
    def shown_after(self, entry: Entry) -> SafeString | str:
        return _pretty(entry.after)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-id",)


def _pretty(value: Any) -> SafeString | str:
    if not value:
        return "–"
    return format_html(
        '<pre class="text-xs whitespace-pre-wrap">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False)
    )
