from django.apps import AppConfig


class HostingConfig(AppConfig):
    name = "hosting"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import people  # noqa: F401  # tells members which orders there are
