"""A connection to this host's MariaDB as root, by its unix socket."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ...errors import Failed
from .. import names, paths

#: Seconds that one statement may take, unless said otherwise.
TIMEOUT = 60.0


class Session:
    """Speaks SQL. Values go by ``%s``; names are checked and quoted by ``quote``."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        import pymysql

        try:
            self.raw = pymysql.connect(
                unix_socket=paths.MARIADB_SOCKET,
                user="root",
                autocommit=True,
                charset="utf8mb4",
                read_timeout=timeout,
                write_timeout=timeout,
                connect_timeout=10,
            )
        except (pymysql.MySQLError, OSError) as error:
            raise Failed("MariaDB does not answer", str(error)) from error
        self._error = pymysql.MySQLError
        self.do("SET SESSION sql_log_bin = 0, sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'")

    def rows(self, sql: str, *values: Any) -> List[Tuple[Any, ...]]:
        """The rows of a statement. Raises Failed with what the server said."""
        try:
            with self.raw.cursor() as cursor:
                # Without values the text is sent as it stands: a "%" in it is a "%".
                cursor.execute(sql, values or None)
                return list(cursor.fetchall())
        except (self._error, OSError, ValueError) as error:
            raise ServerError(error) from error

    def do(self, sql: str, *values: Any) -> None:
        self.rows(sql, *values)

    def one(self, sql: str, *values: Any) -> Optional[Tuple[Any, ...]]:
        return next(iter(self.rows(sql, *values)), None)

    def records(self, sql: str, *values: Any) -> List[Dict[str, Any]]:
        """The rows as dictionaries, for statements whose columns have no fixed place."""
        try:
            with self.raw.cursor() as cursor:
                cursor.execute(sql, values or None)
                columns = [column[0] for column in cursor.description or ()]
                return [dict(zip(columns, row)) for row in cursor.fetchall()]  # noqa: B905
        except (self._error, OSError, ValueError) as error:
            raise ServerError(error) from error

    def literal(self, value: Any) -> str:
        """A value as SQL text, for statements that hold a "%" of their own."""
        return str(self.raw.literal(value))

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.raw.close()


class ServerError(Failed):
    """The server refused a statement; ``number`` is MariaDB's own, 0 when it did not answer."""

    def __init__(self, error: BaseException) -> None:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        text = str(error.args[1]) if len(error.args) > 1 else str(error)
        super().__init__("MariaDB refused a statement", f"{number}: {text}"[:2000])
        self.number = number


@contextlib.contextmanager
def session(timeout: float = TIMEOUT) -> Iterator[Session]:
    """A session for the time of the block."""
    opened = Session(timeout)
    try:
        yield opened
    finally:
        opened.close()


def quote(name: str) -> str:
    """An identifier, quoted: backticks doubled. Raises Failed for what no identifier can hold."""
    if not name or len(name) > 64 or "\x00" in name:
        raise Failed("not an identifier of MariaDB")
    return "`" + name.replace("`", "``") + "`"


def quote_for_grant(database: str) -> str:
    """A database's name where MariaDB reads a pattern: "_" and "%" would be wildcards."""
    if not names.is_database(database):
        raise Failed("not the name of a database")
    return quote(database.replace("_", "\\_"))


def account(user: str, host: str = "%") -> str:
    """An account as statements name it."""
    if not all((letter.isascii() and letter.isalnum()) or letter in "_." for letter in user) or not user:
        raise Failed("not the name of a user")
    if host != "%" and not all(letter in "0123456789abcdef.:" for letter in host):
        raise Failed("not the address of a host")
    return f"'{user}'@'{host}'"
