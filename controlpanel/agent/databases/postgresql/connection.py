"""Connections to this host's PostgreSQL by its unix socket, and to another host's by TLS."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ...errors import Failed
from .. import paths
from .config import READER, REPLICATION

TIMEOUT = 60.0
#: Nothing that members made is found by an unqualified name.
_OPTIONS = "-c search_path=pg_catalog,pg_temp -c statement_timeout={timeout}"


class Session:
    """Speaks SQL. Values go by ``%s``; names are put in by ``psycopg.sql.Identifier``."""

    def __init__(
        self,
        database: str = "postgres",
        user: str = "postgres",
        timeout: float = TIMEOUT,
        source: Optional[str] = None,
    ) -> None:
        import psycopg
        from psycopg import sql

        self.psycopg, self.sql = psycopg, sql
        place: Dict[str, Any] = {"host": paths.POSTGRESQL_SOCKETS} if source is None else remote(source)
        try:
            self.raw = psycopg.connect(
                dbname=database,
                user=user,
                port=paths.POSTGRESQL_PORT,
                autocommit=True,
                connect_timeout=10,
                options=_OPTIONS.format(timeout=int(timeout * 1000)),
                **place,
            )
        except psycopg.Error as error:
            raise ServerError(error, "PostgreSQL does not answer") from error
        self.raw.prepare_threshold = None

    def rows(self, statement: Any, *values: Any) -> List[Tuple[Any, ...]]:
        """The rows of a statement. Raises Failed with what the server said."""
        try:
            cursor = self.raw.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []
        except self.psycopg.Error as error:
            raise ServerError(error) from error

    def do(self, statement: Any, *values: Any) -> None:
        self.rows(statement, *values)

    def one(self, statement: Any, *values: Any) -> Optional[Tuple[Any, ...]]:
        return next(iter(self.rows(statement, *values)), None)

    def named(self, text: str, *identifiers: "str | Tuple[str, ...]", **literals: Any) -> Any:
        """A statement with identifiers in the places of ``{}`` and literals in those of ``{name}``."""
        quoted = [self.sql.Identifier(*((name,) if isinstance(name, str) else name)) for name in identifiers]
        return self.sql.SQL(text).format(*quoted, **{key: self.sql.Literal(value) for key, value in literals.items()})

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.raw.close()


class ServerError(Failed):
    """The server refused a statement; ``state`` is its SQLSTATE, empty when it did not answer."""

    def __init__(self, error: Any, reason: str = "PostgreSQL refused a statement") -> None:
        super().__init__(reason, str(error)[:2000])
        self.state: str = getattr(error, "sqlstate", None) or ""


@contextlib.contextmanager
def session(
    database: str = "postgres", user: str = "postgres", timeout: float = TIMEOUT, source: Optional[str] = None
) -> Iterator[Session]:
    """A session for the time of the block."""
    opened = Session(database, user, timeout, source)
    try:
        yield opened
    finally:
        opened.close()


def reading(database: str, timeout: float = TIMEOUT) -> "contextlib.AbstractContextManager[Session]":
    """A session that may read everything in a database and is nobody otherwise."""
    return session(database, READER, timeout)


def from_source(database: str, address: str, timeout: float = TIMEOUT) -> "contextlib.AbstractContextManager[Session]":
    """A session with another database host, as its replication user."""
    return session(database, REPLICATION, timeout, address)


def remote(address: str) -> Dict[str, Any]:
    """How to reach another database host: certificates on both sides."""
    return {
        "host": address,
        "sslmode": "verify-full",
        "sslrootcert": paths.CA,
        "sslcert": paths.CERTIFICATE,
        "sslkey": paths.POSTGRESQL_KEY,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }


def owner(database: str) -> str:
    """The role that owns everything in a database; the users with that access work as it."""
    return f"owner_{database}"
