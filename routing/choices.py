"""What an edge does with a site's visitors."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Mode(models.TextChoices):
    NORMAL = "normal", _("Normal")
    DISABLED = "disabled", _("Disabled")
    MAINTENANCE = "maintenance", _("Maintenance")
    SHIELD = "shield", _("Shield")
    HOLD = "hold", _("Hold")
    QUARANTINE = "quarantine", _("Quarantine")
