from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class FleetConfig(AppConfig):
    name = "controlpanel.fleet"
    verbose_name = _("Hosts")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let every app's ``desired.py`` say what hosts should hold."""
        autodiscover_modules("desired")
