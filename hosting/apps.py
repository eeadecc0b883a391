from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class HostingConfig(AppConfig):
    name = "hosting"
    verbose_name = _("Hosting")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import people  # noqa: F401  # tells members which orders there are
