from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "controlpanel.audit"
    verbose_name = _("The record")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Learn from every app's ``trails.py`` what is audited, and let every connection say who is at work."""
        from . import context

        autodiscover_modules("trails")
        connection_created.connect(context.attach, dispatch_uid="audit.context")
        post_migrate.connect(_install, sender=self, dispatch_uid="audit.install")


def _install(using: str, **kwargs: Any) -> None:
    """After ``migrate`` (and not after a test's flush, which has no plan) the triggers are those of today's models."""
    from . import triggers

    if "plan" in kwargs:
        triggers.install(using)
