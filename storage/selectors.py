"""Reading pools and volumes. Members see volumes through their sites; pools are staff's."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Max, QuerySet

from controlpanel.fleet.models import Host
from controlpanel.operations.access import Asker

from .choices import SnapshotState, VolumeState
from .models import Attachment, Pool, Snapshot, Volume


def pools_for(actor: Asker) -> QuerySet[Pool]:
    """The pools that the asker may see: staff all, everybody else none."""
    if actor is None or not getattr(actor, "is_active", False) or not getattr(actor, "is_staff", False):
        return Pool.objects.none()
    return Pool.objects.select_related("host")


def volumes_for(actor: Asker) -> QuerySet[Volume]:
    """The volumes that the asker may see: staff all, others those of their scopes."""
    if actor is None or not getattr(actor, "is_active", False):
        return Volume.objects.none()
    volumes = Volume.objects.select_related("pool").exclude(state=VolumeState.ABSENT)
    if getattr(actor, "is_staff", False):
        return volumes
    scopes: list[str] = getattr(actor, "scopes", list)()
    return volumes.filter(scope__in=[scope for scope in scopes if scope])


def attachments_on(host: Host) -> QuerySet[Attachment]:
    """What the host has, may have, or was cut off from."""
    return host.attachments.select_related("volume__pool", "host").order_by("volume_id")


def pools() -> list[Pool]:
    """All pools with their hosts, in the order of their names."""
    return list(Pool.objects.select_related("host").order_by("name"))


def attachment_of(volume: Volume | int, host: Host | str) -> Attachment:
    """The attachment of a volume on a host. Raises Attachment.DoesNotExist."""
    rows = Attachment.objects.select_related("volume__pool", "host")
    by_host = {"host__name": host} if isinstance(host, str) else {"host": host}
    return rows.get(volume=volume, **by_host)


def granted_to(host: str, volumes: Collection[int]) -> QuerySet[Attachment]:
    """What storage lets the host have of these volumes (by id). Without a credential it never had it."""
    rows = Attachment.objects.select_related("volume__pool", "host")
    return rows.filter(volume__in=volumes, host__name=host, granted=True, fenced=None)


def last_snapshots(volumes: Collection[int]) -> dict[int, datetime]:
    """When each of these volumes (by id) was last kept; one that never was is left out. For callers that checked."""
    ready = Snapshot.objects.filter(volume__in=volumes, state=SnapshotState.READY, taken__isnull=False)
    return dict(ready.order_by().values_list("volume_id").annotate(Max("taken")))
