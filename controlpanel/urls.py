"""Every URL of the panel."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from . import health, views


def _built(prefix: str, module: str) -> list[URLPattern | URLResolver]:
    """The URLs of a room, once it is built."""
    return [path(prefix, include(module))] if find_spec(module) else []


urlpatterns = [
    path("", views.home, name="home"),
    *_built("", "members.urls"),
    *_built("", "hosting.urls"),
    *_built("operations/", "controlpanel.operations.urls"),
    *_built("api/v1/", "controlpanel.api_urls"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]

handler400 = "controlpanel.views.bad_request"
handler403 = "controlpanel.views.permission_denied"
handler404 = "controlpanel.views.page_not_found"
handler500 = "controlpanel.views.server_error"
