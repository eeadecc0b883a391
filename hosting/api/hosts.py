"""When a host dies and comes back: ``/api/v1/hosts/{id}/recover/`` and ``/readmit/``, for staff."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.fleet.api.serializers import HostSerializer
from controlpanel.fleet.api.views import HostAnswerSerializer
from controlpanel.fleet.api.views import HostViewSet as FleetHostViewSet
from controlpanel.fleet.models import Host
from controlpanel.operations.api.answers import WRITE_PARAMETERS, Once, Outcome, carry_out, wants_preview

from .. import evacuating, recovering, services


class RecoverSerializer(serializers.Serializer[Any]):
    """``force``: give it up although it answers the panel."""

    force = serializers.BooleanField(default=False)


class EvacuateSerializer(serializers.Serializer[Any]):
    """Why, for the sites' members."""

    reason = serializers.CharField(max_length=200, required=False)


class HostViewSet(FleetHostViewSet):
    """Servers, and the sites on them."""

    @extend_schema(
        summary="It is dead: bring up elsewhere what was on it",
        request=RecoverSerializer,
        responses={202: HostAnswerSerializer},
        parameters=WRITE_PARAMETERS,
    )
    @action(detail=True, methods=["post"])
    def recover(self, request: Request, pk: str) -> Response:
        """It is cut off at the storage and at the edges first. A preview says who gets what and what is lost."""
        host = self.get_object()
        wanted = RecoverSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        facts = recovering.preview(host).as_json() if wants_preview(request) else {}

        def work() -> Outcome:
            operation = services.recover_host(
                self.actor,
                host,
                force=wanted.validated_data["force"] or wants_preview(request),
                requested_from=request.META.get("REMOTE_ADDR"),
            )
            return operation, {**self._answer(host), **({"recovery": facts} if facts else {})}

        return carry_out(request, work, self._the_same("hosting.recover_host", host))

    @extend_schema(
        summary="Take a fenced host back",
        request=None,
        responses={202: HostAnswerSerializer},
        parameters=WRITE_PARAMETERS,
    )
    @action(detail=True, methods=["post"])
    def readmit(self, request: Request, pk: str) -> Response:
        """It must have been restarted since; it is cleaned before it may serve."""
        host = self.get_object()

        def work() -> Outcome:
            operation = services.readmit_host(self.actor, host, requested_from=request.META.get("REMOTE_ADDR"))
            return operation, self._answer(host)

        return carry_out(request, work, self._the_same("hosting.readmit_host", host))

    @extend_schema(
        summary="Move everything off it; it lives",
        request=EvacuateSerializer,
        responses={202: HostAnswerSerializer},
        parameters=WRITE_PARAMETERS,
    )
    @action(detail=True, methods=["post"])
    def evacuate(self, request: Request, pk: str) -> Response:
        """It takes nothing new from now on. A preview says which host gets how many sites, and how long it takes."""
        host = self.get_object()
        wanted = EvacuateSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        facts = evacuating.plan(host).as_json() if wants_preview(request) else {}

        def work() -> Outcome:
            operation = services.evacuate_host(
                self.actor,
                host,
                reason=wanted.validated_data.get("reason", ""),
                requested_from=request.META.get("REMOTE_ADDR"),
            )
            return operation, {**self._answer(host), **({"evacuation": facts} if facts else {})}

        return carry_out(request, work, self._the_same("hosting.evacuate_host", host))

    def _the_same(self, kind: str, host: Host) -> Once:
        return Once(kind, {"host": host.name}, lambda _operation: self._answer(host))

    @staticmethod
    def _answer(host: Host) -> dict[str, Any]:
        host.refresh_from_db()
        return dict(HostSerializer(host).data)
