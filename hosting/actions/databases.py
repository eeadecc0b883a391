"""Steps on database hosts, in the ordinary life of a database."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import ApplyAction, Call, HostAction
from controlpanel.fleet.choices import HostState
from controlpanel.fleet.desired import Resource
from controlpanel.fleet.models import Host
from controlpanel.operations.errors import PassedOver, Refused, add_messages
from controlpanel.operations.models import Step
from controlpanel.operations.registry import register

from ..databases import desired
from ..models import Database, DatabaseDump
from .gates import load

add_messages(
    {
        "no_dump": _("The dump is not on %(host)s any more, so nothing can be restored from it."),
        "dump_failed": _("%(host)s could not dump the database. Nothing was dropped."),
    }
)

#: Seconds: dumps and restores of large databases.
LONG = 1700.0


class OnDatabaseHost(ApplyAction):
    """Args: ``{"database": id}``. The database as it should be on ``step.host``."""

    timeout = 100.0

    def resources(self, step: Step) -> Sequence[Resource]:
        host = Host.objects.get(name=step.host)
        return [desired.database_resource(load(step), host.pk)]

    def check(self, answer: dict[str, Any], host: str) -> dict[str, Any]:
        # Somebody else has told it of newer clients or a newer certificate meanwhile.
        items = [
            item
            for item in answer.get("items", [])
            if (item.get("kind"), item.get("code")) != ("database_server", "stale_revision")
        ]
        super().check({**answer, "items": items}, host)
        return answer


@register
class PutDatabase(OnDatabaseHost):
    """A new one, with its users. The server's own configuration goes along: the host may be new too."""

    name = "hosting.put_database"
    title = _("Create the database on %(host)s")
    undoable = True

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.server_resource(Host.objects.get(name=step.host)), *super().resources(step)]

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        Database.objects.filter(pk=step.args["database"]).update(placed=True)

    def submit_undo(self, step: Step) -> Any:
        return self._send(step, drop_call(load(step), force=True))  # nobody has been told of it yet

    def confirm_undo(self, step: Step, answer: dict[str, Any]) -> None:
        Database.objects.filter(pk=step.args["database"]).update(placed=False)


@register
class UpdateDatabase(OnDatabaseHost):
    """Users, passwords, limits and state, as they should be now."""

    name = "hosting.update_database"
    title = _("Change the database on %(host)s")


@register
class DumpDatabase(HostAction):
    """Args: ``{"database": id, "label": which dump it takes the place of}``. On the host that is to keep the dump."""

    name = "hosting.dump_database"
    title = _("Dump the database, to be kept on %(host)s")

    def request(self, step: Step) -> Call:
        database = load(step)
        args: dict[str, Any] = {"name": database.name, "engine": database.engine, "keep": step.args["label"]}
        if database.host is not None and database.host.name != step.host:
            args["source"] = {"name": database.host.name, "address": database.host.address}
        return Call("database.dump", args, timeout=LONG)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        DatabaseDump.objects.update_or_create(
            database_id=step.args["database"],
            label=step.args["label"],
            defaults={
                "host": Host.objects.get(name=step.host),
                "path": str(answer["path"])[:255],
                "size_bytes": int(answer["bytes"]),
                "sha256": str(answer["sha256"])[:64],
                "made": timezone.now(),
            },
        )


@register
class DropDatabase(HostAction):
    """Args: ``{"database": id}``. The database, its users and its resource off the host."""

    name = "hosting.drop_database"
    title = _("Remove the database from %(host)s")

    def request(self, step: Step) -> Call:
        return drop_call(load(step))

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        Database.objects.filter(pk=step.args["database"], host__name=step.host).update(placed=False)


@register
class RestoreDatabase(HostAction):
    """Args: ``{"database": id, "dump": id}``. Into the empty, locked database on the host that has the dump."""

    name = "hosting.restore_dump"
    title = _("Restore the dump on %(host)s")

    def request(self, step: Step) -> Call:
        database = load(step)
        dump = DatabaseDump.objects.filter(pk=step.args["dump"]).first()
        if dump is None:
            raise Refused("no_dump", {"host": step.host})
        args = {"name": database.name, "engine": database.engine, "dump": dump.label}
        return Call("database.restore", args, timeout=LONG)


@register
class DropHalfCopy(HostAction):
    """Args: ``{"database": id, "move": the move that was ended}``. What it has left is no whole database."""

    name = "hosting.drop_half_copy"
    title = _("Drop the half copy on %(host)s")

    def request(self, step: Step) -> Call:
        database = load(step)
        args = {"name": database.name, "engine": database.engine, "move": step.args["move"]}
        return Call("database.abort", args, timeout=60)


@register
class PutForRestore(OnDatabaseHost):
    """The empty database, locked, before its dump goes into it."""

    name = "hosting.put_for_restore"
    title = _("Prepare the database on %(host)s")

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.server_resource(Host.objects.get(name=step.host)), *super().resources(step)]


@register
class ServeRestored(OnDatabaseHost):
    """Let its users in, now that all is there."""

    name = "hosting.serve_restored"
    title = _("Open the restored database on %(host)s")

    def resources(self, step: Step) -> Sequence[Resource]:
        host, database = Host.objects.get(name=step.host), load(step)
        revision = database.revision if database.placed else database.revision + 1
        return [desired.database_resource(database, host.pk, revision=revision, state="serving")]

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        waiting = Database.objects.filter(pk=step.args["database"], placed=False)
        waiting.update(placed=True, revision=F("revision") + 1)


@register
class DropDump(HostAction):
    """Args: ``{"database": id, "dump": id, "label": its label}``."""

    name = "hosting.drop_dump"
    title = _("Remove a dump from %(host)s")

    def request(self, step: Step) -> Call:
        database = load(step)
        args = {"name": database.name, "engine": database.engine, "dump": step.args["label"]}
        return Call("database.drop_dump", args)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        DatabaseDump.objects.filter(pk=step.args["dump"]).delete()


def pass_over_fenced(step: Step) -> None:
    """Raises PassedOver for a host that is given up: it gets its whole state when it is readmitted."""
    if Host.objects.filter(name=step.host, state=HostState.FENCED).exists():
        raise PassedOver("host_fenced", {"host": step.host})


@register
class SyncDatabaseServer(OnDatabaseHost):
    """No args: the server's own configuration."""

    name = "hosting.sync_database_server"
    title = _("Tell %(host)s who may reach databases")

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.server_resource(Host.objects.get(name=step.host))]

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        pass_over_fenced(step)
        return super().submit(step)


def drop_call(database: Database, force: bool = False) -> Call:
    """Drop it. Without ``force`` the host refuses, unless it is an old copy or a dump of it is kept there."""
    args = {"name": database.name, "engine": database.engine, "force": force}
    return Call("database.drop", args, timeout=100.0)
