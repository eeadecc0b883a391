"""``…/usage/``: what a site, a database or an order used over time."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from .. import usage

DEFAULT = timedelta(days=1)


class _QuerySerializer(serializers.Serializer[Any]):
    """What is asked for, and of which time."""

    metrics: dict[str, usage.Metric]

    def get_fields(self) -> dict[str, Any]:
        return {
            "metric": serializers.ChoiceField(list(self.metrics)),
            "from": serializers.DateTimeField(required=False, help_text="A day before its end, when left out."),
            "to": serializers.DateTimeField(required=False, help_text="Now, when left out."),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            until = attrs.get("to") or timezone.now()
            since = attrs.get("from") or until - DEFAULT
        except OverflowError:
            raise serializers.ValidationError({"to": [_("Nothing is known of that time.")]}) from None
        if not timedelta(0) < until - since <= usage.LONGEST:
            raise serializers.ValidationError({"from": [_("A time before “to”, at most five years before it.")]})
        return {"metric": self.metrics[attrs["metric"]], "since": since, "until": until}


class SiteUsageQuerySerializer(_QuerySerializer):
    """Of a site."""

    metrics = usage.OF_SITE


class DatabaseUsageQuerySerializer(_QuerySerializer):
    """Of a database."""

    metrics = usage.OF_DATABASE


class OrderUsageQuerySerializer(_QuerySerializer):
    """Of all that an order has."""

    metrics = usage.OF_ORDER


class PointSerializer(serializers.Serializer[Any]):
    """The average over one step."""

    at = serializers.DateTimeField(help_text="Begin of the step.")
    value = serializers.FloatField()


class UsageSerializer(serializers.Serializer[Any]):
    """A line: averages over steps, oldest first; steps in which nothing was measured are left out."""

    metric = serializers.CharField()
    unit = serializers.ChoiceField(["number", "bytes", "bytes_per_second", "per_second", "percent"])
    step_seconds = serializers.FloatField()
    total = serializers.FloatField(allow_null=True, help_text="Of a rate: all requests or bytes of that time.")
    mean = serializers.FloatField(allow_null=True)
    peak = serializers.FloatField(allow_null=True)
    points = PointSerializer(many=True)


def _answer(request: Request, thing: Any, serializer_class: type[_QuerySerializer]) -> Response:
    query = serializer_class(data=request.query_params)
    query.is_valid(raise_exception=True)
    asked = query.validated_data
    (line,) = usage.lines_of(thing, [asked["metric"]], asked["since"], asked["until"])
    body = {
        "metric": line.metric.name,
        "unit": line.metric.unit or "number",
        "step_seconds": line.step.total_seconds(),
        "total": line.total,
        "mean": line.mean,
        "peak": line.peak,
        "points": [{"at": at, "value": value} for at, value in line.points],
    }
    return Response(UsageSerializer(body).data)


def _usage_action(summary: str, serializer_class: type[_QuerySerializer]) -> Any:
    @extend_schema(summary=summary, parameters=[serializer_class], responses=UsageSerializer)
    @action(detail=True, methods=["get"], filterset_class=None, pagination_class=None)
    def usage(self: Any, request: Request, pk: str) -> Response:
        """Numbers get coarser with age: ten minutes for a month, days for five years."""
        return _answer(request, self.get_object(), serializer_class)

    return usage


class SiteUsage:
    """Mixin of the sites' collection."""

    usage = _usage_action("What a site uses over time", SiteUsageQuerySerializer)


class DatabaseUsage:
    """Mixin of the databases' collection."""

    usage = _usage_action("What a database uses over time", DatabaseUsageQuerySerializer)


class OrderUsage:
    """Mixin of the orders' collection."""

    usage = _usage_action("What an order's sites and databases use over time", OrderUsageQuerySerializer)
