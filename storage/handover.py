"""A volume that passes from one host to another, as one call to the storage: it sees the old host gone, then lets the
new one in.

The old host's row stands until storage has confirmed that; so does the state that forbids every other grant. The same
functions take a volume back to where it came from.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from controlpanel.fleet.choices import HostState
from controlpanel.fleet.desired import Resource
from controlpanel.fleet.models import Host

from .choices import VolumeState
from .drivers import driver_of
from .errors import Held, HostIsFenced, IllegalTransition
from .models import Attachment, Volume
from .transitions import raise_epoch, transition

#: In these states nobody has the volume mounted, so that it may pass on.
PASSABLE = frozenset({VolumeState.FREE, VolumeState.GRANTING, VolumeState.DETACHING, VolumeState.FENCING})


@transaction.atomic
def begin(volume: Volume, host: Host) -> Volume:
    """Mean the volume to be this host's alone, under a new epoch. May be called again.

    Raises Held while another host has not confirmed that it let go (nor is to be cut off by the storage), HostIsFenced,
    IllegalTransition.
    """
    locked = Volume.objects.select_for_update().get(pk=volume.pk)
    if Host.objects.filter(pk=host.pk, state=HostState.FENCED).exists():
        raise HostIsFenced(host.name)
    others = locked.attachments.filter(fenced=None, mounted=True).exclude(host=host).select_related("host")
    if holder := others.first():
        raise Held(locked.name, holder.host.name)
    if locked.state not in PASSABLE:
        raise IllegalTransition(locked.name, locked.get_state_display(), "hand_over")
    return raise_epoch(locked)


def resource(volume: Volume, host: Host) -> Resource:
    """What the storage is to bring about, after ``begin``."""
    return driver_of(volume.pool).volume(volume, [host.name], epoch=volume.epoch, trashed=False)


@transaction.atomic
def confirm(volume: Volume, host: Host, path: str, credential: Mapping[str, Any]) -> Attachment:
    """Storage confirmed that everybody else has been seen gone, and that this host may have it. May be told again."""
    locked = Volume.objects.select_for_update().get(pk=volume.pk)
    locked.attachments.exclude(host=host, fenced=None).delete()
    transition(locked, "hand_over")
    values = {
        "path": path,
        "exclusive": not locked.shared,
        "epoch": locked.epoch,
        "granted": True,
        "mounted": False,
        "leaving": False,
        "credential": json.dumps(dict(credential), sort_keys=True),
    }
    attachment, _created = Attachment.objects.update_or_create(volume=locked, host=host, defaults=values)
    return attachment


@transaction.atomic
def keep(volume: Volume, host: Host) -> None:
    """The host is to have it again after all: storage has not been told yet that it let go. Else nothing changes."""
    locked = Volume.objects.select_for_update().get(pk=volume.pk)
    leaving = locked.attachments.filter(host=host, fenced=None, leaving=True, granted=True)
    if locked.state == VolumeState.DETACHING and leaving.exists():
        transition(locked, "keep")
        leaving.update(leaving=False, epoch=locked.epoch)
