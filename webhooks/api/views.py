"""``/api/v1/webhooks/``."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.views import Collection
from hosting import selectors as hosting
from members import selectors as people

from .. import selectors, services
from ..models import Webhook
from .serializers import (
    DeliverySerializer,
    NewWebhookSerializer,
    WebhookChangesSerializer,
    WebhookSerializer,
    WithSecretSerializer,
)


class WebhookFilter(django_filters.FilterSet):
    member = django_filters.NumberFilter("member_id", min_value=1, max_value=2**53)
    order = django_filters.NumberFilter("order_id", min_value=1, max_value=2**53)
    active = django_filters.BooleanFilter()

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = ()


@extend_schema_view(
    list=extend_schema(summary="Webhooks of what you administer"),
    retrieve=extend_schema(summary="One webhook"),
    destroy=extend_schema(summary="Remove a webhook"),
)
class WebhookViewSet(mixins.DestroyModelMixin, Collection):
    """Addresses that are told when an operation has ended, signed as Standard Webhooks say."""

    serializer_class = WebhookSerializer
    filterset_class = WebhookFilter
    ordering_fields = ("id", "name", "created")
    queryset = Webhook.objects.none()

    def rows(self) -> QuerySet[Webhook]:
        return selectors.webhooks_for(self.actor).select_related("created_by")

    @extend_schema(summary="A new webhook", request=NewWebhookSerializer, responses={201: WithSecretSerializer})
    def create(self, request: Request) -> Response:
        """Each message has `Webhook-Id`, `Webhook-Timestamp` and `Webhook-Signature` (HMAC-SHA-256 over
        id.timestamp.body, with the secret that this answer has, this once). What is not answered with 2xx within 10
        seconds is tried again for a day."""
        fields = self.fields_of(NewWebhookSerializer)
        member, order = fields.pop("member", None), fields.pop("order", None)
        webhook, secret = services.create_webhook(
            self.actor,
            **fields,
            member=None if member is None else people.members_for(self.actor).get(pk=member),
            order=None if order is None else hosting.order_for(self.actor, order),
        )
        return Response({**WebhookSerializer(webhook).data, "secret": secret}, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Another name, address or filter; on or off",
        request=WebhookChangesSerializer,
        responses=WebhookSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        webhook, changes = self.get_object(), self.fields_of(WebhookChangesSerializer)
        return Response(WebhookSerializer(services.change_webhook(self.actor, webhook, **changes)).data)

    def perform_destroy(self, webhook: Webhook) -> None:
        services.remove_webhook(self.actor, webhook)

    @extend_schema(summary="Another secret", request=None, responses=WithSecretSerializer)
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """The answer has it, this once; the next message is signed with it."""
        webhook = self.get_object()
        secret = services.rotate_secret(self.actor, webhook)
        return Response({**WebhookSerializer(webhook).data, "secret": secret})

    @extend_schema(summary="Send a test", request=None, responses={201: DeliverySerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """It is tried once. Read the deliveries for what came of it."""
        delivery = services.send_test(self.actor, self.get_object())
        return Response(DeliverySerializer(delivery).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="What was sent there, newest first", responses=DeliverySerializer(many=True), filters=False)
    @action(detail=True, filterset_class=None, ordering_fields=[])
    def deliveries(self, request: Request, pk: str) -> Response:
        """Kept for 30 days."""
        page = self.paginate_queryset(selectors.deliveries_for(self.actor, self.get_object()))
        return self.get_paginated_response(DeliverySerializer(page or [], many=True).data)

    @extend_schema(
        summary="Send a message again",
        parameters=[OpenApiParameter("delivery", OpenApiTypes.INT, OpenApiParameter.PATH)],
        request=None,
        responses=DeliverySerializer,
    )
    @action(detail=True, methods=["post"], url_path=r"deliveries/(?P<delivery>[0-9]{1,18})/resend")
    def resend(self, request: Request, pk: str, delivery: str) -> Response:
        """With the same id, so that a receiver that has it already can tell."""
        found: Any = selectors.deliveries_for(self.actor, self.get_object()).filter(pk=int(delivery)).first()
        if found is None:
            raise NotFound
        return Response(DeliverySerializer(services.send_again(self.actor, found)).data)
