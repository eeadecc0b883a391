"""The state machine of volumes: every transition is one conditional UPDATE, so that of two at once one is refused."""

from typing import Any

from django.db.models import F

from .choices import SHARED, TRANSITIONS, VolumeState
from .errors import Held, IllegalTransition
from .models import Volume

#: Transitions that change what it is or who may use it: storage and hosts must tell them from what was before.
RAISES_EPOCH = frozenset({"grant", "detach", "fence", "trash", "keep"})


def transition(volume: Volume, name: str, *, to: VolumeState | None = None, **values: Any) -> Volume:
    """Make the transition, or raise IllegalTransition (Held when a host has it). ``volume`` is brought up to date.

    ``to`` overrides where it leads (a shared volume stays attached when one of several leaves); ``values`` are other
    fields to set with it.
    """
    sources, target = TRANSITIONS[name]
    if volume.shared and name in ("grant", "attached", "detach"):
        sources |= SHARED
    if name in RAISES_EPOCH:
        values["epoch"] = F("epoch") + 1
    changed = Volume.objects.filter(pk=volume.pk, state__in=sources).update(state=to or target, **values)
    volume.refresh_from_db()
    if not changed:
        holder = volume.attachments.select_related("host").first()
        if name == "grant" and holder is not None:
            raise Held(volume.name, holder.host.name)
        raise IllegalTransition(volume.name, volume.get_state_display(), name)
    return volume


def raise_epoch(volume: Volume, **values: Any) -> Volume:
    """Change what it is without changing its state (size, owner)."""
    Volume.objects.filter(pk=volume.pk).update(epoch=F("epoch") + 1, **values)
    volume.refresh_from_db()
    return volume
