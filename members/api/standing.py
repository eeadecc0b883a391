"""``/api/v1/members/{id}/pay/``, ``contact/``, ``disable/``, ``enable/``: standing and dues, by staff."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.views import StaffMay
from controlpanel.operations.api.answers import WRITE_PARAMETERS, Outcome, carry_out
from controlpanel.operations.api.serializers import AcceptedSerializer
from controlpanel.operations.models import Operation

from .. import standing
from ..models import Member
from .serializers import MemberSerializer


class PaidSerializer(serializers.Serializer[Any]):
    """Up to when a member has paid."""

    paid_until = serializers.DateField(allow_null=True, help_text="Null: it pays nothing, and never falls behind.")


class AcceptedMemberSerializer(AcceptedSerializer):
    """A member whose things are being switched."""

    member = MemberSerializer(read_only=True)


class UnchangedMemberSerializer(serializers.Serializer[Any]):
    """Nothing has to be switched, or only a preview was asked for: then ``operation`` has the steps."""

    operation = serializers.DictField(read_only=True, allow_null=True)
    member = MemberSerializer(read_only=True)


def _documented(summary: str, request: Any = None) -> Callable[[Any], Any]:
    responses = {200: UnchangedMemberSerializer, 202: AcceptedMemberSerializer}
    return extend_schema(summary=summary, request=request, responses=responses, parameters=WRITE_PARAMETERS)


class StandingActions:
    """Mixed into the members. What follows for sites and databases is one operation."""

    @_documented("It has paid up to a day (staff)", PaidSerializer)
    @action(detail=True, methods=["post"], permission_classes=[StaffMay])
    def pay(self: Any, request: Request, pk: str) -> Response:
        """When that is enough, the member is in good standing, and everything is back at once."""
        member = self.get_object()
        fields = self.fields_of(PaidSerializer)
        return self._stand(request, member, standing.set_paid, **fields)

    @_documented("The member has made contact (staff)")
    @action(detail=True, methods=["post"], permission_classes=[StaffMay])
    def contact(self: Any, request: Request, pk: str) -> Response:
        """Everything is open for two weeks, at once. For members that are at risk or disabled."""
        return self._stand(request, self.get_object(), standing.made_contact)

    @_documented("Switch off everything that a member has (staff)")
    @action(detail=True, methods=["post"], permission_classes=[StaffMay])
    def disable(self: Any, request: Request, pk: str) -> Response:
        """One operation for all its sites, databases, SSH keys and tokens; nothing is deleted."""
        return self._stand(request, self.get_object(), standing.disable)

    @_documented("Switch everything on again (staff)")
    @action(detail=True, methods=["post"], permission_classes=[StaffMay])
    def enable(self: Any, request: Request, pk: str) -> Response:
        """For two weeks, if it is still behind with its dues."""
        return self._stand(request, self.get_object(), standing.enable)

    def _stand(
        self: Any, request: Request, member: Member, change: Callable[..., Operation | None], **fields: Any
    ) -> Response:
        def work() -> Outcome:
            address = request.META.get("REMOTE_ADDR")
            operation = change(member=member, actor=self.actor, requested_from=address, **fields)
            member.refresh_from_db()
            return operation, {"member": MemberSerializer(member, context={"request": request}).data}

        return carry_out(request, work)
