"""``/api/v1/operations/``: watch a change, stop it, try it again."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.problems import Conflict, Unavailable, answer_with
from controlpanel.api.views import Collection, StaffMay

from .. import events, selectors, services
from ..errors import NotNow, Refused, explain
from ..models import Operation
from .answers import accepted
from .filters import OperationFilter
from .serializers import AcceptedSerializer, EventSerializer, OperationSerializer

answer_with(services.NotPossible, lambda error: Conflict(str(error)))
# Services that speak to the directory while the request waits raise these themselves.
# Nobody tries again for them, so the steps' own texts ("is tried again") would be wrong.
AWAY = _("A server that this needs cannot be reached at the moment. Nothing was changed; please try again.")
answer_with(NotNow, lambda error: Unavailable(AWAY, error.code))
answer_with(Refused, lambda error: Conflict(explain(error.as_trouble()), error.code))

BODYLESS = extend_schema(request=None, responses={202: AcceptedSerializer})


@extend_schema_view(
    list=extend_schema(summary="Changes that were asked for, newest first"),
    retrieve=extend_schema(summary="One change, step by step"),
)
class OperationViewSet(Collection):
    """Every change is an operation: its steps say what happens on which host, and whether it has been confirmed."""

    serializer_class = OperationSerializer
    filterset_class = OperationFilter
    ordering_fields = ("id", "created", "started", "finished", "state", "kind")
    queryset = Operation.objects.none()  # for the schema; rows() is what is asked

    def rows(self) -> QuerySet[Operation]:
        operations = selectors.operations_for(self.actor)
        return operations.select_related("requested_by", "impersonated_by").prefetch_related("steps")

    @extend_schema(
        summary="What happened, in order",
        parameters=[OpenApiParameter("after", OpenApiTypes.INT, description="Only events newer than this number.")],
        responses=EventSerializer(many=True),
        filters=False,
    )
    @action(detail=True, filterset_class=None, ordering_fields=[])
    def events(self, request: Request, pk: str) -> Response:
        """The same events that the WebSocket sends, a page at a time."""
        operation = self.get_object()
        after = request.query_params.get("after", "0")
        if not after.isdecimal() or len(after) > 9:
            raise ValidationError({"after": [_("Enter a number.")]})
        page = self.paginate_queryset(selectors.events_after(operation.pk, int(after)))
        return self.get_paginated_response([events.render(event, staff=request.user.is_staff) for event in page or ()])

    @BODYLESS
    @extend_schema(summary="Stop, and take back what was done where that is possible")
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        return self._tell(lambda operation, actor: services.cancel(operation, actor))

    @BODYLESS
    @extend_schema(summary="Try a failed operation again, or a waiting one at once")
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        return self._tell(lambda operation, actor: services.retry(operation, actor))

    @BODYLESS
    @extend_schema(
        summary="Go on without a step that waits (staff)",
        parameters=[OpenApiParameter("position", OpenApiTypes.INT, OpenApiParameter.PATH)],
    )
    @action(
        detail=True,
        methods=["post"],
        url_path=r"steps/(?P<position>[0-9]{1,4})/skip",
        permission_classes=[StaffMay],
    )
    def skip(self, request: Request, pk: str, position: str) -> Response:
        step = self.get_object().steps.filter(position=int(position)).first()
        if step is None:
            raise NotFound
        return self._tell(lambda _operation, actor: services.skip(step, actor))

    def _tell(self, order: Callable[[Operation, Any], Operation]) -> Response:
        """Give the operation an order; the answer says where to watch what comes of it."""
        operation = order(self.get_object(), self.actor)
        return accepted(self.request, operation, {})
