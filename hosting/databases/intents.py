"""What every change of a database does around its own part: check, lock, write the intent, start the operation."""

from collections.abc import Callable

from controlpanel.operations import services as operations
from controlpanel.operations.locks import lock_resources
from controlpanel.operations.models import Operation
from members.models import Login

from .. import selectors
from ..choices import DatabaseState
from ..errors import HostingError, KeyReused, MemberClosed, raise_all
from ..intents import stored_key
from ..models import Database
from .errors import (
    DatabaseBusy,
    DatabaseDeleted,
    DatabaseDeleting,
    DatabaseNeverCreated,
    DatabaseStale,
    InvalidAmount,
)

#: Bytes: an empty database takes a few million, and one is not a whole host.
LEAST_QUOTA, MOST_QUOTA = 16 * 1024**2, 1024**4
LEAST_CONNECTIONS, MOST_CONNECTIONS = 1, 500

#: States in which something is under way that must end before anything else begins.
_BUSY = (DatabaseState.CREATING, DatabaseState.RESTORING, DatabaseState.MOVING)


def check_limits(quota_bytes: int | None, connections: int | None) -> None:
    """Raises what is wrong with the limits that are given, all at once."""
    problems: list[HostingError] = []
    if quota_bytes is not None and not LEAST_QUOTA <= quota_bytes <= MOST_QUOTA:
        problems.append(InvalidAmount("quota_bytes", low=LEAST_QUOTA, high=MOST_QUOTA))
    if connections is not None and not LEAST_CONNECTIONS <= connections <= MOST_CONNECTIONS:
        problems.append(InvalidAmount("connections", low=LEAST_CONNECTIONS, high=MOST_CONNECTIONS))
    raise_all(problems)


def check_changeable(database: Database, revision: int | None = None, *, even_suspended: bool = False) -> None:
    """Changes queue behind each other, but not behind what may end in nothing, or elsewhere.

    ``even_suspended``: staff move and remove it also while its member is switched off.
    """
    if database.state == DatabaseState.DELETING:
        raise DatabaseDeleting
    if database.state in (DatabaseState.DELETED, DatabaseState.PURGING):
        raise DatabaseDeleted
    if database.state in _BUSY:
        raise DatabaseBusy
    if not database.placed or database.host is None:
        raise DatabaseNeverCreated
    if database.suspended and not even_suspended:
        raise MemberClosed
    if revision is not None and revision != database.revision:
        raise DatabaseStale


def lock(database: Database) -> Database:
    """The database as it is now, with what an operation on it may reserve locked."""
    lock_resources([f"database:{database.pk}"])
    rows = Database.objects.select_related("order", "host", "moving_to", "copy_host").select_for_update(of=("self",))
    return rows.get(pk=database.pk)


def intend(database: Database, state: DatabaseState, *fields: str) -> None:
    """Save the intent under a new revision."""
    database.state = state
    database.revision += 1
    database.save(update_fields=["state", "revision", *fields])


def start(
    kind: str,
    database: Database,
    actor: "selectors.Actor" = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
    **params: object,
) -> Operation:
    return operations.start(
        kind,
        {"database": database.pk, "name": database.name, "revision": database.revision, **params},
        scopes=database.scopes,
        actor=actor if isinstance(actor, Login) else None,
        idempotency_key=stored_key(idempotency_key),
        requested_from=requested_from,
    )


def once(
    actor: "selectors.Actor",
    idempotency_key: str,
    kind: str,
    make: Callable[[], Operation],
    database: Database | None = None,
) -> Operation:
    """``make``'s operation, or what the same login made with the same key before. Raises KeyReused."""
    login = actor if isinstance(actor, Login) else None
    operation = operations.once(login, stored_key(idempotency_key), make)
    if operation.kind != kind or (database is not None and operation.params.get("database") != database.pk):
        raise KeyReused
    return operation
