"""Hosts as JSON. Field names are a contract with scripts outside: only ever add."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..choices import HostState, Role
from ..models import DriftReport, Host


class DriftSerializer(serializers.ModelSerializer[DriftReport]):
    """Where the host differs from what the database says, as last compared."""

    differences = serializers.ListField(child=serializers.DictField(), read_only=True)

    class Meta:
        model = DriftReport
        fields = ("checked", "differences", "error")
        read_only_fields = fields


class HostSerializer(serializers.ModelSerializer[Host]):
    """A managed server."""

    roles = serializers.ListField(child=serializers.ChoiceField(Role.choices), read_only=True)
    state = serializers.ChoiceField(HostState.choices, read_only=True)
    facts = serializers.DictField(read_only=True)
    drift = serializers.SerializerMethodField()

    class Meta:
        model = Host
        fields: tuple[str, ...] = (
            "id", "name", "roles", "state", "address", "reachable", "needs_resync", "last_seen", "agent_version",
            "boot_id", "facts", "enrolled", "drift",
        )  # fmt: skip
        read_only_fields: tuple[str, ...] = fields

    @extend_schema_field(DriftSerializer(allow_null=True))
    def get_drift(self, host: Host) -> dict[str, Any] | None:
        report = getattr(host, "drift", None)
        return DriftSerializer(report).data if report else None
