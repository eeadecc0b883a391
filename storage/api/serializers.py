"""Volumes as JSON. Never a credential."""

from rest_framework import serializers

from ..choices import VolumeState
from ..models import Volume


class VolumeSerializer(serializers.ModelSerializer[Volume]):
    """A piece of network storage with a quota."""

    name = serializers.CharField(read_only=True)
    state = serializers.ChoiceField(VolumeState.choices, read_only=True)
    pool = serializers.CharField(source="pool.name", read_only=True)
    hosts = serializers.SerializerMethodField(help_text="Hosts that hold it: one, unless it is shared or moving.")

    class Meta:
        model = Volume
        fields = (
            "id", "name", "state", "pool", "size_bytes", "used_bytes", "used_at", "shared", "hosts", "purge_after",
            "created",
        )  # fmt: skip
        read_only_fields = fields

    def get_hosts(self, volume: Volume) -> list[str]:
        return sorted(attachment.host.name for attachment in volume.attachments.all() if attachment.granted)
