"""Public names as JSON."""

from rest_framework import serializers

from ..choices import Mode
from ..models import Route


class RouteSerializer(serializers.ModelSerializer[Route]):
    """A public name and where the edges send its visitors."""

    site = serializers.IntegerField(source="backend.site_id", read_only=True)
    host = serializers.CharField(source="backend.host.name", read_only=True, allow_null=True)
    mode = serializers.ChoiceField(Mode.choices, source="backend.mode", read_only=True)
    redirect_to = serializers.CharField(read_only=True, help_text="Empty when it shows the site itself.")

    class Meta:
        model = Route
        fields = ("id", "name", "site", "redirect_to", "mode", "host", "revision")
        read_only_fields = fields
