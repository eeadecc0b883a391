"""Operations on dumps of a database, as stages: made when asked or by the clock, and a database brought back to one."""

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import Params, Reserve, Stages, register
from controlpanel.operations.services import NotPossible

from ..actions.database_dumps import TakeRestored
from ..actions.databases import RestoreDatabase as Unpack
from ..actions.gates import gate_steps
from ..choices import DatabaseEngine, DatabaseState
from ..models import Database
from ..services.database_care import BEFORE, REGULAR, dump_host
from .databases import DatabasePlan, load, moment, on_host


def dump_stages(database: Database, label: str) -> Stages:
    """Dump it, on another host where there is one."""
    keeper = dump_host(database)
    dump = on_host("hosting.dump_database", database, keeper, label=label)
    if keeper == database.host or database.engine != DatabaseEngine.MARIADB:
        return [dump]
    # MariaDB grants by database: the other host may read this one only as long as it takes.
    return [
        on_host("hosting.publish_source", database, database.host),
        dump,
        on_host("hosting.forget_source", database, database.host),
    ]


@register
class DumpDatabase(DatabasePlan):
    """By the clock, or when somebody asks. It changes nothing, so it leaves the database's state alone."""

    kind = "hosting.dump_database"
    title = _("Dump the database %(name)s")

    def stages(self, params: Params) -> Stages:
        return dump_stages(load(params), params.get("label", REGULAR))

    def on_success(self, operation: Operation) -> None:
        pass

    on_failure = on_cancel = on_retry = on_success


@register
class ReturnToDump(DatabasePlan):
    """``{"database", "name", "revision", "dump": id, "made"}``, and when the dump lies on another host ``{"source",
    "host": names, "old_copy": the host of an earlier move's copy}``.

    On another host: unpacked there while it serves here; then it serves there, and what it was is kept here, locked.
    On its own: dumped as it is, then emptied and filled. Until that moment all can be taken back.
    """

    kind = "hosting.return_to_dump"
    title = _("Bring the database %(name)s back to what it was at %(made)s")
    undo_on_failure = True
    meanwhile = DatabaseState.RESTORING

    def describe(self, params: Params) -> str:
        return super().describe({**params, "made": moment(params)})

    def stages(self, params: Params) -> Stages:
        database, dump = load(params), params["dump"]
        if "host" not in params:
            return [
                *dump_stages(database, BEFORE),
                on_host("hosting.restore_dump", database, database.host, dump=dump),
            ]
        source, target = (Host.objects.get(name=params[key]) for key in ("source", "host"))
        return [
            on_host("hosting.drop_old_copy", database, Host.objects.filter(name=params["old_copy"]).first()),
            on_host("hosting.put_beside", database, target),
            on_host("hosting.restore_dump", database, target, dump=dump),
            on_host("hosting.take_restored", database, target),
            on_host("hosting.keep_copy", database, source),
            [*gate_steps("hosting.open_gate", database), *on_host("hosting.update_database", database, target)],
        ]

    def reservations(self, params: Params) -> list[Reserve]:
        # No resync of the two meanwhile: what it sends is as old as its reading of our rows.
        hosts = [Reserve(f"host:{params[key]}", exclusive=False) for key in ("source", "host") if key in params]
        return [*super().reservations(params), *hosts]

    def may_turn_back(self, operation: Operation) -> bool:
        last = TakeRestored.name if "host" in operation.params else Unpack.name
        return not operation.steps.filter(action=last, touched=True).exists()

    # Its revision rises in the middle, and nothing else begins meanwhile: its state says whose turn it is.

    def on_success(self, operation: Operation) -> None:
        self._rows(operation).update(state=DatabaseState.ACTIVE)

    def on_failure(self, operation: Operation) -> None:
        if self.may_turn_back(operation):
            self._rows(operation).update(state=DatabaseState.ACTIVE, moving_to=None)
        else:
            self._rows(operation).update(state=DatabaseState.FAILED)

    on_cancel = on_failure

    def on_retry(self, operation: Operation) -> None:
        rows = Database.objects.filter(pk=operation.params["database"])
        begun = not self.may_turn_back(operation)
        rows = rows.filter(state=DatabaseState.FAILED if begun else DatabaseState.ACTIVE, moving_to=None)
        target = None if begun else Host.objects.filter(name=operation.params.get("host")).first()
        if not begun:
            rows = rows.filter(revision=operation.params["revision"])
        if not rows.update(state=DatabaseState.RESTORING, moving_to=target):
            raise NotPossible(_("The database has been changed since then, so this is not repeated."))

    @staticmethod
    def _rows(operation: Operation) -> QuerySet[Database]:
        return Database.objects.filter(pk=operation.params["database"], state=DatabaseState.RESTORING)
