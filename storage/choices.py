"""States of volumes and snapshots, and which state may follow which."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class VolumeState(models.TextChoices):
    """``absent → creating → free → granting → attached → detaching → free``; ``attached → fencing → free``;
    ``free → trashed → absent``."""

    ABSENT = "absent", _("Absent")
    CREATING = "creating", _("Being created")
    FREE = "free", _("Free")
    GRANTING = "granting", _("Being attached")
    ATTACHED = "attached", _("Attached")
    DETACHING = "detaching", _("Being detached")
    FENCING = "fencing", _("Being fenced")
    TRASHED = "trashed", _("In the trash")


_S = VolumeState

#: By transition: the states that it may leave, and the state that it leads to. All others are illegal.
TRANSITIONS: dict[str, tuple[frozenset[VolumeState], VolumeState]] = {
    "created": (frozenset({_S.CREATING}), _S.FREE),
    # From the trash too: a deleted site can be restored. What is being created may be granted in the same call.
    "grant": (frozenset({_S.CREATING, _S.FREE, _S.TRASHED}), _S.GRANTING),
    "attached": (frozenset({_S.GRANTING}), _S.ATTACHED),
    "detach": (frozenset({_S.GRANTING, _S.ATTACHED}), _S.DETACHING),
    # A fence may be needed in the middle of anything in which a host may have the volume.
    "fence": (frozenset({_S.GRANTING, _S.ATTACHED, _S.DETACHING, _S.FENCING}), _S.FENCING),
    # From one host to another in one call, and back again when the one was not told yet (``handover.py``).
    "hand_over": (frozenset({_S.FREE, _S.GRANTING, _S.DETACHING, _S.FENCING}), _S.GRANTING),
    "keep": (frozenset({_S.DETACHING}), _S.GRANTING),
    "freed": (frozenset({_S.DETACHING, _S.FENCING}), _S.FREE),
    # Only what nobody holds. What was never granted after all is taken back by the same way (the undo of a creation).
    "trash": (frozenset({_S.CREATING, _S.FREE, _S.GRANTING, _S.DETACHING}), _S.TRASHED),
    "purged": (frozenset({_S.TRASHED}), _S.ABSENT),
}
#: Whoever shares a volume may join and leave while others have it.
SHARED = frozenset({_S.GRANTING, _S.ATTACHED, _S.DETACHING})


class SnapshotCause(models.TextChoices):
    """Why a snapshot was taken."""

    REGULAR = "regular", _("Regular")
    QUARANTINE = "quarantine", _("At the start of a quarantine")
    RESTORE = "restore", _("Before files were restored")
    MANUAL = "manual", _("By hand")


class SnapshotState(models.TextChoices):
    """``planned → ready → dropping``, and then its row is gone."""

    PLANNED = "planned", _("Being taken")
    READY = "ready", _("Ready")
    DROPPING = "dropping", _("Being deleted")
