"""Snapshots of volumes: taken on request and by the clock, dropped by age. ``plans/snapshots.py`` carries it out.

A volume whose snapshots are held (its site is in quarantine) gets no regular one and loses none: the newest of before
is what everybody will want to compare with.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from controlpanel.operations import services as operations
from controlpanel.operations.choices import UNFINISHED
from controlpanel.operations.locks import lock_resources
from controlpanel.operations.models import Operation

from .choices import SnapshotCause, SnapshotState, VolumeState
from .models import Pool, Snapshot, Volume

#: Volumes of one operation of the clock's.
BATCH = 25
#: A volume gets its first regular snapshot when it is this part of SNAPSHOT_EVERY old: most of what is tried out is
#: gone by then.
FIRST = 4
#: What was not taken within this time never will be: its operation was cancelled.
STALE = timedelta(days=1)
#: How long snapshots are kept that were taken for a reason of their own.
KEEP_OTHERS = timedelta(days=60)


def plan_snapshot(volume: Volume, cause: str = SnapshotCause.MANUAL) -> Snapshot:
    """A snapshot that is yet to be taken (step ``storage.snapshot`` takes it)."""
    return Snapshot.objects.create(volume=volume, cause=cause)


def mark_taken(snapshot: Snapshot) -> None:
    """Storage confirmed it. May be told again."""
    Snapshot.objects.filter(pk=snapshot.pk, state=SnapshotState.PLANNED).update(
        state=SnapshotState.READY, taken=timezone.now()
    )


def mark_dropped(ids: list[int]) -> None:
    """Storage confirmed that they are gone."""
    Snapshot.objects.filter(pk__in=ids, state=SnapshotState.DROPPING).delete()


def hold(volume: Volume, held: bool) -> None:
    """Let the volume's snapshots alone from now on (``held``), or no longer."""
    Volume.objects.filter(pk=volume.pk).update(snapshots_held=held)
    volume.snapshots_held = held


def ready_of(volume: Volume) -> QuerySet[Snapshot]:
    """What can be compared with and restored from, newest first."""
    return Snapshot.objects.filter(volume=volume, state=SnapshotState.READY).order_by("-taken", "-id")


# --- by the clock ------------------------------------------------------------------------------------------------


def due_volumes(now: datetime | None = None) -> QuerySet[Volume]:
    """Volumes in use whose last regular snapshot is older than SNAPSHOT_EVERY hours; the longest without one first."""
    now = now or timezone.now()
    every = timedelta(hours=settings.SNAPSHOT_EVERY)
    regular = Q(snapshots__cause=SnapshotCause.REGULAR)
    volumes = Volume.objects.filter(
        state=VolumeState.ATTACHED, snapshots_held=False, created__lte=now - every / FIRST
    ).annotate(last=Max("snapshots__created", filter=regular))
    return volumes.filter(Q(last=None) | Q(last__lte=now - every)).order_by("last", "pk")


@transaction.atomic
def rotate_due(now: datetime | None = None) -> list[Operation]:
    """Start to take the snapshots that are due, and to drop those that are too many; an operation a pool."""
    if not settings.SNAPSHOT_EVERY:
        return []
    lock_resources(["storage:snapshots"])
    _give_up(now or timezone.now())
    started = []
    for pool in Pool.objects.order_by("pk"):
        if operations_of(pool).exists():
            continue
        volumes = list(due_volumes(now).filter(pool=pool)[:BATCH])
        take = [plan_snapshot(volume, SnapshotCause.REGULAR).pk for volume in volumes]
        surplus = [snapshot.pk for volume in volumes for snapshot in surplus_of(volume)]
        Snapshot.objects.filter(pk__in=surplus).update(state=SnapshotState.DROPPING)
        drop = Snapshot.objects.filter(volume__pool=pool, state=SnapshotState.DROPPING).values_list("pk", flat=True)
        if take or drop:
            params = {"pool": pool.pk, "name": pool.name, "take": take, "drop": list(drop[: 4 * BATCH])}
            started.append(operations.start("storage.rotate_snapshots", params, scopes=[]))
    return started


def surplus_of(volume: Volume) -> list[Snapshot]:
    """What is too much once the next one has been taken: regular ones beyond SNAPSHOT_KEEP, and others (taken before
    a quarantine, before a restore) that have been kept for longer than KEEP_OTHERS."""
    regular = ready_of(volume).filter(cause=SnapshotCause.REGULAR)[max(settings.SNAPSHOT_KEEP - 1, 0) :]
    others = ready_of(volume).exclude(cause=SnapshotCause.REGULAR).filter(taken__lt=timezone.now() - KEEP_OTHERS)
    return [*regular, *others]


def operations_of(pool: Pool) -> QuerySet[Operation]:
    """The pool's rotation that is under way."""
    return Operation.objects.filter(state__in=UNFINISHED, kind="storage.rotate_snapshots", params__pool=pool.pk)


def _give_up(now: datetime) -> None:
    """What was planned long ago and never confirmed: it may be there all the same, so it is dropped."""
    planned = Snapshot.objects.filter(state=SnapshotState.PLANNED, created__lt=now - STALE)
    planned.update(state=SnapshotState.DROPPING)
