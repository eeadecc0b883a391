"""``/api/v1/hosts/``: for staff. To everybody else there are no hosts."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.problems import Conflict, answer_with
from controlpanel.api.views import Collection
from controlpanel.operations.api.answers import WRITE_PARAMETERS, Once, Outcome, carry_out, idempotency_key
from controlpanel.operations.api.serializers import AcceptedOperationSerializer

from .. import selectors, services
from ..models import Host
from .filters import HostFilter
from .serializers import HostSerializer

answer_with(services.NotAllowed, lambda error: Conflict(str(error), "not_allowed"))


class HostAnswerSerializer(HostSerializer):
    """The host's fields, and the operation to watch; none when no host had to be told."""

    operation = AcceptedOperationSerializer(read_only=True, allow_null=True)

    class Meta(HostSerializer.Meta):
        fields = (*HostSerializer.Meta.fields, "operation")
        read_only_fields = fields


@extend_schema_view(list=extend_schema(summary="Managed servers (staff)"), retrieve=extend_schema(summary="One server"))
class HostViewSet(Collection):
    """Servers and what they do."""

    serializer_class = HostSerializer
    filterset_class = HostFilter
    ordering_fields = ("id", "name", "state", "last_seen")
    queryset = Host.objects.none()

    def rows(self) -> QuerySet[Host]:
        return selectors.hosts_for(self.actor).select_related("drift")

    @extend_schema(
        summary="Let it take no new work", request=None, responses=HostAnswerSerializer, parameters=WRITE_PARAMETERS
    )
    @action(detail=True, methods=["post"])
    def drain(self, request: Request, pk: str) -> Response:
        """What is on it stays there and goes on."""
        return self._turn(services.drain)

    @extend_schema(
        summary="Let it take new work again", request=None, responses=HostAnswerSerializer, parameters=WRITE_PARAMETERS
    )
    @action(detail=True, methods=["post"])
    def undrain(self, request: Request, pk: str) -> Response:
        return self._turn(services.undrain)

    @extend_schema(
        summary="Send it everything that it should hold, and remove what should not be there",
        request=None,
        responses={202: HostAnswerSerializer},
        parameters=WRITE_PARAMETERS,
    )
    @action(detail=True, methods=["post"])
    def resync(self, request: Request, pk: str) -> Response:
        host = self.get_object()

        def work() -> Outcome:
            operation = services.resync(
                [host],
                actor=self.actor,
                idempotency_key=idempotency_key(request),
                requested_from=request.META.get("REMOTE_ADDR"),
            )
            return operation, self._body(host)

        return carry_out(request, work, self._once(host))

    def _turn(self, service: Callable[..., bool]) -> Response:
        host = self.get_object()

        def work() -> Outcome:
            service(host, actor=self.actor)
            return None, self._body(host)

        return carry_out(self.request, work)

    def _once(self, host: Host) -> Once:
        return Once("fleet.resync", {"hosts": [host.name]}, lambda _operation: self._body(host))

    def _body(self, host: Host) -> dict[str, Any]:
        return dict(HostSerializer(host).data)
