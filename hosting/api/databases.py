"""``/api/v1/databases/``."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from controlpanel.api.schema import ASKS_A_HOST
from controlpanel.api.views import Collection, StaffMay
from controlpanel.operations.api.answers import WRITE_PARAMETERS, Outcome, carry_out, idempotency_key, wants_preview

from .. import previews, selectors, services
from ..databases.desired import GONE
from ..databases.downloads import download
from ..models import Database
from . import problems as _problems  # noqa: F401  # registers how hosting's errors are answered
from .database_serializers import (
    AcceptedDatabaseSerializer,
    AcceptedSecretSerializer,
    DatabaseChangesSerializer,
    DatabaseSerializer,
    DatabaseUserNameSerializer,
    DumpSerializer,
    MoveDatabaseSerializer,
    NewDatabaseSerializer,
    RestoreSerializer,
    RotateSerializer,
)
from .filters import DatabaseFilter
from .usage import DatabaseUsage


def accepts(summary: str, request: Any = None, answer: Any = AcceptedDatabaseSerializer, **more: Any) -> Any:
    """Schema of a write on a database."""
    parameters = [*WRITE_PARAMETERS, *more.pop("parameters", [])]
    return extend_schema(summary=summary, request=request, responses={202: answer}, parameters=parameters, **more)


@extend_schema_view(
    list=extend_schema(summary="Databases of orders that you administer"),
    retrieve=extend_schema(summary="One database"),
)
class DatabaseViewSet(DatabaseUsage, Collection):
    """Databases on hosts of their own. Every change is accepted at once and carried out by an operation."""

    serializer_class = DatabaseSerializer
    filterset_class = DatabaseFilter
    ordering_fields = ("id", "created", "state", "engine", "size_bytes")
    queryset = Database.objects.none()

    def rows(self) -> QuerySet[Database]:
        rows = selectors.databases_for(self.actor).select_related("host", "copy_host")
        return rows.prefetch_related("users", "dumps")

    @accepts("A new database", NewDatabaseSerializer, AcceptedSecretSerializer)
    def create(self, request: Request) -> Response:
        """The answer holds its owner's name and password, this once. Limits are the order's; staff may give others."""
        fields = self.fields_of(NewDatabaseSerializer)
        order, engine = fields.pop("order"), fields.pop("engine")
        return self._carry_out(lambda **common: services.create_database(self.actor, order, engine, **fields, **common))

    @accepts("Other limits (staff)", DatabaseChangesSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        database, fields = self.get_object(), self.fields_of(DatabaseChangesSerializer)
        return self._carry_out(lambda **common: services.change_database(self.actor, database, **fields, **common))

    @accepts("Delete a database; its last dump is kept for a while")
    def destroy(self, request: Request, pk: str) -> Response:
        """``purge_after`` says until when it can be restored."""
        database = self.get_object()
        return self._carry_out(lambda **common: services.delete_database(self.actor, database, **common))

    @accepts("Bring it back from a dump", RestoreSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """A deleted one from its last dump; one that serves to what it was at the dump that is named, or at its newest:
        what it has now is kept for a while."""
        database, dump = self.get_object(), self.fields_of(RestoreSerializer).get("dump")
        if dump is None and database.state in GONE:
            return self._carry_out(lambda **common: services.restore_database(self.actor, database, **common))
        return self._carry_out(lambda **common: services.return_to_dump(self.actor, database, dump, **common))

    @accepts("Dump it now")
    @action(detail=True, methods=["post"])
    def dump(self, request: Request, pk: str) -> Response:
        """Kept on another host, beside the regular ones, until the next that is asked for. ``dumped`` says when."""
        database = self.get_object()
        return self._carry_out(lambda **common: services.dump_database(self.actor, database, **common))

    @accepts("A new password for one of its users", RotateSerializer, AcceptedSecretSerializer)
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """The answer holds it, this once. Connections that are open stay so."""
        database, fields = self.get_object(), self.fields_of(RotateSerializer)
        user = fields.get("user", "")
        return self._carry_out(
            lambda **common: services.rotate_database_password(self.actor, database, user, **common), user
        )

    @accepts("A further user, who may only read", DatabaseUserNameSerializer, AcceptedSecretSerializer)
    @action(detail=True, methods=["post"])
    def users(self, request: Request, pk: str) -> Response:
        """The answer holds the user's full name and password, this once."""
        database, word = self.get_object(), self.fields_of(DatabaseUserNameSerializer)["name"]
        return self._carry_out(
            lambda **common: services.add_database_user(self.actor, database, word, **common),
            f"{database.name}_{word}",
        )

    @accepts("Take a further user away", parameters=[OpenApiParameter("user", str, OpenApiParameter.PATH)])
    @action(detail=True, methods=["delete"], url_path=r"users/(?P<user>[a-z0-9_]{1,40})")
    def remove_user(self, request: Request, pk: str, user: str) -> Response:
        database = self.get_object()
        return self._carry_out(lambda **common: services.remove_database_user(self.actor, database, user, **common))

    @extend_schema(summary="Its dumps, newest first", responses=DumpSerializer(many=True))
    @action(detail=True, methods=["get"], filterset_class=None, pagination_class=None)
    def dumps(self, request: Request, pk: str) -> Response:
        rows = self.get_object().dumps.select_related("host").order_by("-made")
        return Response(DumpSerializer(rows, many=True).data)

    @extend_schema(
        extensions=ASKS_A_HOST,
        summary="A dump, as a file",
        parameters=[OpenApiParameter("dump", int, OpenApiParameter.PATH)],
        responses={(200, "application/gzip"): OpenApiTypes.BINARY},
    )
    @action(detail=True, methods=["get"], url_path=r"dumps/(?P<dump>[0-9]{1,18})", filterset_class=None)
    def dump_file(self, request: Request, pk: str, dump: str) -> HttpResponseBase:
        """Compressed with gzip: SQL of MariaDB, what pg_restore reads of PostgreSQL."""
        return download(services.dump_for(self.actor, self.get_object(), int(dump)))

    # --- staff -----------------------------------------------------------------------------------------------

    @accepts("Move it to another database host while it serves (staff)", MoveDatabaseSerializer)
    @action(detail=True, methods=["post"], permission_classes=[StaffMay])
    def move(self, request: Request, pk: str) -> Response:
        """With ``?preview=1`` also what it means: how large, for how long connections will wait, who is affected, and
        what stands in the way of a copy that follows (``obstacles``: then it can only be moved ``held``)."""
        database, fields = self.get_object(), self.fields_of(MoveDatabaseSerializer)
        host, held = fields.get("host"), fields["held"]
        return self._carry_out(
            lambda **common: services.move_database(self.actor, database, host or None, held=held, **common),
            facts=lambda moved: previews.of_move(moved, held),
        )

    @accepts("Bring it up from its newest dump, because its host is lost (staff)")
    @action(detail=True, methods=["post"], permission_classes=[StaffMay])
    def recover(self, request: Request, pk: str) -> Response:
        """What was written since ``dumped`` is lost, unless the old host comes back."""
        database = self.get_object()
        return self._carry_out(
            lambda **common: services.recover_database(self.actor, database, **common), facts=previews.of_recovery
        )

    @accepts("Remove what the host before the last move still keeps (staff)")
    @action(detail=True, methods=["post"], permission_classes=[StaffMay], url_path="drop-copy")
    def drop_copy(self, request: Request, pk: str) -> Response:
        database = self.get_object()
        return self._carry_out(lambda **common: services.drop_database_copy(self.actor, database, **common))

    def _carry_out(
        self, service: Callable[..., Any], user: str | None = None, facts: Callable[[Database], Any] | None = None
    ) -> Response:
        common = {
            "idempotency_key": idempotency_key(self.request),
            "requested_from": self.request.META.get("REMOTE_ADDR"),
        }
        preview = wants_preview(self.request)

        def work() -> Outcome:
            database, operation, *secret = service(**common)
            read = self.rows().get(pk=database.pk)
            data = DatabaseSerializer(read, context=self.get_serializer_context()).data
            body = {**data, "database": data}
            if secret:
                # A preview's password is that of nothing.
                body |= {"user": user or database.name, "password": None if preview else secret[0] or None}
            if preview:
                body["steps"] = previews.steps_of(operation)
                body |= facts(read) if facts else {}
            return operation, body

        return carry_out(self.request, work)
