"""Databases on other hosts: moved while they serve, or restored from a dump when their host is lost. Staff only."""

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from controlpanel.fleet.choices import HostState, Role
from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation

from .. import selectors
from ..choices import DatabaseState
from ..databases import intents, placement
from ..databases.errors import (
    AlreadyThere,
    CopyThere,
    DatabaseBusy,
    DatabaseDeleted,
    HostNotReady,
    NoCopy,
    NoDumpKept,
    NoRoom,
    NoSuchDatabaseHost,
    SourceAway,
)
from ..errors import HostingError
from ..models import Database, DatabaseDump


def move_database(
    actor: "selectors.Actor",
    database: Database | int,
    host: Host | str | None = None,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Database, Operation]:
    """Move it to another database host (by name, or the one that placement chooses), while it serves.

    Raises PermissionDenied for who is not staff, and what of ``databases.errors`` says why it cannot be moved there.
    """
    database = _find(actor, database)

    def make() -> Operation:
        locked = intents.lock(database)
        intents.check_changeable(locked, even_suspended=True)
        source = locked.host
        assert source is not None  # noqa: S101  # check_changeable has seen to it
        size = (locked.size_bytes or 0) + placement.EMPTY
        target = _target(host) if host else placement.choose_host(size, without=[source])
        if target == source:
            raise AlreadyThere("host", host=source.name)
        for one in (source, target):
            if one.state == HostState.FENCED or not one.reachable:
                raise (SourceAway if one == source else HostNotReady)("host", host=one.name)
        if target.state != HostState.ACTIVE:
            raise HostNotReady("host", host=target.name)
        if locked.copy_host_id == target.pk:
            raise CopyThere("host", host=target.name)
        if locked.copy_host_id is not None:
            raise CopyThere("host", host=str(locked.copy_host))
        if not placement.candidate(target).takes(size):
            raise NoRoom("host", host=target.name)
        locked.moving_to = target
        intents.intend(locked, DatabaseState.MOVING, "moving_to")
        params = {"source": source.name, "host": target.name}
        return intents.start("hosting.move_database", locked, actor, idempotency_key, requested_from, **params)

    operation = intents.once(actor, idempotency_key, "hosting.move_database", make, database)
    return selectors.database_for(actor, database.pk), operation


def drop_database_copy(
    actor: "selectors.Actor", database: Database | int, *, idempotency_key: str = "", requested_from: str | None = None
) -> tuple[Database, Operation]:
    """Drop what the host before the last move still keeps, before its time. Raises NoCopy."""
    database = _find(actor, database)
    operation = intents.once(
        actor,
        idempotency_key,
        "hosting.drop_database_copy",
        lambda: _drop_copy(database, actor, idempotency_key, requested_from),
        database,
    )
    return selectors.database_for(actor, database.pk), operation


def drop_database_copies_due() -> list[Operation]:
    """Start to drop every copy whose time is over. Called by the clock."""
    started = []
    due = Database.objects.filter(copy_until__lte=timezone.now(), copy_host__reachable=True, moving_to=None)
    due = due.filter(state=DatabaseState.ACTIVE).exclude(copy_host__state=HostState.FENCED)
    for database in due[:20]:
        with transaction.atomic():
            started.append(_drop_copy(database))
    return started


def _drop_copy(
    database: Database, actor: "selectors.Actor" = None, idempotency_key: str = "", requested_from: str | None = None
) -> Operation:
    locked = intents.lock(database)
    if locked.copy_host is None or locked.moving_to is not None or locked.state == DatabaseState.MOVING:
        raise NoCopy
    # The tombstone on that host must be newer than the copy.
    intents.intend(locked, DatabaseState(locked.state))
    return intents.start(
        "hosting.drop_database_copy", locked, actor, idempotency_key, requested_from, host=locked.copy_host.name
    )


# --- when the host is lost ---------------------------------------------------------------------------------------


def newest_dump(database: Database) -> DatabaseDump | None:
    """The newest dump on a host that is there; None when there is none, so that all of the database is lost."""
    dumps = database.dumps.exclude(host=database.host_id).filter(host__reachable=True)
    return dumps.exclude(host__state=HostState.FENCED).select_related("host").order_by("-made").first()


def recover_database(
    actor: "selectors.Actor",
    database: Database | int,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Database, Operation]:
    """Bring a database whose host is lost up from its newest dump, on the host that has the dump.

    What was written since ``newest_dump(database).made`` is lost, unless the old host comes back: what it has is then
    locked and kept as a copy. Raises NoDumpKept when no other host has a dump, PermissionDenied for who is not staff.
    """
    database = _find(actor, database)

    def make() -> Operation:
        return _recover(database, actor, idempotency_key, requested_from)

    operation = intents.once(actor, idempotency_key, "hosting.recover_database", make, database)
    return selectors.database_for(actor, database.pk), operation


def recover_database_host(
    actor: "selectors.Actor", host: Host, *, requested_from: str | None = None
) -> tuple[list[Operation], list[tuple[Database, str]]]:
    """Recover every database of a database host that is lost; the second are those that cannot be, and why.

    The host should be fenced before: nobody can reach its databases then but by the gates, which lead to the new ones.
    """
    _staff_only(actor)
    started, left = [], []
    for database in Database.objects.filter(host=host, placed=True).select_related("order").order_by("pk"):
        try:
            with transaction.atomic():
                started.append(_recover(database, actor, "", requested_from))
        except HostingError as error:
            left.append((database, error.text))
    return started, left


def _recover(
    database: Database, actor: "selectors.Actor", idempotency_key: str, requested_from: str | None
) -> Operation:
    locked = intents.lock(database)
    if locked.state in (DatabaseState.DELETING, DatabaseState.DELETED, DatabaseState.PURGING):
        raise DatabaseDeleted
    if locked.state in (DatabaseState.RESTORING, DatabaseState.MOVING, DatabaseState.CREATING):
        raise DatabaseBusy
    dump = newest_dump(locked)
    if dump is None:
        raise NoDumpKept
    lost = locked.host
    # Kept without a limit: it may hold what the dump does not. Staff drop it.
    locked.copy_host, locked.copy_until = lost, None
    locked.host, locked.placed = dump.host, False
    intents.intend(locked, DatabaseState.RESTORING, "copy_host", "copy_until", "host", "placed")
    return intents.start(
        "hosting.recover_database",
        locked,
        actor,
        idempotency_key,
        requested_from,
        dump=dump.pk,
        made=dump.made.isoformat(timespec="seconds"),
        lost=str(lost),
    )


def _target(host: Host | str) -> Host:
    named = Q(pk=host.pk) if isinstance(host, Host) else Q(name=host)
    found = Host.objects.filter(named, roles__contains=[Role.DATABASE.value]).first()
    if found is None:
        raise NoSuchDatabaseHost("host")
    return found


def _find(actor: "selectors.Actor", database: Database | int) -> Database:
    found = selectors.database_for(actor, database if isinstance(database, int) else database.pk)
    _staff_only(actor)
    return found


def _staff_only(actor: "selectors.Actor") -> None:
    if not getattr(actor, "is_staff", False):
        raise PermissionDenied
