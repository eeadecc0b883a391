"""Databases, their users, and what these may do at the moment.

An owner of a table can do anything to it, and cannot be kept from growing it. So nobody who connects owns anything: a
role of the database does, and users with the access "owner" are its members and work as it from their login on. A
database that is full or read-only takes the membership away and grants what is left to do.
"""

from __future__ import annotations

import time
from typing import Any, Dict, Iterable, List, Set, Tuple

from ...errors import Failed
from ..names import Database, User, belongs
from .config import READER, REPLICATION
from .connection import Session, owner, session

#: Seconds until an ended connection must be gone.
_ENDED = 15.0

_ROLES = """
SELECT rolname, rolpassword, rolcanlogin, rolconnlimit, rolinherit,
       rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
FROM pg_authid WHERE rolname = %s OR starts_with(rolname, %s)
"""
_SCHEMAS = """
SELECT nspname FROM pg_namespace WHERE nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_') ORDER BY 1
"""


def roles(server: Session, database: str) -> Dict[str, Tuple[Any, ...]]:
    """All users of a database: verifier, may log in, limit, inherits, has attributes that no member has."""
    rows = server.rows(_ROLES, database, database + "_")
    return {row[0]: row[1:] for row in rows if belongs(row[0], database)}


def exists(server: Session, database: str) -> bool:
    return bool(server.rows("SELECT 1 FROM pg_database WHERE datname = %s", database))


def bring_about(database: Database, closed: bool, inside: bool = True) -> None:
    """The database, its users and their rights; with ``closed`` nobody may connect, whatever its state is.

    Without ``inside`` only the users: somebody is making or replacing the database itself.
    """
    closed = closed or database.is_closed
    with session() as server:
        _make_users(server, database, closed)
        if inside:
            _make_database(server, database.name)
            with session(database.name) as within:
                cut = _set_rights(within, database)
            _drop_others(server, database)
        else:
            cut = set()
        if closed:
            cut = {user.name for user in database.users}
        if cut:
            end_connections(server, cut)


def _make_users(server: Session, database: Database, closed: bool) -> None:
    have = roles(server, database.name)
    role = owner(database.name)
    if not server.rows("SELECT 1 FROM pg_roles WHERE rolname = %s", role):
        # It logs in by the unix socket only, as ourselves, to load a dump: not as a superuser, for what is loaded may
        # run what a member wrote.
        server.do(server.named("CREATE ROLE {} LOGIN NOINHERIT", role))
    for user in database.users:
        limit = database.limit(user)
        wanted = (user.verifier, not closed, limit, False, False)
        if user.name not in have:
            server.do(server.named("CREATE ROLE {} NOLOGIN NOINHERIT", user.name))
        if have.get(user.name) != wanted:
            text = "ALTER ROLE {} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT"
            text += f" {'NOLOGIN' if closed else 'LOGIN'} CONNECTION LIMIT {int(limit)} PASSWORD {{verifier}}"
            server.do(server.named(text, user.name, verifier=user.verifier))


def _make_database(server: Session, name: str) -> None:
    if not exists(server, name):
        server.do(server.named("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", name))
    server.do(server.named("REVOKE ALL ON DATABASE {} FROM PUBLIC", name))
    server.do(server.named("GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {} TO {}", name, owner(name)))
    server.do(server.named("GRANT CONNECT ON DATABASE {} TO {}, {}", name, READER, REPLICATION))


def _set_rights(within: Session, database: Database) -> Set[str]:
    """The rights of all users, inside the database; returns those who have less than before."""
    role = owner(database.name)
    row = within.one("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'")
    if row is not None and row[0] != role:
        within.do(within.named("ALTER SCHEMA public OWNER TO {}", role))
    schemas = [row[0] for row in within.rows(_SCHEMAS)]
    members = _members(within, role)
    cut = set()
    for user in database.users:
        within.do(within.named("GRANT CONNECT ON DATABASE {} TO {}", database.name, user.name))
        whole = user.access == "owner" and database.may_grow
        if whole and members.get(user.name) is not True:
            _set_grants(within, schemas, user.name, "", sequences=False)
            within.do(within.named("GRANT {} TO {}", role, user.name))
            # For the whole cluster: what is set for a database goes with it when a copy replaces it.
            within.do(within.named("ALTER ROLE {} SET role = {role}", user.name, role=role))
        elif not whole:
            if user.name in members:
                within.do(within.named("REVOKE {} FROM {}", role, user.name))
                cut.add(user.name)
            within.do(within.named("ALTER ROLE {} RESET role", user.name))
            _set_grants(within, schemas, user.name, _rights(within, database, user), sequences=True)
            if user.access != "owner":
                _set_defaults(within, role, user.name)
    return cut


def _members(within: Session, role: str) -> Dict[str, bool]:
    """Who may work as the owner, and whether they do from their login on."""
    return dict(
        within.rows(
            "SELECT u.rolname, coalesce(%s = ANY(u.rolconfig), false) FROM pg_auth_members m"
            " JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member WHERE r.rolname = %s",
            f"role={role}",
            role,
        )
    )


def _rights(within: Session, database: Database, user: User) -> str:
    """On tables, of those who do not work as the owner."""
    if user.access != "owner" or not database.may_shrink:
        return "SELECT"
    # VACUUM FULL is what gives room back after DELETE; the right to it is of PostgreSQL 17.
    return "SELECT, DELETE, TRUNCATE" + (", MAINTAIN" if within.raw.info.server_version >= 170000 else "")


def _set_grants(within: Session, schemas: List[str], user: str, rights: str, sequences: bool) -> None:
    """Exactly these rights on all tables that there are."""
    for schema in schemas:
        within.do(within.named("REVOKE ALL ON ALL TABLES IN SCHEMA {} FROM {}", schema, user))
        within.do(within.named("REVOKE ALL ON ALL SEQUENCES IN SCHEMA {} FROM {}", schema, user))
        within.do(within.named("REVOKE ALL ON SCHEMA {} FROM {}", schema, user))
        if rights:
            within.do(within.named("GRANT USAGE ON SCHEMA {} TO {}", schema, user))
            within.do(within.named(f"GRANT {rights} ON ALL TABLES IN SCHEMA {{}} TO {{}}", schema, user))
        if sequences:
            within.do(within.named("GRANT SELECT ON ALL SEQUENCES IN SCHEMA {} TO {}", schema, user))


def _set_defaults(within: Session, role: str, user: str) -> None:
    """Read-only users read also what will be made."""
    for things in ("USAGE ON SCHEMAS", "SELECT ON TABLES", "SELECT ON SEQUENCES"):
        within.do(within.named(f"ALTER DEFAULT PRIVILEGES FOR ROLE {{}} GRANT {things} TO {{}}", role, user))


def _drop_others(server: Session, database: Database) -> None:
    """Users that are no longer wanted: out, and with all that was granted to them."""
    wanted = {user.name for user in database.users}
    for name in sorted(roles(server, database.name).keys() - wanted):
        server.do(server.named("ALTER ROLE {} NOLOGIN", name))
        end_connections(server, [name])
        if exists(server, database.name):
            with session(database.name) as within:
                # What one of them owns (nobody should own anything) goes to the owner.
                within.do(within.named("REASSIGN OWNED BY {} TO {}", name, owner(database.name)))
                within.do(within.named("DROP OWNED BY {}", name))
        server.do(server.named("DROP ROLE IF EXISTS {}", name))


def set_login(server: Session, database: str, allowed: bool) -> List[str]:
    """Let all users of a database log in, or none; returns their names."""
    have = roles(server, database)
    for name in sorted(have):
        if have[name][1] != allowed:
            server.do(server.named(f"ALTER ROLE {{}} {'LOGIN' if allowed else 'NOLOGIN'}", name))
    return sorted(have)


def connections(server: Session, users: Iterable[str]) -> List[int]:
    """The live connections of these users."""
    return [row[0] for row in server.rows("SELECT pid FROM pg_stat_activity WHERE usename = ANY(%s)", list(users))]


def end_connections(server: Session, users: Iterable[str]) -> int:
    """End them, and return when they are gone: how many there were. Raises Failed."""
    users = list(users)
    ended: Set[int] = set()
    deadline = time.monotonic() + _ENDED
    while True:
        rows = server.rows("SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ANY(%s)", users)
        if not rows:
            return len(ended)
        ended.update(row[0] for row in rows)
        if time.monotonic() > deadline:
            raise Failed(f"{len(rows)} connections do not end")
        time.sleep(0.002)


def drop_database(server: Session, name: str) -> None:
    """The database alone; whoever is in it is thrown out. Its subscriptions must be gone."""
    server.do(server.named("DROP DATABASE IF EXISTS {} WITH (FORCE)", name))


def drop(database: str) -> None:
    """Nobody in, then nothing left."""
    with session(timeout=300) as server:
        end_connections(server, set_login(server, database, False))
        drop_database(server, database)
        for name in [*roles(server, database), owner(database)]:
            server.do(server.named("DROP ROLE IF EXISTS {}", name))


def problem(server: Session, database: Database, closed: bool) -> str:
    """What is not as it should be; empty when everything is."""
    if not exists(server, database.name):
        return "the database does not exist"
    closed = closed or database.is_closed
    have = roles(server, database.name)
    if have.keys() != {user.name for user in database.users}:
        return "it has other users"
    members = _members(server, owner(database.name))
    for user in database.users:
        if have[user.name] != (user.verifier, not closed, database.limit(user), False, False):
            return f"{user.name} has another password, limit or lock"
        if members.get(user.name, False) != (user.access == "owner" and database.may_grow):
            return f"{user.name} has other rights"
    return ""
