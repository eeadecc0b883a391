"""``/api/v1/sites/{id}/logs/``: what the site's host has written down."""

import re
from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.schema import ASKS_A_HOST

from .. import site_logs
from ..errors import InvalidChoice
from ..models import Site
from ..views.logs import download

_DAY = re.compile(r"\A20[0-9]{2}-[01][0-9]-[0-3][0-9]\Z")


class LogQuerySerializer(serializers.Serializer[Any]):
    """What is asked of a log."""

    log = serializers.ChoiceField(list(site_logs.NAMES), default="access", help_text="php: sites with PHP only.")
    lines = serializers.IntegerField(min_value=1, max_value=site_logs.MOST_LINES, default=100)
    find = serializers.CharField(
        max_length=site_logs.LONGEST_SEARCH, default="", allow_blank=True, help_text="Only lines with this text."
    )
    after = serializers.RegexField(
        r"\A(?:[0-9]{1,20}-[0-9]{1,20})?\Z",
        default="",
        allow_blank=True,
        help_text="The cursor of an earlier answer: only lines that came after it.",
    )


class LogSerializer(serializers.Serializer[Any]):
    """Lines, oldest first."""

    log = serializers.CharField()
    lines = serializers.ListField(child=serializers.CharField(allow_blank=True))
    cursor = serializers.CharField(allow_blank=True, help_text="Send it as `after` to go on.")
    skipped = serializers.BooleanField(help_text="More lines came than are answered at once.")


class LogDaySerializer(serializers.Serializer[Any]):
    """A log of a day that can be downloaded."""

    log = serializers.CharField()
    day = serializers.DateField()
    size = serializers.IntegerField(help_text="Bytes, compressed.")


class LogActions:
    """Mixed into the sites."""

    @extend_schema(
        extensions=ASKS_A_HOST,
        summary="The last lines of a log, or those since a cursor",
        parameters=[LogQuerySerializer],
        responses=LogSerializer,
    )
    @action(detail=True, methods=["get"], filterset_class=None, pagination_class=None)
    def logs(self, request: Request, pk: str) -> Response:
        """Ask with the answer's cursor again, to follow it. 503 while its host does not answer."""
        site: Site = self.get_object()  # type: ignore[attr-defined]
        query = LogQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        _check(site, asked["log"])
        found = site_logs.lines(site, asked["log"], count=asked["lines"], find=asked["find"], after=asked["after"])
        return Response({"log": asked["log"], **vars(found)})

    @extend_schema(
        extensions=ASKS_A_HOST, summary="Days of logs that can be downloaded", responses=LogDaySerializer(many=True)
    )
    @action(detail=True, methods=["get"], url_path="logs/days", filterset_class=None, pagination_class=None)
    def log_days(self, request: Request, pk: str) -> Response:
        """Newest first; each is kept for 30 days."""
        site: Site = self.get_object()  # type: ignore[attr-defined]
        return Response([{"log": one.log, "day": one.day, "size": one.size} for one in site_logs.days(site)])

    @extend_schema(
        extensions=ASKS_A_HOST,
        summary="A day of a log, as text",
        parameters=[
            OpenApiParameter("log", OpenApiTypes.STR, required=True),
            OpenApiParameter("day", OpenApiTypes.DATE, required=True),
        ],
        responses={(200, "text/plain"): OpenApiTypes.STR},
    )
    @action(detail=True, methods=["get"], url_path="logs/download", filterset_class=None, pagination_class=None)
    def log_download(self, request: Request, pk: str) -> HttpResponseBase:
        """Today's goes up to now."""
        site: Site = self.get_object()  # type: ignore[attr-defined]
        log, day = request.query_params.get("log", ""), request.query_params.get("day", "")
        _check(site, log)
        if not _DAY.match(day):
            raise InvalidChoice("day")
        return download(site, log, day)


def _check(site: Site, log: str) -> None:
    if log not in site_logs.logs_of(site):
        raise InvalidChoice("log")
