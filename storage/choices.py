"""States of volumes and of their attachments to hosts."""

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
