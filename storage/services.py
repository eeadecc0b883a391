"""What other apps and staff do with volumes. Functions that begin something write the intent; operations carry it out.

The order for a volume of a site: ``create_volume``, ``begin_attach``, step ``storage.provision``, the host's batch with
``desired.attachment_resource``, ``mark_attached``. Back: ``begin_detach``, the host's batch with the same resource
absent, ``mark_detached``, step ``storage.revoke`` (or ``storage.trash``).
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from controlpanel.fleet.choices import HostState, Role
from controlpanel.fleet.models import Host
from controlpanel.operations import services as operations
from controlpanel.operations.access import Actor
from controlpanel.operations.models import Operation

from . import many
from .choices import VolumeState
from .errors import Held, HostIsFenced, IllegalTransition, NoPool
from .models import Attachment, Pool, Volume
from .transitions import raise_epoch, transition

#: The epoch that a volume's first grant gives it.
FIRST_GRANT = 2

# --- volumes -----------------------------------------------------------------------------------------------------


def create_volume(
    *, size_bytes: int, uid: int, gid: int, scope: str, pool: Pool | None = None, shared: bool = False
) -> Volume:
    """A volume that is yet to be made (``storage.provision`` makes it). Raises NoPool."""
    return Volume.objects.create(
        pool=pool or choose_pool(),
        size_bytes=size_bytes,
        uid=uid,
        gid=gid,
        scope=scope,
        shared=shared,
        state=VolumeState.CREATING,
    )


def choose_pool() -> Pool:
    """The pool with the most room, of those whose host takes new work. Raises NoPool."""
    ensure_pools()
    pools = [pool for pool in Pool.objects.select_related("host") if pool.host.state == HostState.ACTIVE]
    # One that has not been asked yet (0 of 0) may be empty and huge: it is taken when no other is known to have room.
    pools = [pool for pool in pools if pool.free_bytes or not pool.probed]
    if not pools:
        raise NoPool
    return max(pools, key=lambda pool: pool.free_bytes)


def resize(volume: Volume, size_bytes: int) -> Volume:
    """Another size, in bytes; step ``storage.provision`` brings it about. Storage refuses one below what is used."""
    return raise_epoch(volume, size_bytes=size_bytes)


def ensure_pool(host: Host) -> Pool:
    """The pool of a storage host, made when it has none."""
    pool, _created = Pool.objects.get_or_create(host=host, defaults={"name": host.name})
    return pool


def ensure_pools() -> None:
    """A pool for each storage host that has none (one that has just been enrolled)."""
    for host in Host.objects.filter(roles__contains=[Role.STORAGE.value], pools=None):
        ensure_pool(host)


# --- who has it --------------------------------------------------------------------------------------------------


@transaction.atomic
def begin_attach(volume: Volume, host: Host, path: str) -> Attachment:
    """Mean this host to have the volume at ``path``. The same again gives what there is.

    Raises Held while another host has it or may still have it, HostIsFenced, IllegalTransition.
    """
    locked = Volume.objects.select_for_update().get(pk=volume.pk)
    if Host.objects.filter(pk=host.pk, state=HostState.FENCED).exists():
        raise HostIsFenced(host.name)
    mine = locked.attachments.filter(host=host, leaving=False, fenced=None).first()
    if mine is not None and locked.state in (VolumeState.GRANTING, VolumeState.ATTACHED):
        _copy(locked, volume)
        return mine
    if not locked.shared:
        holder = locked.attachments.filter(fenced=None).select_related("host").first()
        if holder is not None:
            raise Held(locked.name, holder.host.name)
    transition(locked, "grant", purge_after=None)
    # Whoever is still noted is cut off, confirmed by the storage: it has nothing any more.
    gone = locked.attachments.exclude(fenced=None)
    (gone.filter(host=host) if locked.shared else gone).delete()
    try:
        with transaction.atomic():
            attachment = Attachment.objects.create(
                volume=locked, host=host, path=path, exclusive=not locked.shared, epoch=locked.epoch
            )
    except IntegrityError:
        other = locked.attachments.select_related("host").first()
        raise Held(locked.name, other.host.name if other else "?") from None
    _copy(locked, volume)
    return attachment


@transaction.atomic
def begin_detach(volume: Volume, host: Host) -> Attachment:
    """Mean this host to let go of the volume. Raises IllegalTransition, Attachment.DoesNotExist."""
    locked = Volume.objects.select_for_update().get(pk=volume.pk)
    attachment = locked.attachments.get(host=host)
    if not attachment.leaving:
        transition(locked, "detach")
        attachment.leaving, attachment.epoch = True, locked.epoch
        attachment.save(update_fields=["leaving", "epoch"])
    _copy(locked, volume)
    return attachment


@transaction.atomic
def begin_detach_all(volume: Volume) -> None:
    """Mean every host that has the volume to let go of it."""
    for attachment in volume.attachments.filter(fenced=None, leaving=False).select_related("host"):
        begin_detach(volume, attachment.host)


@transaction.atomic
def share(volume: Volume) -> None:
    """Let several hosts have the volume at once from now on. Nothing changes for who has it."""
    locked = Volume.objects.select_for_update().get(pk=volume.pk)
    locked.attachments.update(exclusive=False)
    Volume.objects.filter(pk=locked.pk).update(shared=True)
    volume.shared = True


@transaction.atomic
def unshare(volume: Volume) -> bool:
    """One host alone may have the volume again; returns whether it is so.

    Not while several have it or may still have it: then it stays shared, and the next change can make it exclusive.
    """
    locked = Volume.objects.select_for_update().get(pk=volume.pk)
    if locked.attachments.filter(fenced=None).count() > 1:
        return False
    # Those that are cut off, confirmed by the storage, have nothing any more, and are not to get it back.
    if locked.attachments.filter(fenced=None).exists():
        locked.attachments.exclude(fenced=None).delete()
    if locked.attachments.count() > 1:
        return False
    locked.attachments.update(exclusive=True)
    Volume.objects.filter(pk=locked.pk).update(shared=False)
    volume.shared = False
    return True


@transaction.atomic
def forsake(volume: Volume, host: Host) -> None:
    """A host that is lost, or cut off, is not meant to have the volume any more, also when it comes back.

    The row stays until storage has confirmed that it can no longer write.
    """
    volume.attachments.filter(host=host).exclude(fenced=None).delete()
    volume.attachments.filter(host=host, fenced=None).update(leaving=True)


# --- what was confirmed ------------------------------------------------------------------------------------------


@transaction.atomic
def mark_provisioned(volume: Volume, credentials: Mapping[str, Any]) -> None:
    """Storage made the volume and let these hosts in; ``credentials`` by host name."""
    if not volume.attachments.exists():
        Volume.objects.filter(pk=volume.pk, state=VolumeState.CREATING).update(state=VolumeState.FREE)
    for attachment in volume.attachments.select_related("host"):
        credential = credentials.get(attachment.host.name)
        if credential is not None:
            attachment.granted = True
            attachment.credential = json.dumps(credential, sort_keys=True)
            attachment.save(update_fields=["granted", "credential"])
    volume.refresh_from_db()


@transaction.atomic
def mark_attached(volume: Volume, host: Host) -> None:
    """The host confirmed that it has mounted and verified the volume. The same again changes nothing."""
    boot_id = Host.objects.values_list("boot_id", flat=True).get(pk=host.pk)
    if not volume.attachments.filter(host=host, leaving=False, fenced=None).update(mounted=True, boot_id=boot_id):
        raise IllegalTransition(volume.name, volume.get_state_display(), "attached")
    volume.refresh_from_db()
    if volume.state != VolumeState.ATTACHED:
        transition(volume, "attached")


@transaction.atomic
def mark_detached(volume: Volume, host: Host) -> None:
    """The host confirmed that it has let go: storage may now take its access away. The same again changes nothing.

    Also right without ``begin_detach`` before (a step that is taken back).
    """
    attachment = volume.attachments.filter(host=host, fenced=None).first()
    if attachment is None:
        return
    if not attachment.leaving:
        begin_detach(volume, host)
    left = volume.attachments.filter(host=host, leaving=True, mounted=True).update(mounted=False)
    if left:
        raise_epoch(volume)
    volume.refresh_from_db()


@transaction.atomic
def mark_revoked(volume: Volume) -> None:
    """Storage confirmed that whoever was to lose access has lost it, keys and sessions. May be told again."""
    for attachment in volume.attachments.filter(fenced=None):
        if not attachment.may_have_access:
            attachment.delete()
    volume.refresh_from_db()
    if volume.state in (VolumeState.DETACHING, VolumeState.FENCING):
        _settle(volume)


def _settle(volume: Volume) -> None:
    """Nobody has it any more who should not: it is free, or only those have it who share it."""
    rest = volume.attachments.filter(fenced=None).exists()
    transition(volume, "freed", to=VolumeState.ATTACHED if rest else VolumeState.FREE)


@transaction.atomic
def mark_trashed(volume: Volume, epoch: int | None = None) -> None:
    """Storage confirmed that nobody has access and that the volume is marked as trash. May be told again.

    ``epoch`` is the one that storage confirmed: IllegalTransition when the volume was given to somebody meanwhile.
    """
    locked = Volume.objects.select_for_update().get(pk=volume.pk)
    if locked.state != VolumeState.TRASHED:
        if epoch not in (None, locked.epoch + 1):
            raise IllegalTransition(locked.name, locked.get_state_display(), "trash")
        locked.attachments.all().delete()
        # Granted once and never given back: its creation is being taken back, and there is nothing to keep for long.
        keep = timedelta(days=1 if locked.epoch <= FIRST_GRANT else settings.SITE_GRACE_DAYS)
        transition(locked, "trash", purge_after=timezone.now() + keep, shared=False)
    volume.refresh_from_db()


@transaction.atomic
def mark_purged(volume: Volume) -> None:
    """Storage confirmed that it is gone for good."""
    volume.refresh_from_db()
    if volume.state != VolumeState.ABSENT:
        transition(volume, "purged", purge_after=None, used_bytes=0)
        volume.snapshots.all().delete()


def _copy(source: Volume, target: Volume) -> None:
    """Bring the caller's instance up to date."""
    for field in ("state", "epoch", "purge_after"):
        setattr(target, field, getattr(source, field))


# --- cutting off -------------------------------------------------------------------------------------------------


@transaction.atomic
def fence_host(host: Host, *, actor: Actor | None = None, requested_from: str | None = None) -> Operation:
    """Start to cut a host off from all storage. From now on it takes no work, and its volumes are given to nobody
    until the storage has confirmed."""
    many.begin_fence(host)
    return operations.start(
        "storage.fence_host", {"host": host.name}, scopes=[], actor=actor, requested_from=requested_from
    )


@transaction.atomic
def unfence_host(host: Host, *, actor: Actor | None = None, requested_from: str | None = None) -> Operation:
    """Start to let a fenced host in again; storage demands that it has been restarted and mounts nothing."""
    return operations.start(
        "storage.unfence_host", {"host": host.name}, scopes=[], actor=actor, requested_from=requested_from
    )


@transaction.atomic
def begin_fence(volume: Volume, host: Host) -> Attachment:
    """Mean one host to be cut off from one volume; step ``storage.revoke`` does it, also while the host is away."""
    attachment = volume.attachments.get(host=host)
    transition(volume, "fence")
    attachment.leaving, attachment.mounted, attachment.epoch = True, False, volume.epoch
    attachment.save(update_fields=["leaving", "mounted", "epoch"])
    return attachment


@transaction.atomic
def mark_host_fenced(pool: Pool, host: Host) -> None:
    """The pool's storage confirmed that the host is cut off: its volumes may be given to others."""
    many.mark_fenced(pool, host)


@transaction.atomic
def mark_host_unfenced(pool: Pool, host: Host) -> None:
    """The pool's storage lets the host in again: it is meant to have again what nobody else was given meanwhile."""
    rows = Attachment.objects.select_related("volume").filter(volume__pool=pool, host=host).exclude(fenced=None)
    for attachment in rows:
        volume = attachment.volume
        if not attachment.leaving and (volume.state == VolumeState.FREE or volume.shared):
            transition(volume, "grant")
            Attachment.objects.filter(pk=attachment.pk).update(fenced=None, epoch=volume.epoch)
        else:
            attachment.delete()


def mark_host_ready(host: Host) -> None:
    """A host that was fenced takes work again, after a full resync."""
    Host.objects.filter(pk=host.pk, state=HostState.FENCED).update(state=HostState.ACTIVE, needs_resync=True)


# --- by the clock ------------------------------------------------------------------------------------------------


@transaction.atomic
def purge_due(now: datetime | None = None) -> list[Operation]:
    """Start to delete, for good, each volume whose time in the trash is over."""
    now = now or timezone.now()
    started = []
    due = Volume.objects.select_for_update(skip_locked=True).filter(state=VolumeState.TRASHED, purge_after__lte=now)
    for volume in due[:50]:
        Volume.objects.filter(pk=volume.pk).update(purge_after=None)  # so that it is started once
        started.append(operations.start("storage.purge", {"volume": volume.pk}, scopes=[]))
    return started


def purge_later(volume_id: int) -> None:
    """It could not be deleted: try again tomorrow."""
    tomorrow = timezone.now() + timedelta(days=1)
    Volume.objects.filter(pk=volume_id, state=VolumeState.TRASHED, purge_after=None).update(purge_after=tomorrow)
