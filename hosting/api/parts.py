"""``/api/v1/volumes/`` and ``routes/``: whose they are follows from the sites that they belong to, so they are here."""

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view

from controlpanel.api.views import Collection
from routing.api.filters import RouteFilter
from routing.api.serializers import RouteSerializer
from routing.models import Route
from storage.api import problems as _problems  # noqa: F401  # registers how storage's errors are answered
from storage.api.filters import VolumeFilter
from storage.api.serializers import VolumeSerializer
from storage.models import Attachment, Volume

from .. import selectors


@extend_schema_view(
    list=extend_schema(summary="Volumes of sites that you administer"), retrieve=extend_schema(summary="One volume")
)
class VolumeViewSet(Collection):
    """Network storage of sites: how large, how full, and which host holds it."""

    serializer_class = VolumeSerializer
    filterset_class = VolumeFilter
    ordering_fields = ("id", "created", "size_bytes", "used_bytes")
    queryset = Volume.objects.none()

    def rows(self) -> QuerySet[Volume]:
        volumes = selectors.volumes_for(self.actor)
        # Credentials stay encrypted where they are.
        attachments = Attachment.objects.select_related("host").defer("credential")
        return volumes.select_related("pool").prefetch_related(Prefetch("attachments", attachments))


@extend_schema_view(
    list=extend_schema(summary="Public names of sites that you administer, as the edges know them"),
    retrieve=extend_schema(summary="One public name"),
)
class RouteViewSet(Collection):
    """Where public names lead. They follow their site: change them there."""

    serializer_class = RouteSerializer
    filterset_class = RouteFilter
    ordering_fields = ("id", "name")
    queryset = Route.objects.none()

    def rows(self) -> QuerySet[Route]:
        return selectors.routes_for(self.actor).select_related("backend__host")
