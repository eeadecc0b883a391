"""Webhooks and their deliveries as JSON."""

from typing import Any

from rest_framework import serializers

from ..choices import DeliveryState
from ..models import Delivery, Webhook


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """An address that is told when an operation has ended: of a member, of an order, or (with neither) of anybody."""

    member = serializers.IntegerField(source="member_id", read_only=True, allow_null=True)
    order = serializers.IntegerField(source="order_id", read_only=True, allow_null=True)
    kinds = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Kinds of operations; empty: all."
    )
    created_by = serializers.CharField(source="created_by.username", read_only=True, allow_null=True)

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = (
            "id", "name", "url", "member", "order", "kinds", "active", "failing_since", "given_up", "created_by",
            "created",
        )  # fmt: skip
        read_only_fields: tuple[str, ...] = fields


class WithSecretSerializer(WebhookSerializer):
    """The same with the secret that its messages are signed with, which is shown this once."""

    secret = serializers.CharField(read_only=True, allow_null=True, help_text="`whsec_…`; null when asked again.")

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")
        read_only_fields = fields


class WebhookChangesSerializer(serializers.Serializer[Any]):
    """What may be changed; what is left out stays."""

    name = serializers.CharField(max_length=80, required=False)
    url = serializers.CharField(max_length=500, required=False, help_text="It begins with https://.")
    kinds = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, max_length=100, help_text="`hosting.create_site`…"
    )
    active = serializers.BooleanField(required=False)


class NewWebhookSerializer(serializers.Serializer[Any]):
    """Of a member or of an order; staff may leave out both, and hear of everything."""

    name = serializers.CharField(max_length=80)
    url = serializers.CharField(max_length=500, help_text="It begins with https://.")
    kinds = serializers.ListField(child=serializers.CharField(max_length=64), required=False, max_length=100)
    member = serializers.IntegerField(min_value=1, required=False, allow_null=True)
    order = serializers.IntegerField(min_value=1, required=False, allow_null=True)


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """One message. Its id as the receiver sees it is ``message``."""

    operation = serializers.IntegerField(source="operation_id", read_only=True, allow_null=True)
    state = serializers.ChoiceField(DeliveryState.choices, read_only=True)
    detail = serializers.CharField(read_only=True, help_text="Why the last try failed.")
    next_try = serializers.SerializerMethodField()

    class Meta:
        model = Delivery
        fields = (
            "id", "message", "kind", "operation", "state", "attempts", "status", "detail", "took_ms", "created",
            "ended", "next_try", "body",
        )  # fmt: skip
        read_only_fields = fields

    def get_next_try(self, delivery: Delivery) -> str | None:
        return delivery.due.isoformat() if delivery.state == DeliveryState.WAITING else None
