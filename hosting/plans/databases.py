"""Operations on databases, as stages. Pure functions of the database, so the same code previews and does the work.

All carry ``{"database": id, "name", "revision": the intent they carry out}``. A database's state follows the operation
of its newest revision only: an older one that ends late changes nothing.
"""

from datetime import timedelta
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import Params, Plan, PlannedStep, Reserve, Stages, register
from controlpanel.operations.services import NotPossible

from .. import actions as _actions  # noqa: F401 (registers them)
from ..actions.gates import gate_steps
from ..choices import DatabaseState
from ..databases import placement, servers
from ..databases.errors import NoDatabaseCapacity
from ..models import Database, DatabaseDump
from ..services.databases import LAST


class DatabasePlan(Plan):
    """What all of them share."""

    #: State of the database while the operation is under way.
    meanwhile: ClassVar[DatabaseState] = DatabaseState.UPDATING

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve(f"database:{params['database']}")]

    def on_success(self, operation: Operation) -> None:
        settle(operation, DatabaseState.ACTIVE)

    def on_failure(self, operation: Operation) -> None:
        settle(operation, DatabaseState.FAILED)

    def on_cancel(self, operation: Operation) -> None:
        settle(operation, DatabaseState.FAILED)

    def on_retry(self, operation: Operation) -> None:
        if not settle(operation, self.meanwhile):
            raise NotPossible(_("The database has been changed since then, so this is not repeated."))


def load(params: Params) -> Database:
    return Database.objects.select_related("host", "moving_to", "copy_host").get(pk=params["database"])


def settle(operation: Operation, state: DatabaseState, **fields: Any) -> bool:
    """Set the database's state, unless there is a newer intent; returns whether."""
    newest = Database.objects.filter(pk=operation.params["database"], revision=operation.params["revision"])
    return bool(newest.exclude(state=DatabaseState.DELETED).update(state=state, **fields))


def on_host(action: str, database: Database, host: Host | None, **args: Any) -> list[PlannedStep]:
    """One stage of one step on a database host; none when there is no host."""
    return [PlannedStep(action, host.name, {"database": database.pk, **args})] if host else []


def moment(params: Params) -> str:
    """Of when the dump is, for a title."""
    made = parse_datetime(params.get("made") or "")
    return date_format(made, "SHORT_DATETIME_FORMAT") + " UTC" if made else "–"


@register
class CreateDatabase(DatabasePlan):
    """On its server, then the ways to it. What fails is taken back: there is nothing in it yet."""

    kind = "hosting.create_database"
    title = _("Create the database %(name)s")
    undo_on_failure = True
    meanwhile = DatabaseState.CREATING

    def stages(self, params: Params) -> Stages:
        database = load(params)
        return [
            on_host("hosting.put_database", database, database.host),
            gate_steps("hosting.open_gate", database),
        ]

    def on_cancel(self, operation: Operation) -> None:
        settle(operation, DatabaseState.DELETED, purge_after=timezone.now(), host=None)

    def on_retry(self, operation: Operation) -> None:
        super().on_retry(operation)
        try:
            host = placement.choose_host()
        except NoDatabaseCapacity as error:
            raise NotPossible(str(error)) from error
        Database.objects.filter(pk=operation.params["database"], placed=False).update(host=host)


class UpdatePlan(DatabasePlan):
    """Its server only; the ways to it stay as they are."""

    def stages(self, params: Params) -> Stages:
        database = load(params)
        return [on_host("hosting.update_database", database, database.host)]


@register
class ChangeDatabase(UpdatePlan):
    kind = "hosting.change_database"
    title = _("Change the limits of the database %(name)s")


@register
class RotatePassword(UpdatePlan):
    kind = "hosting.rotate_database_password"
    title = _("New password for %(user)s")


@register
class AddUser(UpdatePlan):
    kind = "hosting.add_database_user"
    title = _("Add the user %(user)s to the database %(name)s")


@register
class RemoveUser(UpdatePlan):
    kind = "hosting.remove_database_user"
    title = _("Remove the user %(user)s from the database %(name)s")


@register
class StopWrites(UpdatePlan):
    kind = "hosting.stop_database_writes"
    title = _("Stop writing to the database %(name)s, because it is full")


@register
class ResumeWrites(UpdatePlan):
    kind = "hosting.resume_database_writes"
    title = _("Let the database %(name)s be written again: there is room")


@register
class DeleteDatabase(DatabasePlan):
    """The ways to it first, a last dump, then the database. Without a dump nothing is dropped."""

    kind = "hosting.delete_database"
    title = _("Delete the database %(name)s")
    meanwhile = DatabaseState.DELETING

    def stages(self, params: Params) -> Stages:
        database = load(params)
        copy = on_host("hosting.drop_database", database, database.copy_host)
        return [
            gate_steps("hosting.close_gate", database),
            on_host("hosting.dump_database", database, database.host, label=LAST) if database.placed else [],
            [*on_host("hosting.drop_database", database, database.host), *copy],
        ]

    def on_success(self, operation: Operation) -> None:
        observed = {"size_bytes": None, "open_connections": None, "full": False}
        gone = {"host": None, "placed": False, "copy_host": None, "copy_until": None, **observed}
        settle(operation, DatabaseState.DELETED, **gone)


@register
class RestoreDatabase(DatabasePlan):
    """On the host that has the dump: locked until all is there, then opened, then the ways to it."""

    kind = "hosting.restore_database"
    title = _("Restore the database %(name)s")
    meanwhile = DatabaseState.RESTORING

    def stages(self, params: Params) -> Stages:
        database = load(params)
        return [
            on_host("hosting.put_for_restore", database, database.host),
            on_host("hosting.restore_dump", database, database.host, dump=params["dump"]),
            on_host("hosting.serve_restored", database, database.host),
            gate_steps("hosting.open_gate", database),
        ]

    # Its revision rises in the middle, and nothing else begins meanwhile: its state says whose turn it is.

    def on_success(self, operation: Operation) -> None:
        self._end(operation, DatabaseState.ACTIVE)

    def on_failure(self, operation: Operation) -> None:
        self._end(operation, DatabaseState.FAILED)

    on_cancel = on_failure

    def on_retry(self, operation: Operation) -> None:
        again = Database.objects.filter(pk=operation.params["database"], state=DatabaseState.FAILED, placed=False)
        if not again.update(state=DatabaseState.RESTORING):
            super().on_retry(operation)

    @staticmethod
    def _end(operation: Operation, state: DatabaseState) -> None:
        rows = Database.objects.filter(pk=operation.params["database"], state=DatabaseState.RESTORING)
        rows.update(state=state)


@register
class RecoverDatabase(RestoreDatabase):
    """The same when the host of the database is lost, from the newest that is kept: a dump (its id), or a move's copy.

    ``{"dump", "made", "lost": host name, "half_copy": {"host", "move"} of a move that has ended in the middle}``. The
    ways lead away from the lost host before the database is opened: it is never reachable on two.
    """

    kind = "hosting.recover_database"
    steered_by_staff = True
    title = _("Bring the database %(name)s up as it was at %(made)s, because %(lost)s is lost")

    def describe(self, params: Params) -> str:
        return super().describe({**params, "made": moment(params)})

    def stages(self, params: Params) -> Stages:
        database = load(params)
        half = params.get("half_copy") or {}
        holder = Host.objects.filter(name=half.get("host")).first()
        prepare = on_host("hosting.put_for_restore", database, database.host) if params["dump"] else []
        fill = on_host("hosting.restore_dump", database, database.host, dump=params["dump"]) if params["dump"] else []
        return [
            on_host("hosting.drop_half_copy", database, holder, move=half.get("move")),
            [*gate_steps("hosting.open_gate", database), *prepare],
            fill,
            on_host("hosting.serve_restored", database, database.host),
        ]


@register
class PurgeDatabase(DatabasePlan):
    """The last of a deleted database: its dumps."""

    kind = "hosting.purge_database"
    title = _("Remove the deleted database %(name)s for good")
    meanwhile = DatabaseState.PURGING

    def stages(self, params: Params) -> Stages:
        dumps = DatabaseDump.objects.filter(database=params["database"]).select_related("host")
        args = {dump: {"database": dump.database_id, "dump": dump.pk, "label": dump.label} for dump in dumps}
        return [[PlannedStep("hosting.drop_dump", dump.host.name, args[dump]) for dump in dumps]] if dumps else []

    def on_success(self, operation: Operation) -> None:
        Database.objects.filter(pk=operation.params["database"], state=DatabaseState.PURGING).delete()

    def on_failure(self, operation: Operation) -> None:
        """Tried again tomorrow."""
        settle(operation, DatabaseState.DELETED, purge_after=timezone.now() + timedelta(days=1))

    on_cancel = on_failure


@register
class DropDatabaseCopy(DatabasePlan):
    """What the host before the last move still keeps. ``host`` is its name."""

    kind = "hosting.drop_database_copy"
    title = _("Remove the old copy of the database %(name)s from %(host)s")

    def stages(self, params: Params) -> Stages:
        database = load(params)
        return [on_host("hosting.drop_database", database, database.copy_host)]

    def on_success(self, operation: Operation) -> None:
        kept = Database.objects.filter(pk=operation.params["database"], copy_host__name=operation.params["host"])
        kept.update(copy_host=None, copy_until=None)

    def on_failure(self, operation: Operation) -> None:
        """Tried again in an hour."""
        kept = Database.objects.filter(pk=operation.params["database"], copy_until__isnull=False)
        kept.update(copy_until=timezone.now() + timedelta(hours=1))

    on_cancel = on_failure

    def on_retry(self, operation: Operation) -> None:
        pass


@register
class SyncDatabases(Plan):
    """``{"hosts": [database hosts], "gates": whether web hosts too}``."""

    kind = "hosting.sync_databases"
    title = _("Tell database servers and web hosts who there is")

    def stages(self, params: Params) -> Stages:
        hosts = [PlannedStep("hosting.sync_database_server", name) for name in params["hosts"]]
        gates = servers.gate_hosts() if params["gates"] else []
        return [[*hosts, *(PlannedStep("hosting.sync_gate", host.name) for host in gates)]]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve("hosting:databases")]
