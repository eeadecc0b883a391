"""Databases whose host is lost: brought up on another host from the newest that is kept of them. Staff only."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import Host
from controlpanel.operations import services as operations
from controlpanel.operations.choices import UNFINISHED, StepState
from controlpanel.operations.errors import add_messages
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import plan_for
from controlpanel.operations.services import NotPossible

from .. import selectors
from ..choices import DatabaseState
from ..databases import intents
from ..databases.errors import DatabaseBusy, DatabaseDeleted, NoDumpKept
from ..errors import HostingError
from ..models import Database, DatabaseDump
from .database_care import BEFORE
from .database_moves import find_for_staff, staff_only

add_messages(
    {
        "database_host_died": _(
            "%(host)s died meanwhile. What is kept of the database elsewhere is brought up; then this can be repeated."
        ),
    }
)

MOVE, CREATION = "hosting.move_database", "hosting.create_database"
#: They end by themselves when the host is back, or need nobody's help: a deletion keeps what it has not dumped.
_LEFT_ALONE = ("hosting.delete_database", "hosting.recover_host", "hosting.readmit_host", "hosting.sync_databases")
_DONE = (StepState.SUCCEEDED, StepState.SKIPPED, StepState.UNDONE)


@dataclass(frozen=True)
class Kept:
    """What another host keeps of a database: a dump, or (``dump`` is None) the locked copy that a move has left."""

    host: Host
    #: What was written later is not in it.
    made: datetime
    dump: DatabaseDump | None = None


@dataclass
class Recovery:
    """What was begun for a lost host's databases."""

    started: list[Operation] = field(default_factory=list)
    #: Creations that begin again on another host.
    anew: list[Operation] = field(default_factory=list)
    #: Databases of which nothing is brought up, and why.
    left: list[tuple[Database, str]] = field(default_factory=list)


def newest_kept(database: Database) -> Kept | None:
    """The newest on a host that is there; None when there is none, so that all of the database waits for its host."""
    # What it was before somebody brought it back to an earlier dump is what nobody wants.
    there = DatabaseDump.objects.filter(database=database, host__reachable=True).exclude(label=BEFORE)
    there = there.exclude(host=database.host_id)
    dump = there.exclude(host__state=HostState.FENCED).select_related("host").order_by("-made").first()
    copy = _copy_of(database)
    if copy and (dump is None or copy.made > dump.made):
        return copy
    return Kept(dump.host, dump.made, dump) if dump else None


def _copy_of(database: Database) -> Kept | None:
    """What the host before the last move keeps, as of the moment in which that move closed it."""
    host = database.copy_host
    if host is None or not host.reachable or host.state == HostState.FENCED:
        return None
    closed = Step.objects.filter(
        action__in=("hosting.freeze_database", "hosting.copy_held"),
        state=StepState.SUCCEEDED,
        operation__kind=MOVE,
        operation__params__database=database.pk,
        operation__params__source=host.name,
        operation__params__host=database.host.name if database.host else "",
    )
    step = closed.exclude(finished=None).order_by("-finished").first()
    return Kept(host, step.finished) if step and step.finished else None


def recover_database(
    actor: "selectors.Actor",
    database: Database | int,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Database, Operation]:
    """Bring a database whose host is lost up from the newest that another host keeps of it, on that host.

    What was written since ``newest_kept(database).made`` is lost, unless the old host comes back: what it has is then
    locked and kept as a copy. Raises NoDumpKept when no other host has anything, PermissionDenied for who is not staff.
    """
    database = find_for_staff(actor, database)

    def make() -> Operation:
        return _recover(database, actor, idempotency_key, requested_from)

    operation = intents.once(actor, idempotency_key, "hosting.recover_database", make, database)
    return selectors.database_for(actor, database.pk), operation


def recover_database_host(actor: "selectors.Actor", host: Host, *, requested_from: str | None = None) -> Recovery:
    """Recover every database of a database host that is lost.

    What was under way and needs the host is ended first. The host should be fenced before: nobody can reach its
    databases then but by the gates, which lead to the new ones.
    """
    staff_only(actor)
    recovery = Recovery()
    copies = _end_what_waits_for(host, recovery)
    for database in Database.objects.filter(host=host, placed=True).select_related("order").order_by("pk"):
        try:
            with transaction.atomic():
                recovery.started.append(_recover(database, actor, "", requested_from, copies.get(database.pk)))
        except HostingError as error:
            recovery.left.append((database, error.text))
    return recovery


def _end_what_waits_for(host: Host, recovery: Recovery) -> dict[int, dict[str, str]]:
    """End the operations on databases that need the dead host.

    A move to it is taken back: its source serves. Of a move away from it, by database: the half copy that it has left.
    One that is too far to be taken back is left alone: it goes on without the source.
    """
    copies: dict[int, dict[str, str]] = {}
    needed = Step.objects.filter(host=host.name, operation__state__in=UNFINISHED).exclude(state__in=_DONE)
    waiting = Operation.objects.filter(pk__in=needed.values("operation"), params__has_key="database")
    for operation in waiting.exclude(kind__in=_LEFT_ALONE).order_by("pk"):
        params = operation.params
        if operation.kind == MOVE:
            if not plan_for(MOVE).may_turn_back(operation):
                continue
            if params["host"] == host.name:
                operations.cancel(operation)
                continue
            copies[params["database"]] = {"host": params["host"], "move": f"move{operation.pk}"}
        ended = operations.supersede(operation, {"code": "database_host_died", "params": {"host": host.name}})
        if ended and operation.kind == CREATION:
            try:
                with transaction.atomic():
                    recovery.anew.append(operations.retry(operation))
            except NotPossible as error:
                recovery.left.append((Database.objects.get(pk=params["database"]), str(error)))
    return copies


def _recover(
    database: Database,
    actor: "selectors.Actor",
    idempotency_key: str,
    requested_from: str | None,
    copy: dict[str, str] | None = None,
) -> Operation:
    """``copy``: where a move that was ended has left a half copy, and which move."""
    locked = intents.lock(database)
    if locked.state in (DatabaseState.DELETING, DatabaseState.DELETED, DatabaseState.PURGING):
        raise DatabaseDeleted
    if locked.state in (DatabaseState.RESTORING, DatabaseState.MOVING, DatabaseState.CREATING):
        raise DatabaseBusy
    kept = newest_kept(locked)
    if kept is None:
        raise NoDumpKept
    lost = locked.host
    # Kept without a limit: it may hold what the dump does not. Staff drop it.
    locked.copy_host, locked.copy_until = lost, None
    locked.host, locked.placed = kept.host, False
    locked.moving_to, locked.frozen = None, False
    fields = ("copy_host", "copy_until", "host", "placed", "moving_to", "frozen")
    intents.intend(locked, DatabaseState.RESTORING, *fields)
    params: dict[str, Any] = {"dump": kept.dump.pk if kept.dump else None, "half_copy": copy}
    return intents.start(
        "hosting.recover_database",
        locked,
        actor,
        idempotency_key,
        requested_from,
        made=kept.made.isoformat(timespec="seconds"),
        lost=str(lost),
        **params,
    )
