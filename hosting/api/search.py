"""``/api/v1/search/``: anything that the asker may see, by a piece of its name or its number."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .. import search

#: Where a thing of each kind is read.
COLLECTIONS = {
    "site": "sites",
    "order": "orders",
    "database": "databases",
    "login": "logins",
    "operation": "operations",
}
KINDS = [(kind, kind) for kind in sorted(COLLECTIONS)]


class SearchQuerySerializer(serializers.Serializer[Any]):
    """What is looked for."""

    q = serializers.CharField(max_length=search.LONGEST, trim_whitespace=True)


class HitSerializer(serializers.Serializer[Any]):
    """One thing that was found."""

    kind = serializers.ChoiceField(KINDS)
    id = serializers.IntegerField()
    title = serializers.CharField(help_text="What people call it.")
    note = serializers.CharField(help_text="What tells it from others, for people.")
    url = serializers.SerializerMethodField(help_text="Where it is read.")

    def get_url(self, hit: search.Hit) -> str:
        path = f"/api/v1/{COLLECTIONS[hit.kind]}/{hit.id}/"
        return str(self.context["request"].build_absolute_uri(path))


class FoundSerializer(serializers.Serializer[Any]):
    """The best hits of each kind."""

    results = HitSerializer(many=True)
    more = serializers.ListField(
        child=serializers.ChoiceField(KINDS),
        help_text="Kinds of which there are more hits than are listed: ask more precisely, or filter the collection.",
    )


class SearchView(APIView):
    """One question over sites (by any name), orders, databases (by name or user), logins, and operations by number."""

    @extend_schema(
        summary="Find anything of yours",
        operation_id="search",
        parameters=[OpenApiParameter("q", str, required=True, description="A piece of a name, or a number.")],
        responses=FoundSerializer,
    )
    def get(self, request: Request) -> Response:
        query = SearchQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        groups = search.find(request.user, query.validated_data["q"])
        found = {
            "results": [hit for group in groups for hit in group.hits],
            "more": [group.kind for group in groups if group.more],
        }
        return Response(FoundSerializer(found, context={"request": request}).data)
