"""Dumps of a database that serves: made when somebody asks, and what it was at one of them brought back."""

from controlpanel.fleet.choices import HostState
from controlpanel.operations.models import Operation

from .. import selectors
from ..choices import DatabaseState
from ..databases import intents, placement
from ..databases.errors import DumpAway, NoDumpKept, NoRoom, NoSuchDump
from ..models import Database, DatabaseDump
from .database_care import ASKED


def dump_database(
    actor: "selectors.Actor",
    database: Database | int,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Database, Operation]:
    """Make a dump now, beside the one that the clock makes; it takes the place of the last one that was asked for.

    Raises what ``intents.check_changeable`` says.
    """
    database = selectors.database_for(actor, database if isinstance(database, int) else database.pk)

    def make() -> Operation:
        locked = intents.lock(database)
        intents.check_changeable(locked)
        return intents.start("hosting.dump_database", locked, actor, idempotency_key, requested_from, label=ASKED)

    operation = intents.once(actor, idempotency_key, "hosting.dump_database", make, database)
    return selectors.database_for(actor, database.pk), operation


def return_to_dump(
    actor: "selectors.Actor",
    database: Database | int,
    dump: DatabaseDump | int | None = None,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Database, Operation]:
    """Bring a database that serves back to what it was at a dump (the newest when none is given).

    It goes on serving while the dump is unpacked beside it. What it has now is kept for DATABASE_COPY_HOURS: as a
    locked copy on the host that it leaves, or, where the dump lies on its own host, as a dump. Raises NoSuchDump,
    NoDumpKept, DumpAway, NoRoom, and what ``intents.check_changeable`` says.
    """
    database = selectors.database_for(actor, database if isinstance(database, int) else database.pk)

    def make() -> Operation:
        locked = intents.lock(database)
        intents.check_changeable(locked)
        wanted = _dump_of(locked, dump)
        params: dict[str, object] = {"dump": wanted.pk, "made": wanted.made.isoformat(timespec="seconds")}
        source = locked.host
        assert source is not None  # noqa: S101  # check_changeable has seen to it
        if wanted.host_id == source.pk:
            intents.intend(locked, DatabaseState.RESTORING)
        else:
            if not placement.candidate(wanted.host).takes((locked.size_bytes or 0) + placement.EMPTY):
                raise NoRoom("dump", host=wanted.host.name)
            # Another old copy than that on the dump's host, over which it is unpacked, would be forgotten.
            other = locked.copy_host if locked.copy_host_id not in (None, wanted.host_id) else None
            params |= {"source": source.name, "host": wanted.host.name, "old_copy": other.name if other else ""}
            locked.moving_to = wanted.host
            intents.intend(locked, DatabaseState.RESTORING, "moving_to")
        return intents.start("hosting.return_to_dump", locked, actor, idempotency_key, requested_from, **params)

    operation = intents.once(actor, idempotency_key, "hosting.return_to_dump", make, database)
    return selectors.database_for(actor, database.pk), operation


def dump_for(actor: "selectors.Actor", database: Database | int, dump: int) -> DatabaseDump:
    """A dump of a database that whoever asks may see. Raises Database.DoesNotExist, NoSuchDump."""
    database = selectors.database_for(actor, database if isinstance(database, int) else database.pk)
    return _dump_of(database, dump)


def _dump_of(database: Database, dump: DatabaseDump | int | None) -> DatabaseDump:
    rows = database.dumps.select_related("host", "database").order_by("-made")
    if dump is None:
        found = rows.first()
        if found is None:
            raise NoDumpKept
    else:
        found = rows.filter(pk=dump if isinstance(dump, int) else dump.pk).first()
        if found is None:
            raise NoSuchDump("dump")
    if not found.host.reachable or found.host.state == HostState.FENCED:
        raise DumpAway("dump")
    return found
