"""The host that a database leaves."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, List

from ...errors import Failed
from .. import paths
from . import accounts, service
from .connection import Session, account, quote, quote_for_grant, session

#: Of other engines a running copy is not consistent: their tables move under the lock.
_TRANSACTIONAL = ("InnoDB",)
#: What a peer may do with a database that is moving to it.
_COPYING = ("SELECT", "SHOW VIEW", "TRIGGER", "LOCK TABLES", "SHOW CREATE ROUTINE")

#: How a database is dumped, here or from another host.
DUMP_OPTIONS = (
    "--single-transaction",
    "--quick",
    "--routines",
    "--triggers",
    "--hex-blob",
    "--skip-dump-date",
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=64M",
    "--net-buffer-length=1M",
    "--no-tablespaces",
)

_TABLES = """
SELECT TABLE_NAME, ENGINE, TABLE_TYPE FROM information_schema.TABLES
WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN ('BASE TABLE', 'SEQUENCE', 'SYSTEM VERSIONED')
"""
_WITHOUT_KEY = """
SELECT t.TABLE_NAME FROM information_schema.TABLES t
WHERE t.TABLE_SCHEMA = %s AND t.TABLE_TYPE = 'BASE TABLE' AND NOT EXISTS (
    SELECT 1 FROM information_schema.STATISTICS s
    WHERE s.TABLE_SCHEMA = t.TABLE_SCHEMA AND s.TABLE_NAME = t.TABLE_NAME AND s.NON_UNIQUE = 0)
"""


def sizes() -> Dict[str, int]:
    """Bytes on disk of every database: files, for the statistics are stale when it matters."""
    found: Dict[str, int] = {}
    with os.scandir(paths.MARIADB_DATA) as entries:
        for entry in entries:
            if entry.name.startswith("db") and entry.is_dir(follow_symlinks=False):
                found[entry.name] = size(entry.name)
    return found


def size(name: str) -> int:
    total = 0
    try:
        with os.scandir(os.path.join(paths.MARIADB_DATA, name)) as files:
            for file in files:
                try:
                    total += file.stat(follow_symlinks=False).st_size
                except FileNotFoundError:  # a table that was dropped meanwhile
                    continue
    except FileNotFoundError:
        return 0
    return total


def connections() -> Dict[str, int]:
    """Live connections of every database's users, by user."""
    with session() as server:
        rows = server.rows("SELECT USER, COUNT(*) FROM information_schema.PROCESSLIST GROUP BY USER")
        return {str(user): int(count) for user, count in rows}


def precheck(name: str) -> Dict[str, Any]:
    with session() as server:
        if not accounts.exists(server, name):
            raise Failed(f"there is no database {name}")
        tables = [(str(row[0]), str(row[1])) for row in server.rows(_TABLES, name)]
        foreign = sorted(f"{table} ({engine})" for table, engine in tables if engine not in _TRANSACTIONAL)
        without = sorted(str(row[0]) for row in server.rows(_WITHOUT_KEY, name))
        return {
            "bytes": size(name),
            "version": service.session_answers(10),
            "method": "locked" if foreign else "replicate",
            "reasons": [f"{table} is not transactional" for table in foreign],
            "tables": len(tables),
            "without_key": without,
        }


def publish(name: str) -> None:
    """Let the other database hosts copy it."""
    _grant(name, "GRANT", "TO")


def forget(name: str) -> None:
    """Let nobody copy it any more."""
    with session() as server:
        for host in service.replication_hosts(server):
            who, row = account(service.REPLICATION, host), (service.REPLICATION, host, name)
            if server.rows("SELECT 1 FROM mysql.db WHERE User = %s AND Host = %s AND Db = %s", *row):
                server.do(f"REVOKE ALL PRIVILEGES ON {quote_for_grant(name)}.* FROM {who}")


def _grant(name: str, verb: str, preposition: str) -> None:
    with session() as server:
        for host in service.replication_hosts(server):
            who = account(service.REPLICATION, host)
            server.do(f"{verb} {', '.join(_COPYING)} ON {quote_for_grant(name)}.* {preposition} {who}")


def lock(name: str, grace: float) -> Dict[str, Any]:
    """Let nobody in, end who is in after ``grace`` seconds; where the log stands then, and how many were ended."""
    with session() as server:
        users = [entry.name for entry in accounts.accounts(server, name)]
        deadline = time.monotonic() + grace
        while accounts.connections(server, users) and time.monotonic() < deadline:
            time.sleep(0.002)
        accounts.set_lock(server, name, True)
        ended = accounts.end_connections(server, users)
        return {"position": position(server), "ended": ended}


def position(server: Session) -> Dict[str, Any]:
    """Where the binary log ends now."""
    row = server.one("SHOW MASTER STATUS")
    if row is None:
        raise Failed("MariaDB keeps no binary log")
    return {"file": str(row[0]), "position": int(row[1])}


def dump_command(name: str) -> List[str]:
    """Says the whole database as it is at one moment."""
    place = [f"--socket={paths.MARIADB_SOCKET}", f"--user={paths.MARIADB_USER}"]
    return [*service.tool("mariadb-dump"), *place, *DUMP_OPTIONS, name]


def compact(name: str, limit: float) -> None:
    """Build its tables anew."""
    with session(limit) as server:
        for table, engine, kind in server.rows(_TABLES, name):
            if kind != "SEQUENCE" and engine in _TRANSACTIONAL:
                server.do(f"ALTER TABLE {quote(name)}.{quote(str(table))} FORCE")
