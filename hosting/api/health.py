"""``…/health/``: is it up, is it safe, is it full."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from .. import health
from ..choices import SiteState


class ReasonSerializer(serializers.Serializer[Any]):
    """One thing that is known."""

    level = serializers.CharField(help_text=f"From good to bad: {', '.join(health.LEVELS)}.")
    text = serializers.CharField()


class AnswerSerializer(serializers.Serializer[Any]):
    """To one of the questions: that of the worst reason."""

    level = serializers.CharField()
    word = serializers.CharField(help_text="For people.")
    reasons = ReasonSerializer(many=True)


class HealthSerializer(serializers.Serializer[Any]):
    """As the panel knows it; visitors' answers of this moment are not asked for."""

    up = AnswerSerializer()
    safe = AnswerSerializer()
    full = AnswerSerializer()


class SiteHealth:
    """Mixin of the sites' collection."""

    @extend_schema(summary="Is it up, is it safe, is it full", responses=HealthSerializer)
    @action(detail=True, methods=["get"], filterset_class=None, pagination_class=None)
    def health(self, request: Request, pk: str) -> Response:
        """Three answers with their reasons, for monitoring."""
        site = self.get_object()  # type: ignore[attr-defined]
        return Response(HealthSerializer(health.of_site(site)).data)


class OrderHealth:
    """Mixin of the orders' collection."""

    @extend_schema(summary="Are all its sites up, safe, with room", responses=HealthSerializer)
    @action(detail=True, methods=["get"], filterset_class=None, pagination_class=None)
    def health(self, request: Request, pk: str) -> Response:
        """What troubles any of its sites and databases, by name; the rest is counted."""
        order = self.get_object()  # type: ignore[attr-defined]
        sites = list(
            order.sites.exclude(state=SiteState.DELETED).select_related("host", "volume").prefetch_related("domains")
        )
        return Response(HealthSerializer(health.of_order(order, sites, health.of_sites(sites))).data)
