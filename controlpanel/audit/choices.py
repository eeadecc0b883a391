"""What was done to a thing."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Verb(models.TextChoices):
    """The first three are written by triggers, whoever writes the row; the others by ``services.note``."""

    CREATED = "created", _("Created")
    CHANGED = "changed", _("Changed")
    DELETED = "deleted", _("Deleted")
    ASKED = "asked", _("Asked for")  # an operation was started
    STEERED = "steered", _("Stopped, retried or skipped")  # an operation
    LOGGED_IN = "logged_in", _("Logged in")
    LOGIN_FAILED = "login_failed", _("Could not log in")
    LOGGED_OUT = "logged_out", _("Logged out")
    SIGNED_OUT = "signed_out", _("Signed out everywhere")
    PASSWORD_SET = "password_set", _("Password changed")
    FIRST_USED = "first_used", _("Used for the first time")
    IMPERSONATED = "impersonated", _("Acted on somebody’s behalf")
    READ = "read", _("Read or downloaded")
    OPENED = "opened", _("Opened")
    PRUNED = "pruned", _("Old entries removed")


class Via(models.TextChoices):
    """The way by which it came."""

    WEB = "web", _("Browser")
    API = "api", _("REST API")
    OPERATION = "operation", _("Operation")
    COMMAND = "command", _("Command")
    CLOCK = "clock", _("By the clock")
