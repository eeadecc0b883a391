from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import autodiscover_modules


class ControlPanelConfig(AppConfig):
    name = "controlpanel"

    def ready(self) -> None:
        from controlpanel import checks  # noqa: F401 (importing it registers the checks)
        from controlpanel.logs import configure

        configure(json=settings.LOG_JSON)
        autodiscover_modules("metrics")
