from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class OperationsConfig(AppConfig):
    name = "controlpanel.operations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let every app's ``plans.py`` and ``duties.py`` register what they hold."""
        autodiscover_modules("plans", "duties")
