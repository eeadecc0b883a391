from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class OperationsConfig(AppConfig):
    name = "controlpanel.operations"
    verbose_name = _("Operations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let every app's ``plans.py`` and ``duties.py`` register what they hold."""
        autodiscover_modules("plans", "duties")
