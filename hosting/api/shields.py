"""``/api/v1/sites/{id}/shield/`` and ``…/maintenance/``; ``POST /api/v1/sites/shield/`` for all sites at once."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.views import Rows
from controlpanel.fleet import samples
from controlpanel.operations.api.answers import WRITE_PARAMETERS, Outcome, carry_out, idempotency_key
from controlpanel.operations.api.serializers import AcceptedSerializer
from routing import packet_filter, shields, traffic
from routing.choices import ShieldLevel
from routing.models import Shield

from .. import services
from ..errors import InvalidLevel
from ..models import Site
from ..protection import RANGES
from .serializers import AcceptedSiteSerializer, SiteSerializer


class LevelField(serializers.ChoiceField):
    """A level. Another one is not echoed: it may be anything, at any length."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(ShieldLevel.choices, error_messages={"invalid_choice": InvalidLevel.message}, **kwargs)


def _number(name: str, help_text: str) -> serializers.IntegerField:
    """The service knows the range; the schema tells it."""
    low, high = RANGES[name]

    @extend_schema_field({"type": "integer", "minimum": low, "maximum": high})
    class Number(serializers.IntegerField):
        pass

    return Number(required=False, min_value=-(2**31), max_value=2**31 - 1, help_text=help_text)


class ListField(serializers.ListField):
    """Short texts; more than there can be are still read, so that the service can say so."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=serializers.CharField(max_length=300), max_length=5000, **kwargs)


class ShieldChangesSerializer(serializers.Serializer[Any]):
    """What is left out stays."""

    level = LevelField(required=False, help_text="Each level has all before it.")
    requests = _number("requests", "Of one visitor in 10 seconds.")
    connections = _number("connections", "Requests of one visitor at the same time.")
    blocked = ListField(required=False, help_text="Networks that are refused.")
    trusted = ListField(required=False, help_text="Networks that are neither limited nor challenged.")
    open_paths = ListField(required=False, help_text="Beginnings of paths that are not challenged.")
    own_addresses = serializers.BooleanField(required=False, help_text="Its names are to lead to shielded addresses.")


class AllLevelSerializer(serializers.Serializer[Any]):
    """The least level of every site."""

    level = LevelField()


class MaintenanceSerializer(serializers.Serializer[Any]):
    """Whether visitors get the page that says that the site is being worked on."""

    on = serializers.BooleanField()


class RatesSerializer(serializers.Serializer[Any]):
    """Requests a second; null where nothing was measured in the last minute."""

    requests_per_s = serializers.FloatField(allow_null=True)
    blocked_per_s = serializers.FloatField(allow_null=True)
    passed_per_s = serializers.FloatField(allow_null=True)


class SuggestionSerializer(serializers.Serializer[Any]):
    """Why a shield is suggested."""

    since = serializers.DateTimeField()
    requests_per_s = serializers.FloatField()
    usual_per_s = serializers.FloatField()


class RecordSerializer(serializers.Serializer[Any]):
    """A DNS record to set."""

    name = serializers.CharField()
    type = serializers.ChoiceField(["A", "AAAA"])
    value = serializers.CharField()


class ShieldSerializer(serializers.Serializer[Any]):
    """How a site is protected."""

    level = LevelField()
    least_level = serializers.CharField(
        help_text="What every site has at the moment; it is in force where it is higher."
    )
    requests = serializers.IntegerField()
    connections = serializers.IntegerField()
    blocked = serializers.ListField(child=serializers.CharField())
    trusted = serializers.ListField(child=serializers.CharField())
    open_paths = serializers.ListField(child=serializers.CharField())
    own_addresses = serializers.BooleanField()
    dns = RecordSerializer(many=True, help_text="With own_addresses: what the DNS of its names should say.")
    suggestion = SuggestionSerializer(allow_null=True)
    rates = RatesSerializer()


def as_json(site: Site, shield: Shield) -> dict[str, Any]:
    """A site's shield, with what visitors ask and what its DNS should say."""
    addresses = packet_filter.shielded_addresses() if shield.own_addresses else []
    now = samples.latest(traffic.METRICS, [f"site:{site.pk}"])
    suggestion = {"since": shield.suggested, "requests_per_s": shield.rate, "usual_per_s": shield.usual}
    return {
        **shield.spec,
        "least_level": str(shields.shield_of_all().level),
        "own_addresses": shield.own_addresses,
        "dns": [
            {"name": name, "type": "AAAA" if ":" in address else "A", "value": address}
            for name in [*site.served_names, *site.redirect_names]
            for address in addresses
        ],
        "suggestion": suggestion if shield.suggested else None,
        "rates": {metric: now.get((f"site:{site.pk}", metric)) for metric in traffic.METRICS},
    }


class ShieldActions(Rows):
    """What an order's administrators may do when their site is attacked, or worked on."""

    @extend_schema(summary="How it is shielded", responses=ShieldSerializer)
    @action(detail=True, methods=["get"])
    def shield(self, request: Request, pk: str) -> Response:
        """With what visitors ask of it a second, while it is shielded."""
        site = self.get_object()
        return Response(ShieldSerializer(as_json(site, shields.shield_of(site.pk))).data)

    @extend_schema(
        summary="Shield it, or no longer",
        request=ShieldChangesSerializer,
        responses={202: AcceptedSiteSerializer},
        parameters=WRITE_PARAMETERS,
    )
    @shield.mapping.post
    def set_shield(self, request: Request, pk: str) -> Response:
        """It waits for nothing else that is done with the site; the edges have it within a second."""
        site, fields = self.get_object(), self.fields_of(ShieldChangesSerializer)
        return self._answer(site, services.shield_site, **fields)

    @extend_schema(summary="Not now: no suggestion of a shield for some hours", request=None, responses={204: None})
    @action(detail=True, methods=["post"], url_path="shield/decline")
    def decline_shield(self, request: Request, pk: str) -> Response:
        services.decline_suggestion(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Begin or end maintenance",
        request=MaintenanceSerializer,
        responses={202: AcceptedSiteSerializer},
        parameters=WRITE_PARAMETERS,
    )
    @action(detail=True, methods=["post"])
    def maintenance(self, request: Request, pk: str) -> Response:
        """Visitors get a page that says so; the site runs on behind it."""
        site, fields = self.get_object(), self.fields_of(MaintenanceSerializer)
        return self._answer(site, services.begin_maintenance if fields["on"] else services.end_maintenance)

    @extend_schema(
        operation_id="sites_shield_all",
        summary="The least level of every site (staff)",
        request=AllLevelSerializer,
        responses={202: AcceptedSerializer},
        parameters=WRITE_PARAMETERS,
    )
    @action(detail=False, methods=["post"], url_path="shield", url_name="shield-all")
    def shield_all(self, request: Request) -> Response:
        """For an attack on everybody: at once on all sites, and off again as quickly."""
        fields = self.fields_of(AllLevelSerializer)

        def work() -> Outcome:
            shield, operation = services.shield_all(
                self.actor, fields["level"], requested_from=request.META.get("REMOTE_ADDR")
            )
            return operation, {"level": str(shield.level)}

        return carry_out(request, work)

    def _answer(self, site: Site, service: Any, **fields: Any) -> Response:
        def work() -> Outcome:
            _site, operation = service(
                self.actor,
                site,
                **fields,
                idempotency_key=idempotency_key(self.request),
                requested_from=self.request.META.get("REMOTE_ADDR"),
            )
            data = SiteSerializer(self.rows().get(pk=site.pk), context=self.get_serializer_context()).data
            return operation, {**data, "site": data}

        return carry_out(self.request, work)
