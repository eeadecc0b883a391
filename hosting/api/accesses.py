"""``/api/v1/accesses/``: who may do what. It stands here because an access may be on a hosting order."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.views import Collection
from members import selectors as people
from members import services
from members.models import Access, Member

from .. import selectors
from .filters import AccessFilter
from .serializers import AccessSerializer


@extend_schema_view(
    list=extend_schema(summary="Your accesses, and those on what you administer"),
    retrieve=extend_schema(summary="One access"),
    destroy=extend_schema(summary="Take a role away"),
)
class AccessViewSet(mixins.DestroyModelMixin, Collection):
    """What logins may do."""

    #: Not in somebody else's name (members.middleware.ImpersonationMiddleware).
    own_hands = True
    serializer_class = AccessSerializer
    filterset_class = AccessFilter
    ordering_fields = ("id", "granted")
    queryset = Access.objects.none()

    def rows(self) -> QuerySet[Access]:
        orders = selectors.orders_for(self.actor).values_list("pk", flat=True)
        return people.accesses_for(self.actor, order_ids=orders).select_related("login")

    @extend_schema(summary="Give a role to a login that you see")
    def create(self, request: Request) -> Response:
        fields = self.fields_of(AccessSerializer)
        # What the asker does not see is not found, whether it is in the URL or in the body.
        login = people.logins_for(self.actor).get(pk=fields["login_id"])
        member_id, order_id = fields.get("member_id"), fields.get("order_id")
        access = services.grant(
            login=login,
            role=fields["role"],
            member=None if member_id is None else people.members_for(self.actor).get(pk=member_id),
            order_id=order_id,
            order_member=self._member_of(order_id),
            actor=self.actor,
        )
        return Response(self.get_serializer(access).data, status=status.HTTP_201_CREATED)

    def perform_destroy(self, access: Access) -> None:
        services.revoke(access=access, order_member=self._member_of(access.order_id), actor=self.actor)

    def _member_of(self, order_id: int | None) -> Member | None:
        return None if order_id is None else selectors.orders_for(self.actor).get(pk=order_id).member
