"""Transitions of many volumes at once, in a few queries: for a whole host's worth, when seconds count.

The rules are those of ``services`` and ``transitions``: each is still a conditional UPDATE, and a volume to which one
does not apply is left as it is and told.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import Host

from .choices import TRANSITIONS, VolumeState
from .errors import IllegalTransition
from .models import Attachment, Pool, Volume


@dataclass(frozen=True)
class Wanted:
    """A host that is meant to have a volume at ``path``."""

    volume_id: int
    host: Host
    path: str


@transaction.atomic
def begin_fence(host: Host) -> int:
    """Mean the host to be cut off from all that it has; how many volumes. Nobody is given them until that is confirmed.

    Raises IllegalTransition.
    """
    Host.objects.filter(pk=host.pk).update(state=HostState.FENCED)
    held = Volume.objects.filter(Exists(Attachment.objects.filter(volume=OuterRef("pk"), host=host, fenced=None)))
    sources, target = TRANSITIONS["fence"]
    wrong = held.exclude(state__in=sources).first()
    if wrong is not None:
        raise IllegalTransition(wrong.name, wrong.get_state_display(), "fence")
    return held.update(state=target, epoch=F("epoch") + 1)


@transaction.atomic
def end_fence(host: Host) -> int:
    """The host is not to be cut off after all, and nobody has begun to: its volumes are its own again."""
    rows = Attachment.objects.filter(volume=OuterRef("pk"), fenced=None)
    held = Volume.objects.filter(Exists(rows.filter(host=host)), state=VolumeState.FENCING)
    leaving = held.filter(Exists(rows.filter(leaving=True))).update(state=VolumeState.DETACHING)
    mounted = held.filter(Exists(rows.filter(mounted=True))).update(state=VolumeState.ATTACHED)
    return leaving + mounted + held.update(state=VolumeState.GRANTING)


@transaction.atomic
def mark_fenced(pool: Pool, host: Host) -> None:
    """The pool's storage confirmed that the host is cut off: its volumes may be given to others."""
    rows = Attachment.objects.filter(volume__pool=pool, host=host, fenced=None)
    ids = list(rows.values_list("volume_id", flat=True))
    rows.update(fenced=timezone.now(), granted=False, mounted=False, credential="")
    fencing = Volume.objects.filter(pk__in=ids, state=VolumeState.FENCING)
    fencing.filter(Exists(Attachment.objects.filter(volume=OuterRef("pk"), fenced=None))).update(
        state=VolumeState.ATTACHED
    )
    fencing.update(state=VolumeState.FREE)


@transaction.atomic
def begin_attach(wanted: Collection[Wanted]) -> set[int]:
    """Mean these hosts to have these volumes (``services.begin_attach`` for each); the ids of those that now are.

    Left out are volumes that are not free, that are shared, or that somebody may still have: ask for each why.
    """
    by_id = {one.volume_id: one for one in wanted}
    held = Attachment.objects.filter(volume=OuterRef("pk"), fenced=None)
    free = Volume.objects.select_for_update().filter(pk__in=by_id, state=VolumeState.FREE, shared=False)
    epochs = dict(free.filter(~Exists(held)).order_by("pk").values_list("pk", "epoch"))
    Attachment.objects.filter(volume__in=epochs).exclude(fenced=None).delete()
    Volume.objects.filter(pk__in=epochs).update(state=VolumeState.GRANTING, epoch=F("epoch") + 1, purge_after=None)
    Attachment.objects.bulk_create(
        Attachment(volume_id=pk, host=by_id[pk].host, path=by_id[pk].path, epoch=epoch + 1)
        for pk, epoch in epochs.items()
    )
    return set(epochs)


@transaction.atomic
def mark_provisioned(credentials: Mapping[str, Mapping[str, Any]]) -> None:
    """Storage let these hosts have these volumes: by volume name, the credentials by host name."""
    ids = [int(name.removeprefix("v")) for name in credentials]
    rows = list(Attachment.objects.filter(volume__in=ids, fenced=None).select_related("host"))
    for row in rows:
        credential = credentials[f"v{row.volume_id}"].get(row.host.name)
        if credential is not None:
            row.granted, row.credential = True, json.dumps(credential, sort_keys=True)
    Attachment.objects.bulk_update(rows, ["granted", "credential"], batch_size=500)


@transaction.atomic
def mark_attached(host: Host, volumes: Iterable[int]) -> None:
    """The host confirmed that it has mounted and verified these volumes."""
    boot_id = Host.objects.values_list("boot_id", flat=True).get(pk=host.pk)
    rows = Attachment.objects.filter(host=host, volume__in=list(volumes), leaving=False, fenced=None)
    ids = list(rows.values_list("volume_id", flat=True))
    rows.update(mounted=True, boot_id=boot_id)
    Volume.objects.filter(pk__in=ids, state=VolumeState.GRANTING).update(state=VolumeState.ATTACHED)
