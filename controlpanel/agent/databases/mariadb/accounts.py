"""Databases, their users, and what these may do at the moment."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Dict, FrozenSet, Iterable, List, Optional, Set

from ...errors import Failed
from ..names import Database, User, belongs
from .connection import ServerError, Session, account, quote, quote_for_grant

_NO_SUCH_THREAD = 1094
#: Seconds until a killed connection must be gone.
_KILLED = 15.0

#: Columns of mysql.db, and the privileges that they stand for. What is not here nobody gets: to grant on, and EVENT
#: (events would run on a locked copy too).
_COLUMNS = {
    "Select_priv": "SELECT",
    "Insert_priv": "INSERT",
    "Update_priv": "UPDATE",
    "Delete_priv": "DELETE",
    "Create_priv": "CREATE",
    "Drop_priv": "DROP",
    "References_priv": "REFERENCES",
    "Index_priv": "INDEX",
    "Alter_priv": "ALTER",
    "Create_tmp_table_priv": "CREATE TEMPORARY TABLES",
    "Lock_tables_priv": "LOCK TABLES",
    "Create_view_priv": "CREATE VIEW",
    "Show_view_priv": "SHOW VIEW",
    "Create_routine_priv": "CREATE ROUTINE",
    "Alter_routine_priv": "ALTER ROUTINE",
    "Execute_priv": "EXECUTE",
    "Trigger_priv": "TRIGGER",
    "Delete_history_priv": "DELETE HISTORY",
}
_FOREIGN = {"Grant_priv": "GRANT OPTION", "Event_priv": "EVENT"}
ALL = frozenset(_COLUMNS.values())
READ = frozenset({"SELECT", "SHOW VIEW"})
#: Of an owner whose database must not change: to look, and to dump.
LOOK = READ | {"LOCK TABLES", "EXECUTE"}
#: Of an owner whose database is full: what makes room too.
SHRINK = LOOK | {"DELETE", "DROP", "DELETE HISTORY"}


def privileges(database: Database, user: User) -> FrozenSet[str]:
    """What a user may do in the database as it is now."""
    if user.access != "owner":
        return READ
    if database.may_grow:
        return ALL
    return SHRINK if database.may_shrink else LOOK


@dataclass(frozen=True)
class Account:
    """An account as the server has it."""

    name: str
    host: str
    verifier: str
    plugin: str
    locked: bool
    tls: bool
    connections: int


def accounts(server: Session, database: str) -> List[Account]:
    """All accounts of a database."""
    rows = server.rows(
        "SELECT User, Host, Priv FROM mysql.global_priv WHERE User = %s OR User LIKE %s", database, database + r"\_%"
    )
    found = []
    for name, host, raw in rows:
        name, host = _text(name), _text(host)
        if belongs(name, database):
            found.append(_account(name, host, json.loads(_text(raw))))
    return found


def _account(name: str, host: str, priv: Dict[str, Any]) -> Account:
    return Account(
        name,
        host,
        str(priv.get("authentication_string", "")),
        str(priv.get("plugin", "")),
        bool(priv.get("account_locked", False)),
        int(priv.get("ssl_type", 0)) > 0,
        int(priv.get("max_user_connections", 0)),
    )


def bring_about(server: Session, database: Database, closed: bool, inside: bool = True) -> None:
    """The database, its users and their rights; with ``closed`` nobody may connect, whatever its state is.

    Without ``inside`` only the users: somebody is making or replacing the database itself.
    """
    if inside:
        create_database(server, database)
    have = {(entry.name, entry.host): entry for entry in accounts(server, database.name)}
    wanted = {(user.name, "%"): user for user in database.users}
    closed = closed or database.is_closed
    cut = set()
    for name, host in sorted(have.keys() - wanted.keys()):
        server.do(f"DROP USER IF EXISTS {account(name, host)}")
        cut.add(name)
    for key, user in sorted(wanted.items()):
        entry = have.get(key)
        if not _is_right(entry, database, user, closed):
            _set_account(server, database, user, closed, new=entry is None)
        if _set_privileges(server, database, user):
            cut.add(user.name)
    if closed:
        cut = {user.name for user in database.users}
    if cut:
        end_connections(server, cut)


def create_database(server: Session, database: Database) -> None:
    charset = database.charset or "utf8mb4"
    server.do(f"CREATE DATABASE IF NOT EXISTS {quote(database.name)} CHARACTER SET {charset}")


def _is_right(entry: Optional[Account], database: Database, user: User, closed: bool) -> bool:
    return entry is not None and (
        entry.verifier,
        entry.plugin,
        entry.locked,
        entry.tls,
        entry.connections,
    ) == (user.verifier, "mysql_native_password", closed, True, database.limit(user))


def _set_account(server: Session, database: Database, user: User, closed: bool, new: bool) -> None:
    who, verifier = account(user.name), server.literal(user.verifier)
    words = f"{who} IDENTIFIED VIA mysql_native_password USING {verifier} REQUIRE SSL"
    words += f" WITH MAX_USER_CONNECTIONS {database.limit(user)} ACCOUNT {'LOCK' if closed else 'UNLOCK'}"
    server.do(f"CREATE OR REPLACE USER {words}" if new else f"ALTER USER {words}")


def _set_privileges(server: Session, database: Database, user: User) -> bool:
    """Exactly these; True when some were taken away."""
    wanted = privileges(database, user)
    have = granted(server, database.name, user.name)
    on, who = quote_for_grant(database.name), account(user.name)
    if wanted - have:
        server.do(f"GRANT {', '.join(sorted(wanted - have))} ON {on}.* TO {who}")
    surplus = have - wanted
    if surplus:
        server.do(f"REVOKE {', '.join(sorted(surplus))} ON {on}.* FROM {who}")
    return bool(surplus)


def granted(server: Session, database: str, user: str) -> FrozenSet[str]:
    """What a user has in the database."""
    columns = {**_COLUMNS, **_FOREIGN}
    query = f"SELECT {', '.join(columns)} FROM mysql.db WHERE Db = %s AND User = %s AND Host = '%%'"
    row = server.one(query, database, user)
    if row is None:
        return frozenset()
    return frozenset(word for word, value in zip(columns.values(), row) if _text(value) == "Y")  # noqa: B905


def set_lock(server: Session, database: str, locked: bool) -> List[str]:
    """Lock or unlock every account of a database; returns their names."""
    have = accounts(server, database)
    for entry in have:
        if entry.locked != locked:
            server.do(f"ALTER USER {account(entry.name, entry.host)} ACCOUNT {'LOCK' if locked else 'UNLOCK'}")
    return [entry.name for entry in have]


def connections(server: Session, users: Iterable[str]) -> List[int]:
    """The live connections of these users."""
    users = list(users)
    if not users:
        return []
    return [row[0] for row in server.rows("SELECT ID FROM information_schema.PROCESSLIST WHERE USER IN %s", users)]


def end_connections(server: Session, users: Iterable[str]) -> int:
    """End them, and return when they are gone: how many there were. Raises Failed."""
    users = list(users)
    ended: Set[int] = set()
    deadline = time.monotonic() + _KILLED
    while True:
        alive = connections(server, users)
        if not alive:
            return len(ended)
        for number in alive:
            ended.add(number)
            try:
                server.do(f"KILL CONNECTION {int(number)}")
            except ServerError as error:
                if error.number != _NO_SUCH_THREAD:
                    raise
        if time.monotonic() > deadline:
            raise Failed(f"{len(alive)} connections do not end")
        time.sleep(0.002)


def drop(server: Session, database: str) -> None:
    """Nobody in, then nothing left."""
    names = set_lock(server, database, True)
    end_connections(server, names)
    server.do(f"DROP DATABASE IF EXISTS {quote(database)}")
    for entry in accounts(server, database):
        server.do(f"DROP USER IF EXISTS {account(entry.name, entry.host)}")


def exists(server: Session, database: str) -> bool:
    return bool(server.rows("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", database))


def problem(server: Session, database: Database, closed: bool) -> str:
    """What is not as it should be; empty when everything is."""
    if not exists(server, database.name):
        return "the database does not exist"
    closed = closed or database.is_closed
    have = {(entry.name, entry.host): entry for entry in accounts(server, database.name)}
    wanted = {(user.name, "%"): user for user in database.users}
    if have.keys() != wanted.keys():
        return "it has other users"
    for key, user in sorted(wanted.items()):
        if not _is_right(have[key], database, user, closed):
            return f"{user.name} has another password, limit or lock"
        if granted(server, database.name, user.name) != privileges(database, user):
            return f"{user.name} has other rights"
    return ""


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
