"""What is in a database, in a form that can be compared with another host's."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Callable, Dict, List

from .config import READER
from .connection import Session, reading

_OURS = "n.nspname <> 'information_schema' AND NOT starts_with(n.nspname, 'pg_')"
#: Each says one part of the structure. Definitions come from the catalogue's own functions: nothing of a member runs.
_STRUCTURE = (
    "SELECT n.nspname, c.relname, c.relkind, c.relpersistence, c.relrowsecurity FROM pg_class c"
    f" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS} AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')",
    "SELECT n.nspname, c.relname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,"
    " format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,"
    " pg_get_expr(d.adbin, d.adrelid)"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
    f" WHERE {_OURS} AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped",
    "SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
    f" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS}",
    "SELECT n.nspname, c.relname, o.conname, pg_get_constraintdef(o.oid) FROM pg_constraint o"
    " JOIN pg_class c ON c.oid = o.conrelid"
    f" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS} AND o.contype <> 'n'",
    "SELECT pg_get_triggerdef(t.oid), t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    f" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS} AND NOT t.tgisinternal",
    "SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    f" WHERE {_OURS} AND p.prokind IN ('f', 'p')",
    "SELECT n.nspname, c.relname, pg_get_viewdef(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    f" WHERE {_OURS} AND c.relkind IN ('v', 'm')",
    "SELECT extname, extversion FROM pg_extension",
)
_TABLES = f"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND {_OURS} ORDER BY 1, 2
"""
#: Of one value the text, however the session would show it.
_FIXED = (
    "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET bytea_output = 'hex';"
    " SET extra_float_digits = 1; SET lc_monetary = 'C'; SET xmlbinary = 'base64'"
)
#: A sum does not ask for an order. The output function by its name: a cast could be one that a member made.
_CHECKSUM = "SELECT count(*), coalesce(sum(hashtextextended(textin(record_out(t.*)), 0)), 0)::text FROM ONLY {} AS t"
#: All that large objects hold; an empty one has no page.
_LARGE_OBJECTS = """
SELECT (SELECT count(*) FROM pg_largeobject_metadata),
       coalesce(sum(hashtextextended(loid || ' ' || pageno || ' ' || encode(data, 'hex'), 0)), 0)::text
FROM pg_largeobject
"""


def structure(within: Session) -> str:
    """A digest of everything but the rows."""
    parts: List[List[str]] = []
    for query in _STRUCTURE:
        parts.append(sorted(json.dumps(row, default=str) for row in within.rows(query)))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def digest(name: str) -> str:
    with reading(name) as within:
        return structure(within)


def reader(name: str) -> Session:
    """A session that shows every value as any other host would."""
    within = Session(name, READER, 24 * 3600)
    for setting in _FIXED.split("; "):
        within.do(setting)
    return within


def hold(within: Session) -> Callable[[], Dict[str, Any]]:
    """Let it go on seeing the rows as they are now; the comparison of those, whenever it is made."""
    within.do("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    within.do("SELECT count(*) FROM pg_class")

    def work() -> Dict[str, Any]:
        try:
            return compare(within)
        finally:
            within.close()

    return work


def compare(within: Session) -> Dict[str, Any]:
    """Rows and checksum of every table, as that session sees them."""
    tables = {}
    for schema, table in within.rows(_TABLES):
        row = within.one(within.named(_CHECKSUM, (schema, table)))
        tables[f"{schema}.{table}"] = {"rows": int(row[0]), "checksum": row[1]} if row else {}
    large = within.one(_LARGE_OBJECTS)
    if large and large[0]:
        tables["pg_largeobject"] = {"rows": int(large[0]), "checksum": large[1]}
    return {"complete": True, "structure": structure(within), "tables": tables}
