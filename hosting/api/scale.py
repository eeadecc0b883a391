"""What a request for another size of a site looks like."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..models import Site
from ..scaling import MOST_HOSTS, RANGES, neighbours


@extend_schema_field(
    {
        "oneOf": [
            {"type": "integer", "minimum": 1, "maximum": MOST_HOSTS},
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MOST_HOSTS},
        ]
    }
)
class HostsField(serializers.Field[Any, Any, Any, Any]):
    """How many web hosts, or which ones by name."""

    default_error_messages = {"invalid": _("Give a number of web hosts, or a list of their names.")}

    def to_internal_value(self, data: Any) -> int | list[str]:
        if isinstance(data, int) and not isinstance(data, bool):
            return max(min(data, 10_000), -1)
        if isinstance(data, list) and len(data) <= 100 and all(isinstance(name, str) for name in data):
            return data
        raise serializers.ValidationError(self.error_messages["invalid"], "invalid")

    def to_representation(self, value: Any) -> Any:
        return value


def _limit(name: str, help_text: str) -> serializers.IntegerField:
    """The service knows the range; the schema tells it."""
    low, high = RANGES[name]

    @extend_schema_field({"type": "integer", "minimum": low, "maximum": high})
    class Limit(serializers.IntegerField):
        pass

    return Limit(required=False, allow_null=True, min_value=-(2**31), max_value=2**31 - 1, help_text=help_text)


class ScaleSerializer(serializers.Serializer[Any]):
    """What is left out stays."""

    php_workers = _limit("php_workers", "PHP processes, on each host.")
    memory_mb = _limit("memory_mb", "Memory that all its programs together may use, MB, on each host.")
    cpu_weight = _limit("cpu_weight", "Its share of the CPU where others want it too; 100 is usual.")
    tasks = _limit("tasks", "Processes of any kind, on each host.")
    hosts = HostsField(required=False, allow_null=True, help_text="How many web hosts, or their names.")
    dedicated = serializers.BooleanField(
        required=False, allow_null=True, help_text="No other site is placed on its hosts."
    )
    move_others = serializers.BooleanField(
        required=False, default=False, help_text="With dedicated: move the others that are there to other hosts."
    )


def facts(site: Site) -> dict[str, Any]:
    """What a plan says besides its steps: the others on the site's hosts, which a dedicated site would have moved."""
    return {"neighbours": neighbours(site, site.host_names)}
