"""Hosting as JSON. Field names are a contract with scripts outside: only ever add."""

from typing import Any

from drf_spectacular.drainage import set_override
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from controlpanel.operations.api.serializers import AcceptedSerializer
from members.choices import Role
from members.models import Access
from routing import shields
from routing.choices import ShieldLevel

from .. import php_settings
from ..choices import DomainKind, Importance, SiteKind, SiteState
from ..errors import InvalidKind
from ..models import Domain, HostingOrder, Site
from ..names import MOST
from ..orders import LEAST_SIZE, MOST_SITES, MOST_SIZE
from ..services import LEAST_WORKERS, MOST_WORKERS


class OrderSerializer(serializers.ModelSerializer[HostingOrder]):
    """A package of a member."""

    member = serializers.IntegerField(source="member_id", read_only=True)
    importance = serializers.ChoiceField(Importance.choices, read_only=True)
    site_count = serializers.IntegerField(read_only=True, help_text="Sites that count against max_sites.")

    class Meta:
        model = HostingOrder
        fields = (
            "id", "name", "member", "max_sites", "site_count", "site_size_bytes", "max_databases",
            "database_size_bytes", "importance", "created",
        )  # fmt: skip
        read_only_fields = fields


class OrderChangesSerializer(serializers.Serializer[Any]):
    """What staff may change of an order. Sites that there are keep the room that they have."""

    name = serializers.CharField(max_length=120, required=False)
    max_sites = serializers.IntegerField(min_value=0, max_value=MOST_SITES, required=False)
    site_size_bytes = serializers.IntegerField(min_value=LEAST_SIZE, max_value=MOST_SIZE, required=False)
    importance = serializers.ChoiceField(
        Importance.choices, required=False, help_text="Whose sites come first when many have to be moved."
    )
    max_databases = serializers.IntegerField(min_value=0, max_value=MOST_SITES, required=False)
    database_size_bytes = serializers.IntegerField(min_value=LEAST_SIZE, max_value=MOST_SIZE, required=False)


class NewOrderSerializer(OrderChangesSerializer):
    """A new order of a member."""

    member = serializers.IntegerField(min_value=1)
    name = serializers.CharField(max_length=120)


def _setting_field(name: str) -> serializers.Field[Any, Any, Any, Any]:
    """Reads and describes one setting of PHP; what is possible, the service says."""
    setting = php_settings.SETTINGS[name]
    options: dict[str, Any] = {"required": False, "allow_null": True}
    if isinstance(setting, php_settings.Whole):
        described = {"type": "integer", "minimum": setting.low, "maximum": setting.high, "nullable": True}
        field: serializers.Field[Any, Any, Any, Any] = serializers.IntegerField(
            min_value=-(2**31), max_value=2**31 - 1, **options
        )
    elif isinstance(setting, php_settings.Switch):
        described, field = {"type": "boolean", "nullable": True}, serializers.BooleanField(**options)
    else:
        described, field = {"type": "string", "nullable": True}, serializers.CharField(max_length=64, **options)
    set_override(field, "field", described)
    return field


class PhpSettingsSerializer(serializers.Serializer[Any]):
    """Settings of PHP; in a change null stands for the default."""

    def get_fields(self) -> dict[str, Any]:
        return {name: _setting_field(name) for name in php_settings.SETTINGS}


class SiteSerializer(serializers.ModelSerializer[Site]):
    """A web site."""

    kind = serializers.ChoiceField(SiteKind.choices, read_only=True)
    state = serializers.ChoiceField(SiteState.choices, read_only=True)
    domains = serializers.ListField(
        source="served_names", child=serializers.CharField(), read_only=True, help_text="Names, the main one first."
    )
    redirects = serializers.ListField(
        source="redirect_names",
        child=serializers.CharField(),
        read_only=True,
        help_text="Names that lead to the main one.",
    )
    host = serializers.CharField(
        source="host.name", read_only=True, allow_null=True, help_text="The web host that it is on at the moment."
    )
    hosts = serializers.ListField(
        source="host_names",
        child=serializers.CharField(),
        read_only=True,
        help_text="All web hosts that it is on, the main one (host) first.",
    )
    volume = serializers.IntegerField(source="volume_id", read_only=True, allow_null=True)
    order = serializers.IntegerField(source="order_id", read_only=True)
    shield = serializers.SerializerMethodField(help_text='Protection level at the edges; "off" when there is none.')
    quarantined = serializers.BooleanField(read_only=True, help_text="Isolated, because it is compromised.")

    class Meta:
        model = Site
        fields: tuple[str, ...] = (
            "id", "kind", "state", "domains", "redirects", "host", "volume", "order", "shield", "quarantined",
            "enabled", "maintenance", "php_workers", "php_settings", "revision", "created", "purge_after",
            "hosts", "memory_mb", "cpu_weight", "tasks", "dedicated",
        )  # fmt: skip
        read_only_fields: tuple[str, ...] = fields

    php_settings = serializers.SerializerMethodField(help_text="All of them, chosen or by default; null without PHP.")

    @extend_schema_field(PhpSettingsSerializer(allow_null=True))
    def get_php_settings(self, site: Site) -> dict[str, Any] | None:
        return php_settings.effective(site.php_settings) if site.runs_php else None

    # No operation sets these yet; they are in the contract, so that scripts can read them from the first day.
    def get_shield(self, site: Site) -> str:
        if hasattr(site, "shield_level"):  # from ``selectors.with_shields``
            return str(site.shield_level or ShieldLevel.OFF)
        return str(shields.shield_of(site.pk).level)


class NameField(serializers.CharField):
    """A domain name as typed. What is wrong with it, the service says (and better than a length limit could)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=10_000, allow_blank=True, trim_whitespace=False, **kwargs)


class NamesField(serializers.ListField):
    """Domain names; more than a site can have are still read, so that the service can say so."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=NameField(), max_length=10 * MOST, **kwargs)


class KindField(serializers.ChoiceField):
    """A kind of site. Another one is not echoed: it may be anything, at any length."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(SiteKind.choices, error_messages={"invalid_choice": InvalidKind.message}, **kwargs)


@extend_schema_field({"type": "integer", "minimum": LEAST_WORKERS, "maximum": MOST_WORKERS})
class WorkersField(serializers.IntegerField):
    """PHP processes; the service knows the limits."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=-(2**31), max_value=2**31 - 1, **kwargs)


class NewSiteSerializer(serializers.Serializer[Any]):
    """What a new site is made of. Rules are the service's; the host is chosen by placement."""

    order = serializers.IntegerField(min_value=1)
    kind = KindField()
    domains = NamesField(help_text="Names, the main one first; in Unicode or punycode.")
    redirects = NamesField(required=False, help_text="Names that lead to the main one.")
    php_workers = WorkersField(required=False)
    title = serializers.CharField(required=False, allow_blank=True, max_length=1000, help_text="Of a WordPress.")
    language = serializers.CharField(
        required=False, allow_blank=True, max_length=20, help_text='Of a WordPress: "" (English) or "es_ES".'
    )


class SiteChangesSerializer(serializers.Serializer[Any]):
    """What may be changed; what is left out stays."""

    kind = KindField(required=False)
    domains = NamesField(required=False, help_text="All its names, the main one first.")
    redirects = NamesField(required=False, help_text="All names that lead to the main one.")
    php_workers = WorkersField(required=False)
    php_settings = PhpSettingsSerializer(required=False, help_text="Those to change; null takes a choice back.")
    revision = serializers.IntegerField(
        required=False, min_value=0, help_text="The revision that you read: refused with 409 when it is an older one."
    )


class SiteRestoreSerializer(serializers.Serializer[Any]):
    """Names for the site that comes back, when it should not get those that it had."""

    domains = NamesField(required=False)
    redirects = NamesField(required=False)


class AcceptedSiteSerializer(AcceptedSerializer, SiteSerializer):
    """The site's fields, the same again as ``site``, and the operation that brings it about."""

    site = SiteSerializer(source="*", read_only=True)

    class Meta(SiteSerializer.Meta):
        fields = (*SiteSerializer.Meta.fields, "site", "operation")
        read_only_fields = fields


class CredentialsSerializer(serializers.Serializer[Any]):
    """How to log in to an application."""

    username = serializers.CharField()
    password = serializers.CharField(
        allow_blank=True, allow_null=True, help_text="Shown this once; null or empty when the request was repeated."
    )


class CreatedSiteSerializer(AcceptedSiteSerializer):
    """For a WordPress site also how to log in."""

    application = CredentialsSerializer(required=False, help_text="Of a WordPress site.")

    class Meta(AcceptedSiteSerializer.Meta):
        fields = (*AcceptedSiteSerializer.Meta.fields, "application")
        read_only_fields = fields


class DomainSerializer(serializers.ModelSerializer[Domain]):
    """A name of a site. Change them through the site, all at once."""

    kind = serializers.ChoiceField(DomainKind.choices, read_only=True)
    site = serializers.IntegerField(source="site_id", read_only=True)

    class Meta:
        model = Domain
        fields = ("id", "name", "kind", "site")
        read_only_fields = fields


class AccessSerializer(serializers.ModelSerializer[Access]):
    """A login's role on a member or on one hosting order (or, for staff, on everything)."""

    login = serializers.IntegerField(source="login_id", min_value=1)
    username = serializers.CharField(source="login.username", read_only=True)
    role = serializers.ChoiceField(Role.choices)
    member = serializers.IntegerField(source="member_id", min_value=1, required=False, allow_null=True)
    order = serializers.IntegerField(source="order_id", min_value=1, required=False, allow_null=True)

    class Meta:
        model = Access
        fields = ("id", "login", "username", "role", "member", "order", "granted")
        read_only_fields = ("granted",)
        validators: tuple[Any, ...] = ()
