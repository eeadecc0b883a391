"""``/api/v1/sessions/``: browsers in which one is logged in."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers

from controlpanel.api.views import Collection

from .. import devices, selectors, sessions
from ..models import LoginSession


class SessionSerializer(serializers.ModelSerializer[LoginSession]):
    """A browser in which one is logged in. Never its key."""

    device = serializers.SerializerMethodField(help_text="What the browser calls itself, in plain words.")
    current = serializers.SerializerMethodField(help_text="It is the one that asks.")

    class Meta:
        model = LoginSession
        fields = ("id", "device", "address", "created", "last_seen", "current")
        read_only_fields = fields

    def get_device(self, row: LoginSession) -> str:
        return devices.in_words(row.user_agent)

    def get_current(self, row: LoginSession) -> bool:
        request = self.context["request"]
        by_session = request.successful_authenticator is not None and request.auth is None
        return bool(by_session and request.session.get(sessions.ROW) == row.pk)


@extend_schema_view(
    list=extend_schema(summary="Your sessions, the one seen last first"),
    retrieve=extend_schema(summary="One session"),
    destroy=extend_schema(summary="Sign a session out, from its next request on"),
)
class SessionViewSet(mixins.DestroyModelMixin, Collection):
    """Your own only, whoever you are."""

    serializer_class = SessionSerializer
    ordering_fields = ("id", "created", "last_seen")
    ordering = ("-last_seen",)
    queryset = LoginSession.objects.none()

    def rows(self) -> QuerySet[LoginSession]:
        return selectors.sessions_for(self.actor)

    def perform_destroy(self, row: LoginSession) -> None:
        sessions.end(row)
