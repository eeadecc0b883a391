"""Sub-resources of a site about its quarantine, and about its files and their snapshots."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.operations.api.answers import WRITE_PARAMETERS
from storage.choices import SnapshotCause
from storage.models import Snapshot

from .. import evidence, selectors, services
from ..models import Evidence
from .serializers import AcceptedSiteSerializer


class IsolateSerializer(serializers.Serializer[Any]):
    """Why, and how far."""

    reason = serializers.CharField(max_length=2000, help_text="Shown to the site's owners.")
    block_logins = serializers.BooleanField(
        default=False, help_text="Block SSH keys and tokens of those who may change the site, until its release."
    )


class EvidenceSerializer(serializers.ModelSerializer[Evidence]):
    """What a site was doing on a host when it was isolated."""

    content = serializers.SerializerMethodField(help_text="Processes, connections, logs; secrets masked.")
    counts = serializers.DictField(child=serializers.IntegerField(), read_only=True)

    class Meta:
        model = Evidence
        fields = ("id", "quarantine", "host", "collected", "counts", "size_bytes", "content")
        read_only_fields = fields

    def get_content(self, found: Evidence) -> dict[str, Any]:
        return evidence.shown(found)


class RoomSerializer(serializers.Serializer[Any]):
    """The clean room of a quarantined site."""

    open = serializers.BooleanField()
    until = serializers.DateTimeField(allow_null=True)
    address = serializers.CharField(help_text="What opens it: a secret. Empty while it is closed.")


class SnapshotSerializer(serializers.ModelSerializer[Snapshot]):
    """A site's files as they were at one moment."""

    cause = serializers.ChoiceField(SnapshotCause.choices, read_only=True)

    class Meta:
        model = Snapshot
        fields = ("id", "cause", "taken")
        read_only_fields = fields


class ComparisonSerializer(serializers.Serializer[Any]):
    """A page of what differs."""

    differences = serializers.ListField(child=serializers.DictField())
    next = serializers.CharField(help_text="Give it as `after` for the next page; empty at the end.")


class RestoreFilesSerializer(serializers.Serializer[Any]):
    """What to make as it was."""

    snapshot = serializers.IntegerField(min_value=1, max_value=2**53)
    paths = serializers.ListField(
        child=serializers.CharField(max_length=4096), required=False, max_length=1000, help_text="Relative to the site."
    )
    everything = serializers.BooleanField(default=False)


def _accepts(summary: str, request: Any = None) -> Any:
    return extend_schema(
        summary=summary, request=request, responses={202: AcceptedSiteSerializer}, parameters=WRITE_PARAMETERS
    )


class QuarantineActions:
    """Mixin of ``SiteViewSet``."""

    actor: Any
    get_object: Any
    fields_of: Any
    _carry_out: Any

    @_accepts("Put a compromised site into quarantine (staff)", IsolateSerializer)
    @action(detail=True, methods=["post"])
    def isolate(self, request: Request, pk: str) -> Response:
        """No visitors, no network, no processes, at once; what it was doing is kept. Its owners read the reason."""
        site, fields = self.get_object(), self.fields_of(IsolateSerializer)
        return self._carry_out(lambda **common: services.quarantine_site(self.actor, site, **fields, **common))

    @_accepts("Let a site out of quarantine (staff)")
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        site = self.get_object()
        return self._carry_out(lambda **common: services.release_site(self.actor, site, **common))

    @extend_schema(
        summary="What a quarantined site was doing (staff)", responses=EvidenceSerializer(many=True), filters=False
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def evidence(self, request: Request, pk: str) -> Response:
        """Of all its quarantines, the newest first; what looks like a secret is masked."""
        found = selectors.evidence_for(self.actor, self.get_object())
        return Response(EvidenceSerializer(found, many=True).data)

    @extend_schema(summary="The clean room of a quarantined site, with its address", responses=RoomSerializer)
    @action(detail=True, methods=["get"])
    def room(self, request: Request, pk: str) -> Response:
        site = self.get_object()
        quarantine = services.open_quarantine(site)
        opened = quarantine is not None and site.room_open and quarantine.room_is_open
        return Response(
            {
                "open": opened,
                "until": quarantine.room_until if quarantine and opened else None,
                "address": services.address_of(site, quarantine) if quarantine and opened else "",
            }
        )

    @_accepts("Open the clean room at a new secret address")
    @room.mapping.post
    def open_room(self, request: Request, pk: str) -> Response:
        """The address is in ``GET …/room/``; one that there was before opens nothing any more."""
        site = self.get_object()
        return self._carry_out(lambda **common: services.open_room(self.actor, site, **common))

    @_accepts("Close the clean room")
    @room.mapping.delete
    def close_room(self, request: Request, pk: str) -> Response:
        site = self.get_object()
        return self._carry_out(lambda **common: services.close_room(self.actor, site, **common))

    @extend_schema(summary="Snapshots of a site's files", responses=SnapshotSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def snapshots(self, request: Request, pk: str) -> Response:
        return Response(SnapshotSerializer(services.snapshots_of(self.get_object()), many=True).data)

    @_accepts("Take a snapshot of its files now")
    @snapshots.mapping.post
    def take_snapshot(self, request: Request, pk: str) -> Response:
        site = self.get_object()
        return self._carry_out(lambda **common: services.take_snapshot(self.actor, site, **common))

    @extend_schema(
        summary="What was added, removed or changed since a snapshot",
        parameters=[
            OpenApiParameter("snapshot", OpenApiTypes.INT, required=True),
            OpenApiParameter("after", OpenApiTypes.STR, description="`next` of the page before."),
        ],
        responses=ComparisonSerializer,
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def changes(self, request: Request, pk: str) -> Response:
        """Asks the site's host, so it may take a while."""
        site = self.get_object()
        field = serializers.IntegerField(min_value=1, max_value=2**53)
        try:
            snapshot = field.run_validation(request.query_params.get("snapshot"))
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"snapshot": error.detail}) from error
        found = services.compare(self.actor, site, snapshot, after=request.query_params.get("after", "")[:4096])
        return Response({"differences": found["differences"], "next": found["next"]})

    @_accepts("Make files as they were in a snapshot", RestoreFilesSerializer)
    @action(detail=True, methods=["post"], url_path="restore-files")
    def restore_files(self, request: Request, pk: str) -> Response:
        """What was not there then is taken away. Another snapshot is taken before."""
        site, fields = self.get_object(), self.fields_of(RestoreFilesSerializer)
        snapshot = fields.pop("snapshot")
        return self._carry_out(lambda **common: services.restore_files(self.actor, site, snapshot, **fields, **common))
