"""``/api/v1/orders/``, ``sites/`` and ``domains/``."""

from collections.abc import Callable
from typing import Any

from django.db.models import Count, Q, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.views import Collection, StaffWrite
from controlpanel.operations.api.answers import WRITE_PARAMETERS, Outcome, carry_out, idempotency_key, wants_preview
from controlpanel.operations.models import Operation
from members import selectors as people

from .. import orders, selectors, services
from ..choices import SiteKind, SiteState
from ..models import Domain, HostingOrder, Site
from . import problems as _problems  # noqa: F401  # registers how hosting's errors are answered
from . import scale
from .certificates import OwnCertificateActions
from .edge_rules import EdgeRulesActions
from .filters import DomainFilter, OrderFilter, SiteFilter
from .health import OrderHealth, SiteHealth
from .logs import LogActions
from .moves import MoveActions
from .quarantine import QuarantineActions
from .scale import ScaleSerializer
from .serializers import (
    AcceptedSiteSerializer,
    CreatedSiteSerializer,
    DomainSerializer,
    NewOrderSerializer,
    NewSiteSerializer,
    OrderChangesSerializer,
    OrderSerializer,
    SiteChangesSerializer,
    SiteRestoreSerializer,
    SiteSerializer,
)
from .shields import ShieldActions
from .usage import OrderUsage, SiteUsage


@extend_schema_view(
    list=extend_schema(summary="Hosting orders that you administer"), retrieve=extend_schema(summary="One order")
)
class OrderViewSet(OrderHealth, OrderUsage, Collection):
    """Packages of members, with their limits."""

    serializer_class = OrderSerializer
    filterset_class = OrderFilter
    ordering_fields = ("id", "name", "created")
    permission_classes = (StaffWrite,)
    queryset = HostingOrder.objects.none()

    def rows(self) -> QuerySet[HostingOrder]:
        kept = ~Q(sites__state=SiteState.DELETED)
        return selectors.orders_for(self.actor).annotate(site_count=Count("sites", filter=kept))

    @extend_schema(
        summary="A new order of a member (staff)", request=NewOrderSerializer, responses={201: OrderSerializer}
    )
    def create(self, request: Request) -> Response:
        fields = self.fields_of(NewOrderSerializer)
        member = people.members_for(self.actor).get(pk=fields.pop("member"))
        order = orders.create_order(self.actor, member, fields.pop("name"), **fields)
        return Response(self.get_serializer(self.rows().get(pk=order.pk)).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Another name or other limits (staff)", request=OrderChangesSerializer, responses=OrderSerializer
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        order = self.get_object()
        orders.change_order(self.actor, order, **self.fields_of(OrderChangesSerializer))
        return Response(self.get_serializer(self.get_object()).data)


def accepts_site(summary: str, request: Any = None, answer: Any = AcceptedSiteSerializer) -> Callable[[Any], Any]:
    """Schema of a write on a site."""
    return extend_schema(summary=summary, request=request, responses={202: answer}, parameters=WRITE_PARAMETERS)


@extend_schema_view(
    list=extend_schema(summary="Sites of orders that you administer"), retrieve=extend_schema(summary="One site")
)
class SiteViewSet(
    EdgeRulesActions, LogActions, MoveActions, OwnCertificateActions, QuarantineActions, ShieldActions, SiteHealth,
    SiteUsage, Collection,
):  # fmt: skip
    """Web sites. Every change is accepted at once and carried out by an operation."""

    serializer_class = SiteSerializer
    filterset_class = SiteFilter
    ordering_fields = ("id", "created", "state", "kind")
    queryset = Site.objects.none()

    def rows(self) -> QuerySet[Site]:
        sites = selectors.with_shields(selectors.sites_for(self.actor)).select_related("host")
        return sites.prefetch_related("domains", "placements__host")

    @accepts_site("A new site", NewSiteSerializer, CreatedSiteSerializer)
    def create(self, request: Request) -> Response:
        """Placement chooses its host. It is ready when its operation has succeeded: both edges then serve it.

        A WordPress site gets a database, and is answered with the password of its administrator: this once.
        """
        fields = self.fields_of(NewSiteSerializer)
        order, kind, domains = fields.pop("order"), fields.pop("kind"), fields.pop("domains")
        if kind == SiteKind.WORDPRESS:
            return self._carry_out(
                lambda **common: services.create_wordpress(self.actor, order, domains, **fields, **common)
            )
        fields = {name: value for name, value in fields.items() if name not in ("title", "language")}
        return self._carry_out(
            lambda **common: services.create_site(self.actor, order, kind, domains, **fields, **common)
        )

    @accepts_site("Other names, kind or PHP workers", SiteChangesSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        site, fields = self.get_object(), self.fields_of(SiteChangesSerializer)
        return self._carry_out(lambda **common: services.edit_site(self.actor, site, **fields, **common))

    @accepts_site("Delete a site; its data is kept for a while")
    def destroy(self, request: Request, pk: str) -> Response:
        """``purge_after`` says until when it can be restored."""
        site = self.get_object()
        return self._carry_out(lambda **common: services.delete_site(self.actor, site, **common))

    @accepts_site("Stop it; visitors see that it is disabled")
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, pk: str) -> Response:
        site = self.get_object()
        return self._carry_out(lambda **common: services.disable_site(self.actor, site, **common))

    @accepts_site("Let it answer again")
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, pk: str) -> Response:
        site = self.get_object()
        return self._carry_out(lambda **common: services.enable_site(self.actor, site, **common))

    @accepts_site("Bring a deleted site back with its data", SiteRestoreSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        site, fields = self.get_object(), self.fields_of(SiteRestoreSerializer)
        return self._carry_out(lambda **common: services.restore_site(self.actor, site, **fields, **common))

    @accepts_site("Other limits, more or fewer web hosts, or hosts for itself (staff)", ScaleSerializer)
    @action(detail=True, methods=["post"])
    def scale(self, request: Request, pk: str) -> Response:
        """The site goes on answering. ``neighbours``: how many other sites there are on its hosts."""
        site, fields = self.get_object(), self.fields_of(ScaleSerializer)
        others = fields.pop("move_others", False)

        def work(**common: Any) -> tuple[Site, Operation]:
            done = services.scale_site(self.actor, site, **fields, **common)
            if others and done[0].dedicated:
                services.move_others(self.actor, done[0], requested_from=common["requested_from"])
            return done

        return self._carry_out(work, scale.facts)

    @accepts_site("Another password for the administrator of its WordPress", None, CreatedSiteSerializer)
    @action(detail=True, methods=["post"], url_path="application/password")
    def application_password(self, request: Request, pk: str) -> Response:
        """The answer has it, this once; it is valid when the operation has succeeded."""
        site = self.get_object()
        return self._carry_out(lambda **common: services.new_wordpress_password(self.actor, site, **common))

    def _carry_out(
        self,
        service: Callable[..., Any],
        facts: Callable[[Site], dict[str, Any]] = lambda site: {},
    ) -> Response:
        """Call a service that answers with the site, the operation, and perhaps how to log in to its application."""
        common = {
            "idempotency_key": idempotency_key(self.request),
            "requested_from": self.request.META.get("REMOTE_ADDR"),
        }

        def work() -> Outcome:
            site, operation, *credentials = service(**common)
            read = self.rows().get(pk=site.pk)  # with its names and host, all at once
            data = SiteSerializer(read, context=self.get_serializer_context()).data
            body = {**data, "site": data, **facts(read)}
            for one in credentials:
                password = "" if wants_preview(self.request) else one.password
                body["application"] = {"username": one.username, "password": password}
            return operation, body

        return carry_out(self.request, work)


@extend_schema_view(
    list=extend_schema(summary="Names of sites that you administer"), retrieve=extend_schema(summary="One name")
)
class DomainViewSet(Collection):
    """Names of sites, to look at: they are changed through their site."""

    serializer_class = DomainSerializer
    filterset_class = DomainFilter
    ordering_fields = ("id", "name")
    queryset = Domain.objects.none()

    def rows(self) -> QuerySet[Domain]:
        return selectors.domains_for(self.actor)
