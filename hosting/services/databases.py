"""Changes of databases: each is one transaction that checks, writes what should be, and starts the operation.

Nothing here waits for a host. Who may not see an order or a database gets its ``DoesNotExist``; what a member does
wrong raises a ``HostingError``. Passwords are made here, handed back once, and stored nowhere.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from controlpanel.operations.models import Operation

from .. import selectors, suspension
from ..choices import DatabaseAccess, DatabaseEngine, DatabaseState
from ..databases import intents, placement, verifiers
from ..databases.errors import (
    DatabaseBusy,
    DatabaseDeleted,
    DatabaseDeleting,
    DatabaseNotDeleted,
    DatabasesFull,
    InvalidEngine,
    NoDumpKept,
    WrongSite,
)
from ..models import Database, DatabaseUser, HostingOrder, Site
from ..models.databases import address_of

#: The dump that a deletion makes.
LAST = "last"
Result = tuple[Database, Operation]


def create_database(
    actor: "selectors.Actor",
    order: HostingOrder | int,
    engine: str,
    *,
    site: Site | int | None = None,
    quota_bytes: int | None = None,
    connections: int | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Database, Operation, str]:
    """A new database of an order with its owner, on the host that placement chooses; the third is its password.

    ``quota_bytes`` and ``connections`` are the order's unless staff say otherwise. The same key from the same login
    gives the database and the operation of the first time, but no password: that was shown then ("" now). Raises
    HostingOrder.DoesNotExist, Site.DoesNotExist and HostingError.
    """
    order = selectors.order_for(actor, order if isinstance(order, int) else order.pk)
    if engine not in DatabaseEngine.values:
        raise InvalidEngine("engine")
    if site is not None:
        site = selectors.site_for(actor, site if isinstance(site, int) else site.pk)
        if site.order_id != order.pk:
            raise WrongSite("site")
    if not getattr(actor, "is_staff", False):
        quota_bytes = connections = None
    intents.check_limits(quota_bytes, connections)
    password = ""

    def make() -> Operation:
        nonlocal password
        # One creation at a time in an order: for its limit, and so that each sees where the one before was placed.
        locked = HostingOrder.objects.select_for_update().get(pk=order.pk)
        database, password = add_database(locked, engine, site, quota_bytes=quota_bytes, connections=connections)
        return intents.start("hosting.create_database", database, actor, idempotency_key, requested_from)

    operation = intents.once(actor, idempotency_key, "hosting.create_database", make)
    database = Database.objects.select_related("order", "host").get(pk=operation.params["database"])
    return database, operation, password


def add_database(
    locked: HostingOrder,
    engine: str,
    site: Site | None,
    *,
    quota_bytes: int | None = None,
    connections: int | None = None,
) -> tuple[Database, str]:
    """The rows of a new database with its owner, and its password. The caller has locked the order, and starts the
    operation. Raises DatabasesFull and NoDatabaseCapacity."""
    suspension.check_open(locked)
    _check_room(locked)
    database = Database.objects.create(
        order=locked,
        site=site,
        engine=engine,
        host=placement.choose_host(),
        quota_bytes=quota_bytes or locked.database_size_bytes,
        **({"connections": connections} if connections else {}),
    )
    database.address = address_of(database.pk)
    database.save(update_fields=["address"])
    password = verifiers.new_password()
    DatabaseUser.objects.create(database=database, name=database.name, verifier=verifiers.verifier_of(engine, password))
    return database, password


def change_database(
    actor: "selectors.Actor",
    database: Database | int,
    *,
    quota_bytes: int | None = None,
    connections: int | None = None,
    revision: int | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> Result:
    """Other limits, what is given. For staff: a larger quota is the order's affair."""
    database = _find(actor, database)
    intents.check_limits(quota_bytes, connections)

    def make() -> Operation:
        locked = intents.lock(database)
        intents.check_changeable(locked, revision)
        locked.quota_bytes = quota_bytes or locked.quota_bytes
        locked.connections = connections or locked.connections
        locked.full = locked.size_bytes is not None and locked.size_bytes >= locked.quota_bytes
        intents.intend(locked, DatabaseState.UPDATING, "quota_bytes", "connections", "full")
        return intents.start("hosting.change_database", locked, actor, idempotency_key, requested_from)

    return _changed(actor, database, "hosting.change_database", idempotency_key, make)


def delete_database(
    actor: "selectors.Actor",
    database: Database | int,
    *,
    revision: int | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> Result:
    """Dump it a last time, and drop it. The dump is kept for DATABASE_GRACE_DAYS."""
    database = _find(actor, database)

    def make() -> Operation:
        return _delete(intents.lock(database), actor, revision, idempotency_key, requested_from)

    return _changed(actor, database, "hosting.delete_database", idempotency_key, make)


@transaction.atomic
def delete_by_clock(database: Database) -> Operation:
    """The same, for a database of a member who left: nobody asked for it but the days."""
    return _delete(intents.lock(database))


def _delete(
    locked: Database,
    actor: "selectors.Actor" = None,
    revision: int | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> Operation:
    if locked.state == DatabaseState.DELETING:
        raise DatabaseDeleting
    if locked.state in (DatabaseState.DELETED, DatabaseState.PURGING):
        raise DatabaseDeleted
    if locked.state in (DatabaseState.CREATING, DatabaseState.MOVING, DatabaseState.RESTORING):
        raise DatabaseBusy
    if locked.placed:
        intents.check_changeable(locked, revision, even_suspended=True)
    locked.purge_after = timezone.now() + timedelta(days=settings.DATABASE_GRACE_DAYS if locked.placed else 0)
    intents.intend(locked, DatabaseState.DELETING, "purge_after")
    return intents.start("hosting.delete_database", locked, actor, idempotency_key, requested_from)


def restore_database(
    actor: "selectors.Actor",
    database: Database | int,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> Result:
    """Bring a deleted database back from its last dump, under the same name, with the same users and passwords."""
    database = _find(actor, database)

    def make() -> Operation:
        order = HostingOrder.objects.select_for_update().get(pk=database.order_id)
        suspension.check_open(order)
        locked = intents.lock(database)
        if locked.state != DatabaseState.DELETED:
            raise DatabaseNotDeleted
        dump = locked.dumps.filter(label=LAST).select_related("host").first()
        if not locked.restorable or dump is None:
            raise NoDumpKept
        _check_room(order)
        locked.host, locked.purge_after = dump.host, None
        intents.intend(locked, DatabaseState.RESTORING, "host", "purge_after")
        return intents.start("hosting.restore_database", locked, actor, idempotency_key, requested_from, dump=dump.pk)

    return _changed(actor, database, "hosting.restore_database", idempotency_key, make)


def purge_databases_due() -> list[Operation]:
    """Start to forget every deleted database whose grace period is over. Called by the clock."""
    started = []
    due = Database.objects.filter(state=DatabaseState.DELETED, purge_after__lte=timezone.now())
    for database in due.select_related("order")[:50]:
        with transaction.atomic():
            locked = intents.lock(database)
            if locked.state != DatabaseState.DELETED or locked.restorable:
                continue
            intents.intend(locked, DatabaseState.PURGING)
            started.append(intents.start("hosting.purge_database", locked))
    return started


def _check_room(order: HostingOrder) -> None:
    if order.databases.exclude(state__in=(DatabaseState.DELETED, DatabaseState.PURGING)).count() >= order.max_databases:
        raise DatabasesFull(limit=order.max_databases)


def _find(actor: "selectors.Actor", database: Database | int) -> Database:
    return selectors.database_for(actor, database if isinstance(database, int) else database.pk)


def _changed(actor: "selectors.Actor", database: Database, kind: str, idempotency_key: str, make: object) -> Result:
    operation = intents.once(actor, idempotency_key, kind, make, database)  # type: ignore[arg-type]
    return selectors.database_for(actor, database.pk), operation


__all__ = [
    "DatabaseAccess",
    "change_database",
    "create_database",
    "delete_database",
    "purge_databases_due",
    "restore_database",
]
