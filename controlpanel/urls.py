"""Every URL of the panel."""

from django.contrib import admin
from django.urls import include, path

from . import health, views
from .metrics import metrics

urlpatterns = [
    path("", views.home, name="home"),
    path("", include("members.urls")),
    path("", include("hosting.urls")),
    path("history/", include("controlpanel.audit.urls")),
    path("operations/", include("controlpanel.operations.urls")),
    path("webhooks/", include("webhooks.urls")),
    path("api/v1/", include("controlpanel.api_urls")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics),
    # The admin's own language menu; the pages' is members.views.account.language, which remembers it with the login.
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]

handler400 = "controlpanel.views.bad_request"
handler403 = "controlpanel.views.permission_denied"
handler404 = "controlpanel.views.page_not_found"
handler500 = "controlpanel.views.server_error"
