"""Databases moved to other hosts while they serve. Staff only. (``database_recovery``: when their host is lost.)"""

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
    HostNotReady,
    NoCopy,
    NoRoom,
    NoSuchDatabaseHost,
    SourceAway,
    TooLargeToHold,
)
from ..models import Database


def move_database(
    actor: "selectors.Actor",
    database: Database | int,
    host: Host | str | None = None,
    *,
    held: bool = False,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Database, Operation]:
    """Move it to another database host (by name, or the one that placement chooses), while it serves.

    ``held``: its connections wait while all of it is copied, for what no copy can follow (tables that are not
    transactional, unlogged tables, large objects). Raises PermissionDenied for who is not staff, and what of
    ``databases.errors`` says why it cannot be moved there.
    """
    database = find_for_staff(actor, database)

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
        if held and placement.copy_seconds(locked) > placement.LONGEST_HOLD:
            raise TooLargeToHold("held", minutes=placement.LONGEST_HOLD // 60)
        params = {"source": source.name, "host": target.name, "held": held}
        return intents.start("hosting.move_database", locked, actor, idempotency_key, requested_from, **params)

    operation = intents.once(actor, idempotency_key, "hosting.move_database", make, database)
    return selectors.database_for(actor, database.pk), operation


def drop_database_copy(
    actor: "selectors.Actor", database: Database | int, *, idempotency_key: str = "", requested_from: str | None = None
) -> tuple[Database, Operation]:
    """Drop what the host before the last move still keeps, before its time. Raises NoCopy."""
    database = find_for_staff(actor, database)
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


def _target(host: Host | str) -> Host:
    named = Q(pk=host.pk) if isinstance(host, Host) else Q(name=host)
    found = Host.objects.filter(named, roles__contains=[Role.DATABASE.value]).first()
    if found is None:
        raise NoSuchDatabaseHost("host")
    return found


def find_for_staff(actor: "selectors.Actor", database: Database | int) -> Database:
    """The database, when whoever asks is staff. Raises Database.DoesNotExist, PermissionDenied."""
    found = selectors.database_for(actor, database if isinstance(database, int) else database.pk)
    staff_only(actor)
    return found


def staff_only(actor: "selectors.Actor") -> None:
    """Raises PermissionDenied for everybody else."""
    if not getattr(actor, "is_staff", False):
        raise PermissionDenied
