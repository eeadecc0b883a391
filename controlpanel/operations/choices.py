"""States of operations and steps, each with its label and the colour class that pages use."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class OperationState(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    WAITING = "waiting", _("Waiting")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


#: Ended for good (a failed operation may be retried, which queues it again).
FINISHED = (OperationState.SUCCEEDED, OperationState.FAILED, OperationState.CANCELLED)
UNFINISHED = (OperationState.QUEUED, OperationState.RUNNING, OperationState.WAITING)


class StepState(models.TextChoices):
    PLANNED = "planned", _("Planned")
    RUNNING = "running", _("Running")
    WAITING = "waiting", _("Waiting")
    SUCCEEDED = "succeeded", _("Done")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")
    UNDONE = "undone", _("Undone")


COLOURS = {
    "queued": "neutral",
    "planned": "neutral",
    "running": "active",
    "waiting": "warning",
    "succeeded": "good",
    "failed": "bad",
    "cancelled": "neutral",
    "skipped": "warning",
    "undone": "neutral",
}
