"""The host that a database leaves."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Tuple

from ...errors import Failed
from .. import paths
from ..names import is_database
from . import comparing, roles, service
from .config import READER
from .connection import ServerError, Session, owner, reading, session

_UNDEFINED_OBJECT = "42704"
_IN_USE = "55006"

#: How a database is dumped, here or from another host.
DUMP_OPTIONS = ("--format=custom", "--compress=0", "--no-owner", "--no-publications", "--no-subscriptions")

_TABLES = """
SELECT n.nspname, c.relname, c.relpersistence, c.relreplident, EXISTS (
    SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
  AND NOT starts_with(n.nspname, 'pg_')
ORDER BY 1, 2
"""
_OTHERS = """
SELECT count(*) FILTER (WHERE relkind = 'm'), count(*) FILTER (WHERE relkind = 'f') FROM pg_class
"""


def channel(name: str) -> str:
    """What the publication, the subscription and the slot of a database's move are called."""
    return f"move_{name}"


def sizes() -> Dict[str, int]:
    """Bytes on disk of every database."""
    with session() as server:
        rows = server.rows("SELECT datname, pg_database_size(oid) FROM pg_database")
        return {name: int(size) for name, size in rows if is_database(name)}


def connections() -> Dict[str, int]:
    """Live connections, by user."""
    with session() as server:
        rows = server.rows("SELECT usename, count(*) FROM pg_stat_activity WHERE usename IS NOT NULL GROUP BY 1")
        return {name: int(count) for name, count in rows}


def tables(within: Session) -> List[Tuple[str, str, str, str, bool]]:
    """Ordinary tables: schema, name, persistence, replica identity, has a primary key."""
    return [(row[0], row[1], row[2], row[3], row[4]) for row in within.rows(_TABLES)]


def precheck(name: str) -> Dict[str, Any]:
    with session() as server:
        if not roles.exists(server, name):
            raise Failed(f"there is no database {name}")
        size = server.one("SELECT pg_database_size(%s)", name)
    reasons: List[str] = []
    with reading(name) as within:
        found = tables(within)
        reasons += [f"{schema}.{table} is unlogged" for schema, table, kind, _, _ in found if kind == "u"]
        materialized, foreign = within.one(_OTHERS) or (0, 0)
        if materialized:
            reasons.append("it has materialized views")
        if foreign:
            reasons.append("it has foreign tables")
        if within.rows("SELECT 1 FROM pg_largeobject_metadata LIMIT 1"):
            reasons.append("it has large objects")
    return {
        "bytes": int(size[0]) if size else 0,
        "version": service.session_answers(10),
        "method": "locked" if reasons else "replicate",
        "reasons": reasons,
        "tables": len(found),
        "without_key": [f"{schema}.{table}" for schema, table, _, _, key in found if not key],
    }


def publish(name: str) -> None:
    """Offer all its tables; those without a key tell their rows by all of their columns from now on."""
    with session(name) as within:
        found = tables(within)
        for schema, table, _, identity, key in found:
            if not key and identity in ("d", "n"):
                within.do(within.named("ALTER TABLE {} REPLICA IDENTITY FULL", (schema, table)))
        within.do(within.named("DROP PUBLICATION IF EXISTS {}", channel(name)))
        within.do(within.named("CREATE PUBLICATION {}", channel(name)))
        logged = [(schema, table) for schema, table, kind, _, _ in found if kind == "p"]
        for start in range(0, len(logged), 200):
            part = logged[start : start + 200]
            places = ", ".join(["{}"] * len(part))
            within.do(within.named(f"ALTER PUBLICATION {{}} ADD TABLE {places}", channel(name), *part))


def published(within: Session, name: str) -> bool:
    """Whether every table is offered: one that was made since would be left behind."""
    query = "SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = %s"
    offered = set(within.rows(query, channel(name)))
    return {(schema, table) for schema, table, _, _, _ in tables(within)} == offered


def forget(name: str) -> None:
    """Take the offer back, and let go of what was kept for the copy."""
    with session() as server:
        drop_slots(server, name)
        if not roles.exists(server, name):
            return
    with session(name) as within:
        within.do(within.named("DROP PUBLICATION IF EXISTS {}", channel(name)))
        for schema, table, _, identity, key in tables(within):
            if not key and identity == "f":
                within.do(within.named("ALTER TABLE {} REPLICA IDENTITY DEFAULT", (schema, table)))


def drop_slots(server: Session, name: str, patience: float = 15.0) -> None:
    """Drop the slots of a move: the channel's own, and those of table copies that were cut off."""
    deadline = time.monotonic() + patience
    while True:
        slots = server.rows(
            "SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = %s"
            " AND (slot_name = %s OR slot_name ~ '^pg_[0-9]+_sync_[0-9]+_[0-9]+$')",
            name,
            channel(name),
        )
        if not slots:
            return
        for slot, pid in slots:
            if pid is not None:
                server.do("SELECT pg_terminate_backend(%s)", pid)
            try:
                server.do("SELECT pg_drop_replication_slot(%s)", slot)
            except ServerError as error:
                if error.state not in (_UNDEFINED_OBJECT, _IN_USE) or time.monotonic() > deadline:
                    raise
        time.sleep(0.05)


def lock(name: str, grace: float) -> Dict[str, Any]:
    """Let nobody in, end who is in after ``grace`` seconds; where the log stands then, and how many were ended."""
    with session(name) as within:
        users = sorted(roles.roles(within, name))
        deadline = time.monotonic() + grace
        while roles.connections(within, users) and time.monotonic() < deadline:
            time.sleep(0.002)
        roles.set_login(within, name, False)
        ended = roles.end_connections(within, users)
        # A commit of our own: with it everything before is flushed, also what was committed without waiting for that.
        within.do("SELECT pg_logical_emit_message(true, 'controlpanel', '')")
        row = within.one("SELECT pg_current_wal_flush_lsn()::text")
        whole = published(within, name)
        position = {
            "lsn": row[0] if row else "",
            "structure": comparing.structure(within) if whole else "tables were made since the copy began",
        }
    return {"position": position, "ended": ended}


def dump_command(name: str) -> List[str]:
    """Says the whole database as it is at one moment, by a user that may only read."""
    place = f"host={paths.POSTGRESQL_SOCKETS} port={paths.POSTGRESQL_PORT} dbname={name} user={READER}"
    return [*service.as_server(), paths.postgresql_program("pg_dump"), *DUMP_OPTIONS, f"--dbname={place}"]


def compact(name: str, limit: float) -> None:
    """Write its tables anew, as their owner: indexes may hold functions that a member wrote."""
    with session(name, owner(name), limit) as within:
        for schema, table, _, _, _ in tables(within):
            within.do(within.named("VACUUM FULL {}", (schema, table)))
