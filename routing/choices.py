"""What an edge does with a site's visitors."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Mode(models.TextChoices):
    NORMAL = "normal", _("Normal")
    DISABLED = "disabled", _("Disabled")
    MAINTENANCE = "maintenance", _("Maintenance")
    HOLD = "hold", _("Hold")
    QUARANTINE = "quarantine", _("Quarantine")


class ShieldLevel(models.TextChoices):
    """How a site is protected from its visitors; each level has all before it."""

    OFF = "off", _("Off")
    CACHE = "cache", _("Cache")
    LIMIT = "limit", _("Limit")
    CHALLENGE = "challenge", _("Challenge")


class HttpsPolicy(models.TextChoices):
    """What becomes of visitors that come over plain HTTP."""

    OFF = "off", _("Both HTTP and HTTPS")
    REDIRECT = "redirect", _("Always HTTPS")
    HSTS = "hsts", _("Always HTTPS, and browsers remember it (HSTS)")
