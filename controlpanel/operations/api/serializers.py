"""Operations as JSON. Host names are shown to all who may see the operation; raw output only to staff."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from ..choices import OperationState, StepState
from ..errors import explain
from ..models import Event, Operation, Step


class StepSerializer(serializers.ModelSerializer[Step]):
    """One step. Steps of the same stage run in parallel."""

    title = serializers.CharField(read_only=True)
    state = serializers.ChoiceField(StepState.choices, read_only=True)
    detail = serializers.CharField(read_only=True, help_text="The last trouble, in words; empty when there is none.")
    output = serializers.SerializerMethodField(help_text="What the host printed when it refused. Staff only.")
    answer = serializers.SerializerMethodField(help_text="What the host answered, secrets taken out. Staff only.")

    class Meta:
        model = Step
        fields = (
            "position", "stage", "title", "state", "host", "attempts", "started", "finished", "detail", "output",
            "answer",
        )  # fmt: skip
        read_only_fields = fields

    def get_output(self, step: Step) -> str | None:
        return step.trouble.get("output", "") if self._for_staff() else None

    @extend_schema_field({"type": "object", "additionalProperties": {}, "nullable": True})
    def get_answer(self, step: Step) -> dict[str, Any] | None:
        return step.answer if self._for_staff() else None

    def _for_staff(self) -> bool:
        request = self.context.get("request")
        return bool(request and request.user.is_staff)


class OperationSerializer(serializers.ModelSerializer[Operation]):
    """A change, from its request until every host has confirmed it."""

    url = serializers.SerializerMethodField()
    title = serializers.CharField(read_only=True)
    state = serializers.ChoiceField(OperationState.choices, read_only=True)
    requested_by = serializers.CharField(source="requested_by.username", read_only=True, allow_null=True)
    impersonated_by = serializers.CharField(
        source="impersonated_by.username",
        read_only=True,
        allow_null=True,
        help_text="Who of the staff asked for it in that login's name, for support.",
    )
    detail = serializers.SerializerMethodField(help_text="Why it failed, in words; empty when it did not.")
    steps = StepSerializer(many=True, read_only=True)

    class Meta:
        model = Operation
        fields = (
            "id", "url", "kind", "title", "state", "created", "started", "finished", "requested_by",
            "impersonated_by",
            "cancel_requested", "undoing", "detail", "steps",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_url(self, operation: Operation) -> str:
        return operation_url(operation, self.context.get("request"))

    def get_detail(self, operation: Operation) -> str:
        return explain(operation.error)


class AcceptedOperationSerializer(serializers.Serializer[Operation]):
    """Where to watch a change that has been accepted but is not done."""

    id = serializers.IntegerField(read_only=True)
    url = serializers.SerializerMethodField()
    state = serializers.ChoiceField(OperationState.choices, read_only=True)

    @extend_schema_field({"type": "string", "format": "uri"})
    def get_url(self, operation: Operation) -> str:
        return operation_url(operation, self.context.get("request"))


class AcceptedSerializer(serializers.Serializer[Any]):
    """The answer 202."""

    operation = AcceptedOperationSerializer(read_only=True)


class EventSerializer(serializers.Serializer[Event]):
    """For the schema: what ``events.render`` makes, and the WebSocket sends."""

    seq = serializers.IntegerField()
    kind = serializers.CharField()
    time = serializers.DateTimeField()
    step = serializers.IntegerField(allow_null=True, help_text="Position of the step that it is about.")
    operation = serializers.DictField()
    data = serializers.DictField()  # type: ignore[assignment]  # a field, not the property


def operation_url(operation: Operation, request: Any) -> str:
    return reverse("api:operation-detail", args=[operation.pk], request=request)
