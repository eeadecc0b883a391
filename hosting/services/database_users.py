"""Users of a database: new passwords, and further users who may only read."""

import re

from django.utils import timezone

from controlpanel.operations.models import Operation

from .. import selectors
from ..choices import DatabaseAccess, DatabaseState
from ..databases import intents, verifiers
from ..databases.errors import InvalidUserName, NoSuchUser, OwnerStays, TooManyUsers, UserTaken
from ..models import Database, DatabaseUser

#: Users of one database, its owner included.
MOST_USERS = 10
_WORD = re.compile(r"\A[a-z][a-z0-9]{0,15}\Z")


def rotate_database_password(
    actor: "selectors.Actor",
    database: Database | int,
    user: str = "",
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Database, Operation, str]:
    """A new password for one of its users (the owner, unless named); the third is that password.

    Connections that are open stay so; new ones need the new password once the operation has succeeded. A repeated key
    gives no password. Raises NoSuchUser.
    """
    database = _find(actor, database)
    password = ""

    def make() -> Operation:
        nonlocal password
        locked = intents.lock(database)
        intents.check_changeable(locked)
        row = _user(locked, user or locked.name)
        password = verifiers.new_password()
        row.verifier, row.changed = verifiers.verifier_of(locked.engine, password), timezone.now()
        row.save(update_fields=["verifier", "changed"])
        intents.intend(locked, DatabaseState.UPDATING)
        return intents.start(
            "hosting.rotate_database_password", locked, actor, idempotency_key, requested_from, user=row.name
        )

    operation = intents.once(actor, idempotency_key, "hosting.rotate_database_password", make, database)
    return selectors.database_for(actor, database.pk), operation, password


def add_database_user(
    actor: "selectors.Actor",
    database: Database | int,
    word: str,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Database, Operation, str]:
    """A further user, ``db<id>_<word>``, who may read everything and change nothing; the third is the password."""
    database = _find(actor, database)
    if not _WORD.match(word):
        raise InvalidUserName("name")
    password = ""

    def make() -> Operation:
        nonlocal password
        locked = intents.lock(database)
        intents.check_changeable(locked)
        name = f"{locked.name}_{word}"
        if locked.users.filter(name=name).exists():
            raise UserTaken("name", name=name)
        if locked.users.count() >= MOST_USERS:
            raise TooManyUsers(limit=MOST_USERS)
        password = verifiers.new_password()
        DatabaseUser.objects.create(
            database=locked,
            name=name,
            access=DatabaseAccess.READ_ONLY,
            verifier=verifiers.verifier_of(locked.engine, password),
        )
        intents.intend(locked, DatabaseState.UPDATING)
        return intents.start("hosting.add_database_user", locked, actor, idempotency_key, requested_from, user=name)

    operation = intents.once(actor, idempotency_key, "hosting.add_database_user", make, database)
    return selectors.database_for(actor, database.pk), operation, password


def remove_database_user(
    actor: "selectors.Actor",
    database: Database | int,
    user: str,
    *,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> tuple[Database, Operation]:
    """Take a further user away; its connections are ended. Raises NoSuchUser, and OwnerStays for the owner."""
    database = _find(actor, database)

    def make() -> Operation:
        locked = intents.lock(database)
        intents.check_changeable(locked)
        row = _user(locked, user)
        if row.access == DatabaseAccess.OWNER:
            raise OwnerStays
        row.delete()
        intents.intend(locked, DatabaseState.UPDATING)
        return intents.start("hosting.remove_database_user", locked, actor, idempotency_key, requested_from, user=user)

    operation = intents.once(actor, idempotency_key, "hosting.remove_database_user", make, database)
    return selectors.database_for(actor, database.pk), operation


def _user(database: Database, name: str) -> DatabaseUser:
    row = database.users.filter(name=name).first()
    if row is None:
        raise NoSuchUser("user")
    return row


def _find(actor: "selectors.Actor", database: Database | int) -> Database:
    return selectors.database_for(actor, database if isinstance(database, int) else database.pk)
