"""``POST /api/v1/sites/{id}/move/``, for staff."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.views import Rows, StaffMay
from controlpanel.operations.api.answers import (
    WRITE_PARAMETERS,
    Outcome,
    carry_out,
    idempotency_key,
    wants_preview,
)

from ..services import moves
from .serializers import AcceptedSiteSerializer, SiteSerializer


class MoveSerializer(serializers.Serializer[Any]):
    """Where to, and why."""

    host = serializers.CharField(
        max_length=63, required=False, allow_null=True, help_text="A web host; left out: the one with most room."
    )
    reason = serializers.CharField(max_length=200, required=False, help_text="The site's members read it.")


class MoveActions(Rows):
    """What staff may do with where a site is."""

    @extend_schema(
        summary="Move it to another web host (staff)",
        request=MoveSerializer,
        responses={202: AcceptedSiteSerializer},
        parameters=WRITE_PARAMETERS,
    )
    @action(detail=True, methods=["post"], permission_classes=[StaffMay])
    def move(self, request: Request, pk: str) -> Response:
        """Its visitors wait for a moment; none gets an error. With ``preview`` also ``steps``, and what it means."""
        site, fields = self.get_object(), self.fields_of(MoveSerializer)

        def work() -> Outcome:
            _site, operation = moves.move_site(
                self.actor,
                site,
                fields.get("host"),
                reason=fields.get("reason", ""),
                idempotency_key=idempotency_key(request),
                requested_from=request.META.get("REMOTE_ADDR"),
            )
            data = SiteSerializer(self.rows().get(pk=site.pk), context=self.get_serializer_context()).data
            facts = moves.facts(operation) if wants_preview(request) else {}
            return operation, {**data, "site": data, **facts}

        return carry_out(request, work)
