"""Who is at work, told to PostgreSQL with every write, so that its triggers can write it down.

It travels in the setting ``audit.context``, set for the one transaction of the write and by the same message as the
write itself: no round trip more, and nothing that could stay behind on a pooled connection for whoever gets it next.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest
from psycopg import sql as psycopg_sql

from .choices import Via
from .trail import trails

#: What makes the values, asked at the moment of a write: a REST request does not know its token before.
Source = Callable[[], Mapping[str, Any]]

_source: ContextVar[Source | None] = ContextVar("audit_source", default=None)

#: A write, and the table that it goes to.
_WRITE = re.compile(r'\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:ONLY\s+)?"?([A-Za-z0-9_]+)"?', re.IGNORECASE)


@contextmanager
def acting(source: Source) -> Iterator[None]:
    """Everything written inside is that of whoever ``source`` says."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


def now() -> dict[str, Any]:
    """Who is at work: ``{"id", "who", "staff", "impersonator_id", "impersonator", "token", "via", "from", "request",
    "operation"}``, without what is not known."""
    source = _source.get()
    values = source() if source is not None else _process()
    return {key: value for key, value in values.items() if value not in (None, "", False)}


def of_request(request: HttpRequest) -> dict[str, Any]:
    """Who a request comes from, as far as is known by now."""
    values = {
        **person(getattr(request, "user", None)),
        "via": Via.API if request.path.startswith("/api/") else Via.WEB,
        "from": request.META.get("REMOTE_ADDR"),
        "request": structlog.contextvars.get_contextvars().get("request", ""),
        "token": str(getattr(getattr(request, "auth", None), "name", "") or "")[:80],
    }
    impersonator = getattr(request, "impersonator", None)
    if impersonator is not None:
        whose = person(impersonator)
        values |= {"impersonator_id": whose.get("id"), "impersonator": whose.get("who", str(impersonator))}
    return values


def person(login: Any) -> dict[str, Any]:
    """A login as it stands in entries; nothing for somebody anonymous."""
    if login is None or not getattr(login, "is_authenticated", False) or login.pk is None:
        return {}
    name, username = str(getattr(login, "name", "") or ""), str(login.get_username())
    who = f"{name} ({username})" if name and name != username else username
    return {"id": login.pk, "who": who, "staff": bool(login.is_staff)}


@lru_cache(maxsize=1)
def _process() -> dict[str, Any]:
    """Nobody's request: a command by its name, or a worker."""
    if Path(sys.argv[0]).name != "manage.py" or len(sys.argv) < 2:
        return {}
    if sys.argv[1] in ("worker", "qcluster"):
        return {"via": Via.CLOCK}
    return {"via": Via.COMMAND, "who": f"manage.py {sys.argv[1]}"[:200]}


def attach(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Let a connection tell it (signal ``connection_created``; a pooled one is created again and again)."""
    if _tell not in connection.execute_wrappers:
        connection.execute_wrappers.append(_tell)


def _tell(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    if not _writes_audited(sql, context):
        return execute(sql, params, many, context)
    value = json.dumps(now(), default=str).replace("'", "''")
    setting = f"SELECT set_config('audit.context', '{value}', true);"
    cursor = context["cursor"]
    if many:  # one message a row: it must hold for all of them, so they are in a transaction already
        cursor.cursor.execute(setting)
        return execute(sql, params, many, context)
    if params is not None:
        setting = setting.replace("%", "%%")
    whole = setting + sql if isinstance(sql, str) else psycopg_sql.SQL(setting) + sql
    result = execute(whole, params, many, context)
    cursor.nextset()  # over the setting's own answer
    return result


def _writes_audited(sql: Any, context: dict[str, Any]) -> bool:
    text = sql if isinstance(sql, str) else sql.as_string(context["connection"].connection)
    if text[:7].upper() == "SELECT ":
        return False
    return any(table in trails.tables for table in _WRITE.findall(text))
