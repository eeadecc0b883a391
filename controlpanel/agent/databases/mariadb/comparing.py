"""What is in a database, in a form that can be compared with another host's."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Callable, Dict, List

from .connection import Session, quote, session

_TABLES = """
SELECT TABLE_NAME FROM information_schema.TABLES
WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY TABLE_NAME
"""
#: Each says one part of the structure; the host's own (collation of a session, creation times) is left out.
_STRUCTURE = (
    "SELECT TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, COLLATION_NAME, EXTRA,"
    " GENERATION_EXPRESSION FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s",
    "SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, SUB_PART, NON_UNIQUE, INDEX_TYPE"
    " FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s",
    "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s",
    "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME, ORDINAL_POSITION"
    " FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = %s",
    "SELECT TABLE_NAME, MD5(VIEW_DEFINITION), DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %s",
    "SELECT ROUTINE_NAME, ROUTINE_TYPE, MD5(ROUTINE_DEFINITION), DEFINER FROM information_schema.ROUTINES"
    " WHERE ROUTINE_SCHEMA = %s",
    "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, MD5(ACTION_STATEMENT), DEFINER"
    " FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s",
)


def structure(server: Session, name: str) -> str:
    """A digest of everything but the rows."""
    parts: List[List[str]] = []
    for query in _STRUCTURE:
        parts.append(sorted(json.dumps(row, default=str) for row in server.rows(query, name)))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def digest(name: str) -> str:
    with session() as server:
        return structure(server, name)


def hold(name: str) -> Callable[[], Dict[str, Any]]:
    """A session that goes on seeing the rows as they are now: the comparison of those, whenever it is made."""
    server = Session(24 * 3600)
    server.do("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    server.do("START TRANSACTION WITH CONSISTENT SNAPSHOT")

    def work() -> Dict[str, Any]:
        try:
            return compare(server, name)
        finally:
            server.close()

    return work


def compare(server: Session, name: str) -> Dict[str, Any]:
    """Rows and checksum of every table, as that session sees them."""
    tables = {}
    for (table,) in server.rows(_TABLES, name):
        place = f"{quote(name)}.{quote(str(table))}"
        checksum = server.one(f"CHECKSUM TABLE {place} EXTENDED")
        count = server.one(f"SELECT COUNT(*) FROM {place}")
        tables[str(table)] = {
            "rows": int(count[0]) if count else 0,
            "checksum": str(checksum[1]) if checksum else "",
        }
    return {"complete": True, "structure": structure(server, name), "tables": tables}
