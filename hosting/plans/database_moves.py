"""A database's move to another host, while it serves."""

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import Params, Reserve, Stages, register
from controlpanel.operations.services import NotPossible

from ..actions.database_switch import Open
from ..choices import DatabaseState
from ..models import Database
from .databases import DatabasePlan, load, on_host


@register
class MoveDatabase(DatabasePlan):
    """``{"database", "name", "revision", "source": host name, "host": host name}``.

    1. While all goes on: a locked copy on the target, which follows the source.
    2. For a moment new connections wait at the gates of all web hosts: the source is closed, the copy takes on the last
       of it, and is opened. Connections go on, to the target.
    3. What came is compared with what was there before, as of that moment; the old copy is kept, locked, for a while.

    With ``"held": true``, for what no copy can follow, 1 and 2 are one: new connections wait while all of it is copied
    and compared.

    Until the target is opened all can be taken back, and then the source serves as before; afterwards it only goes on.
    """

    kind = "hosting.move_database"
    title = _("Move the database %(name)s to %(host)s")
    undo_on_failure = True
    steered_by_staff = True
    meanwhile = DatabaseState.MOVING

    def stages(self, params: Params) -> Stages:
        database = load(params)
        source = Host.objects.get(name=params["source"])
        target, held = database.moving_to, params.get("held")
        return [
            on_host("hosting.precheck_move", database, source),
            on_host("hosting.put_copy", database, target),
            on_host("hosting.publish_source", database, source),
            *(self._held(database, source, target) if held else self._followed(database, source, target)),
            on_host("hosting.open_database", database, target, source=source.name),
            [
                *on_host("hosting.keep_copy", database, source),
                *on_host("hosting.update_database", database, target),
            ],
            [] if held else on_host("hosting.compare_databases", database, target, source=source.name),
            on_host("hosting.forget_source", database, source),
        ]

    @staticmethod
    def _followed(database: Database, source: Host, target: Host | None) -> Stages:
        return [
            on_host("hosting.seed_copy", database, target),
            on_host("hosting.follow_source", database, target),
            on_host("hosting.ready_copy", database, target),
            on_host("hosting.near_source", database, target),
            on_host("hosting.freeze_database", database, target, source=source.name),
        ]

    @staticmethod
    def _held(database: Database, source: Host, target: Host | None) -> Stages:
        return [
            on_host("hosting.copy_held", database, target, source=source.name),
            on_host("hosting.ready_copy", database, target),
        ]

    def reservations(self, params: Params) -> list[Reserve]:
        # No resync of the two meanwhile: what it sends is as old as its reading of our rows.
        hosts = [Reserve(f"host:{params[key]}", exclusive=False) for key in ("source", "host")]
        return [*super().reservations(params), *hosts]

    def may_turn_back(self, operation: Operation) -> bool:
        return not operation.steps.filter(action=Open.name, touched=True).exists()

    # Its revision rises in the middle, and nothing else begins meanwhile: its state says whose turn it is.

    def on_success(self, operation: Operation) -> None:
        self._end(operation)

    def on_failure(self, operation: Operation) -> None:
        self._end(operation)

    on_cancel = on_failure

    def on_retry(self, operation: Operation) -> None:
        rows = Database.objects.filter(pk=operation.params["database"], state=DatabaseState.ACTIVE)
        if not self.may_turn_back(operation):  # it has begun to serve on the target: what is left is done
            rows.update(state=DatabaseState.MOVING)
            return
        target = Host.objects.filter(name=operation.params["host"]).first()
        rows = rows.filter(host__name=operation.params["source"], copy_host=None, moving_to=None)
        if target is None or not rows.update(state=DatabaseState.MOVING, moving_to=target):
            raise NotPossible(_("The database has been changed since then, so this is not repeated."))

    def _end(self, operation: Operation) -> None:
        """Wherever it is now, it serves there. Unless it is closed still, which only a retry can mend."""
        rows = Database.objects.filter(pk=operation.params["database"], state=DatabaseState.MOVING)
        rows.filter(frozen=True).update(state=DatabaseState.FAILED)
        turned_back = self.may_turn_back(operation)
        rows.filter(frozen=False).update(state=DatabaseState.ACTIVE, **({"moving_to": None} if turned_back else {}))
