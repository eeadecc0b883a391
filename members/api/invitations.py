"""``/api/v1/invitations/``: asking somebody by mail to administer a member or some of its orders."""

from typing import Any

import django_filters
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.views import Collection

from .. import invitations, selectors
from ..choices import InvitationState, Role
from ..models import Invitation


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """Somebody was asked to administer a member, or some of its orders. Never the link."""

    member = serializers.IntegerField(source="member_id", min_value=1)
    role = serializers.ChoiceField(Role.choices, help_text="`member_admin` or `order_admin`.")
    orders = serializers.ListField(
        source="order_ids",
        child=serializers.IntegerField(min_value=1, max_value=2**53),
        required=False,
        max_length=500,
        help_text="Ids of orders of that member, for `order_admin`.",
    )
    language = serializers.ChoiceField(
        settings.LANGUAGES, required=False, allow_blank=True, help_text="Of the message; empty: the installation's."
    )
    state = serializers.ChoiceField(InvitationState.choices, read_only=True)
    invited_by = serializers.CharField(source="invited_by.username", read_only=True, allow_null=True)
    accepted_by = serializers.CharField(source="accepted_by.username", read_only=True, allow_null=True)

    class Meta:
        model = Invitation
        fields = (
            "id", "member", "email", "role", "orders", "language", "state", "invited_by", "created", "sent", "ends",
            "accepted", "accepted_by",
        )  # fmt: skip
        read_only_fields = ("created", "sent", "ends", "accepted")


class InvitationFilter(django_filters.FilterSet):
    member = django_filters.NumberFilter("member_id", min_value=1, max_value=2**53)
    open = django_filters.BooleanFilter(method="filter_open", label="Whether it can still be accepted.")

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = ()

    def filter_open(self, rows: QuerySet[Invitation], name: str, value: bool) -> QuerySet[Invitation]:
        still = {"accepted": None, "withdrawn": None, "ends__gt": timezone.now()}
        return rows.filter(**still) if value else rows.exclude(**still)


@extend_schema_view(
    list=extend_schema(summary="Invitations to members that you administer"),
    retrieve=extend_schema(summary="One invitation"),
    destroy=extend_schema(summary="Withdraw an invitation: its link opens nothing any more"),
)
class InvitationViewSet(mixins.DestroyModelMixin, Collection):
    """The link itself is only in the mail."""

    serializer_class = InvitationSerializer
    filterset_class = InvitationFilter
    ordering_fields = ("id", "created", "ends")
    queryset = Invitation.objects.none()

    def rows(self) -> QuerySet[Invitation]:
        return selectors.invitations_for(self.actor).select_related("invited_by", "accepted_by", "member")

    @extend_schema(summary="Invite somebody by mail")
    def create(self, request: Request) -> Response:
        fields: dict[str, Any] = self.fields_of(self.get_serializer_class())
        invitation = invitations.invite(
            member=selectors.members_for(self.actor).get(pk=fields.pop("member_id")), actor=self.actor, **fields
        )
        return Response(self.get_serializer(invitation).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Send it again, with a new link for seven more days", request=None, responses=InvitationSerializer
    )
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: str) -> Response:
        invitation = invitations.resend(invitation=self.get_object(), actor=self.actor)
        return Response(self.get_serializer(invitation).data)

    def perform_destroy(self, invitation: Invitation) -> None:
        invitations.withdraw(invitation=invitation, actor=self.actor)
