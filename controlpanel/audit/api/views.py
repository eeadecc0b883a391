"""``/api/v1/audit/``: every change of what is the asker's."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.views import Collection

from .. import exports, selectors, sentences
from ..choices import Verb, Via
from ..filters import EntryFilter
from ..models import Entry

_JSON = {"type": "object", "additionalProperties": {}, "nullable": True}


class EntrySerializer(serializers.ModelSerializer[Entry]):
    """One change or deed."""

    what_happened = serializers.SerializerMethodField(help_text="A sentence, in the reader's language.")
    verb = serializers.ChoiceField(Verb.choices, read_only=True)
    via = serializers.ChoiceField(Via.choices, read_only=True, allow_blank=True)
    staff = serializers.BooleanField(source="actor_is_staff", read_only=True)
    address = serializers.SerializerMethodField(help_text="From where; that of staff is shown to staff only.")
    before = serializers.SerializerMethodField(help_text="What changed, as it was. Secrets are shown as ***.")
    after = serializers.SerializerMethodField(help_text="What changed, as it is since.")

    class Meta:
        model = Entry
        fields = (
            "id", "time", "what_happened", "verb", "actor", "actor_id", "staff", "impersonator", "token", "via",
            "address", "request", "operation", "object", "label", "about", "about_label", "before", "after",
        )  # fmt: skip
        read_only_fields = fields

    def get_what_happened(self, entry: Entry) -> str:
        return sentences.sentence(entry)

    @extend_schema_field({"type": "string", "nullable": True})
    def get_address(self, entry: Entry) -> str | None:
        return None if selectors.hides_address(entry, self.context["request"].user) else entry.address

    @extend_schema_field(_JSON)
    def get_before(self, entry: Entry) -> Any:
        return entry.before

    @extend_schema_field(_JSON)
    def get_after(self, entry: Entry) -> Any:
        return entry.after


class NewestFirst(CursorPagination):
    """By cursor: a page of a million entries costs no more than one of ten, and nothing is counted."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500

    def get_paginated_response(self, data: Any) -> Response:
        """As of other collections; ``count`` is null, which says that nobody counted."""
        links = {"next": self.get_next_link(), "previous": self.get_previous_link()}
        return Response({"count": None, **links, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        document: dict[str, Any] = super().get_paginated_response_schema(schema)
        document["properties"]["count"] = {"type": "integer", "nullable": True, "description": "Always null."}
        return document


_FILE = OpenApiResponse(OpenApiTypes.STR, description="The file, streamed.")


@extend_schema_view(
    list=extend_schema(summary="Every change of what is yours, newest first"),
    retrieve=extend_schema(summary="One change"),
)
class AuditViewSet(Collection):
    """Who changed what, when, from where, by which operation; before and after. Nothing in it is ever changed."""

    serializer_class = EntrySerializer
    filterset_class = EntryFilter
    pagination_class = NewestFirst
    filter_backends = [Collection.filter_backends[0]]
    queryset = Entry.objects.none()  # for the schema; rows() is what is asked

    def rows(self) -> QuerySet[Entry]:
        return selectors.entries_for(self.actor)

    def paginate_queryset(self, queryset: Any) -> Any:
        page: Sequence[Entry] | None = super().paginate_queryset(queryset)
        return None if page is None else selectors.with_operations(page)

    def get_object(self) -> Entry:
        return selectors.with_operations([super().get_object()])[0]

    @extend_schema(summary="All of it as CSV", responses={(200, "text/csv"): _FILE})
    @action(detail=False, pagination_class=None)
    def csv(self, request: Request) -> HttpResponseBase:
        """With the same filters as the list. What would start a formula begins with an apostrophe."""
        return exports.response(request, self.filter_queryset(self.get_queryset()), "csv")

    @extend_schema(summary="All of it as JSON, one a line", responses={(200, "application/x-ndjson"): _FILE})
    @action(detail=False, pagination_class=None)
    def jsonl(self, request: Request) -> HttpResponseBase:
        """With the same filters as the list."""
        return exports.response(request, self.filter_queryset(self.get_queryset()), "jsonl")
