"""Every URL below /api/v1/. Like urls.py, it sees all apps."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from controlpanel.api.views import Nothing
from controlpanel.audit.api.views import AuditViewSet
from controlpanel.operations.api.views import OperationViewSet
from hosting.api.accesses import AccessViewSet
from hosting.api.certificates import CertificateViewSet
from hosting.api.databases import DatabaseViewSet
from hosting.api.hosts import HostViewSet
from hosting.api.parts import RouteViewSet, VolumeViewSet
from hosting.api.search import SearchView
from hosting.api.tokens import TokenViewSet
from hosting.api.views import DomainViewSet, OrderViewSet, SiteViewSet
from members.api.invitations import InvitationViewSet
from members.api.sessions import SessionViewSet
from members.api.views import LoginViewSet, MemberViewSet
from webhooks.api.views import WebhookViewSet

router = SimpleRouter()
router.register("members", MemberViewSet)
router.register("logins", LoginViewSet)
router.register("tokens", TokenViewSet)
router.register("accesses", AccessViewSet)
router.register("sessions", SessionViewSet)
router.register("invitations", InvitationViewSet)
router.register("orders", OrderViewSet)
router.register("sites", SiteViewSet)
router.register("domains", DomainViewSet)
router.register("certificates", CertificateViewSet)
router.register("databases", DatabaseViewSet)
router.register("volumes", VolumeViewSet)
router.register("routes", RouteViewSet)
router.register("hosts", HostViewSet)
router.register("operations", OperationViewSet)
router.register("audit", AuditViewSet)
router.register("webhooks", WebhookViewSet)

# Its script is a file of its own: there is none in the page.
docs = SpectacularSwaggerSplitView.as_view(url_name="api:schema", template_name="api/docs.html")

app_name = "api"
urlpatterns = [
    path("", include(router.urls)),
    path("search/", SearchView.as_view(), name="search"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", docs, name="docs"),
    re_path(r"^[\s\S]*$", Nothing.as_view()),
]
