"""Kinds and states of sites, domains and databases."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class SiteKind(models.TextChoices):
    STATIC = "static", _("Static files")
    PHP = "php", _("PHP")
    WORDPRESS = "wordpress", _("WordPress")


class SiteState(models.TextChoices):
    CREATING = "creating", _("Being created")
    ACTIVE = "active", _("Active")
    UPDATING = "updating", _("Being changed")
    MOVING = "moving", _("Being moved")  # to another web host; it goes on answering
    DISABLED = "disabled", _("Disabled")
    QUARANTINED = "quarantined", _("In quarantine")
    DELETING = "deleting", _("Being deleted")
    DELETED = "deleted", _("Deleted")  # data kept until purge_after
    PURGING = "purging", _("Being removed for good")
    FAILED = "failed", _("Failed")


class DomainKind(models.TextChoices):
    PRIMARY = "primary", _("Main name")
    ALIAS = "alias", _("Alias")
    REDIRECT = "redirect", _("Redirect to the main name")


class Importance(models.IntegerChoices):
    """Whose sites come first when many have to be moved or brought back."""

    LOW = 1, _("Low")
    NORMAL = 2, _("Normal")
    HIGH = 3, _("High")


class DatabaseEngine(models.TextChoices):
    MARIADB = "mariadb", "MariaDB"
    POSTGRESQL = "postgresql", "PostgreSQL"


class DatabaseState(models.TextChoices):
    CREATING = "creating", _("Being created")
    ACTIVE = "active", _("Active")
    UPDATING = "updating", _("Being changed")
    MOVING = "moving", _("Being moved")
    RESTORING = "restoring", _("Being restored")
    DELETING = "deleting", _("Being deleted")
    DELETED = "deleted", _("Deleted")  # its last dump is kept until purge_after
    PURGING = "purging", _("Being removed for good")
    FAILED = "failed", _("Failed")


class DatabaseAccess(models.TextChoices):
    OWNER = "owner", _("Everything")
    READ_ONLY = "read_only", _("Read only")
