from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class FleetConfig(AppConfig):
    name = "controlpanel.fleet"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let every app's ``desired.py`` say what hosts should hold."""
        autodiscover_modules("desired")
