"""Roles and states of hosts."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    EDGE = "edge", _("Edge")
    WEB = "web", _("Web")
    STORAGE = "storage", _("Storage")
    DATABASE = "database", _("Database")
    MAIL = "mail", _("Mail")
    DIRECTORY = "directory", _("Directory")


class HostState(models.TextChoices):
    ACTIVE = "active", _("Active")
    DRAINING = "draining", _("Draining")  # takes no new work
    FENCED = "fenced", _("Fenced")  # can no longer write, and must not serve before it is readmitted
