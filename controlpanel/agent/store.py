"""What was applied on this host: SQLite, so that one resource among a hundred thousand is found and changed at once."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS resource (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    -- 'present'; 'absent' (a tombstone: it keeps the revision); 'applying' (begun, and never finished if it stays so)
    state TEXT NOT NULL,
    spec TEXT NOT NULL,
    applied REAL NOT NULL,
    operation TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    time REAL NOT NULL,
    operation TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL
);
"""
#: Lines of the journal that are kept.
KEPT = 200_000
#: Rows of one SQL statement (SQLite's limit of parameters is 999 in old builds).
CHUNK = 400


@dataclass(frozen=True)
class Row:
    """A resource as stored."""

    kind: str
    id: str
    revision: int
    state: str
    spec: Dict[str, Any]
    #: Number of the journal's line that tells of it.
    seq: int

    @property
    def present(self) -> bool:
        return self.state == "present"


@dataclass(frozen=True)
class Entry:
    """A line for the journal. ``outcome``: applied, removed, pruned, mended, or ``refused:CODE``, ``failed:CODE``."""

    kind: str
    id: str
    revision: int
    outcome: str
    detail: str = ""
    #: Where it is another than that of the batch.
    operation: str = ""


class Store:
    """One connection, for one thread. Writers hold the host's lock; readers need none."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._open()

    def renew(self) -> None:
        """Open it anew when the file at its path is another by now: the host was wiped, or restored from a backup, and
        what we would note or read otherwise nobody would ever see."""
        if self._file != self._file_now():
            self._db.close()  # SQLite sees that its file has gone, and leaves the one that took its place alone
            self._open()

    def _file_now(self) -> Optional[Tuple[int, int]]:
        """What tells the file at the path from any other; None when there is none."""
        with contextlib.suppress(FileNotFoundError):
            status = os.stat(self.path)
            return status.st_dev, status.st_ino
        return None

    def _open(self) -> None:
        path = self.path
        if path != ":memory:":
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            # Specs hold secrets: never, not even for an instant, readable by others (SQLite's helpers copy the mode).
            # Only where there is none yet: closing a file drops all POSIX locks of this process on it, also those of
            # its other connections. The next process to leave would then take itself for the last, and delete the
            # write-ahead log under our feet: from then on each process wrote into a log of its own.
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            os.chmod(path, 0o600)
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")  # what was confirmed to the panel survives a power cut
        self._db.executescript(SCHEMA)
        self._file = self._file_now()

    def close(self) -> None:
        self._db.close()

    # --- reading ---------------------------------------------------------------------------------------------

    def get(self, kind: str, id: str) -> Optional[Row]:
        """One resource, tombstones included; None when it was never here."""
        return next(iter(self.get_many(kind, [id]).values()), None)

    def get_many(self, kind: str, ids: Sequence[str]) -> Dict[str, Row]:
        """Those of the ids that are or were here."""
        found = {}
        for start in range(0, len(ids), CHUNK):
            part = ids[start : start + CHUNK]
            marks = ",".join("?" * len(part))
            for row in self._rows(f"kind = ? AND id IN ({marks})", [kind, *part]):
                found[row.id] = row
        return found

    def rows(self, kind: str) -> Iterator[Row]:
        """All resources of a kind, tombstones included, in the order of their ids."""
        return self._rows("kind = ? ORDER BY id", [kind])

    def ids(self, kind: str) -> Iterator[Tuple[str, int, int]]:
        """Id, revision and seq of everything of a kind that is here or was begun; reads no spec."""
        return iter(
            self._db.execute(
                "SELECT id, revision, seq FROM resource WHERE kind = ? AND state != 'absent' ORDER BY id", [kind]
            ).fetchall()
        )

    def specs(self, kind: str) -> Dict[str, Dict[str, Any]]:
        """The specs of all present resources of a kind, by id. Reads the whole kind."""
        return {row.id: row.spec for row in self._rows("kind = ? AND state = 'present' ORDER BY id", [kind])}

    def spec(self, kind: str, id: str) -> Optional[Dict[str, Any]]:
        """The spec of one present resource."""
        row = self.get(kind, id)
        return row.spec if row is not None and row.present else None

    def kinds(self) -> List[str]:
        """Kinds of which something is here."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT kind FROM resource WHERE state != 'absent'")]

    def journal(self, after: int = 0, limit: int = 100) -> List[Dict[str, Any]]:
        """Lines after a number, oldest first."""
        names = ("seq", "time", "operation", "kind", "id", "revision", "outcome", "detail")
        rows = self._db.execute(
            "SELECT seq, time, operation, kind, id, revision, outcome, detail FROM journal WHERE seq > ?"
            " ORDER BY seq LIMIT ?",
            [after, limit],
        )
        return [dict(zip(names, row)) for row in rows]  # noqa: B905 (strict= is of Python 3.10)

    def last_seq(self) -> int:
        """Number of the last line of the journal, 0 when there is none; it never goes back."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'journal'").fetchone()
        return row[0] if row else 0

    # --- writing ---------------------------------------------------------------------------------------------

    def begin(self, operation: str, items: Iterable[Tuple[str, str, int, Dict[str, Any]]]) -> None:
        """Note resources that are about to come, so that what a crash leaves of them is found and can be removed."""
        with self._transaction():
            seq = self.last_seq()
            self._db.executemany(
                "INSERT OR REPLACE INTO resource VALUES (?, ?, ?, 'applying', ?, ?, ?, ?)",
                [(kind, id, rev, json.dumps(spec), time.time(), operation, seq) for kind, id, rev, spec in items],
            )

    def put_back(self, rows: Iterable[Tuple[str, str, Optional[Row]]]) -> None:
        """Undo ``begin``: each resource as it was before, or gone."""
        with self._transaction():
            for kind, id, row in rows:
                if row is None:
                    self._db.execute("DELETE FROM resource WHERE kind = ? AND id = ?", [kind, id])
                else:
                    self._db.execute(
                        "UPDATE resource SET revision = ?, state = ?, spec = ?, seq = ? WHERE kind = ? AND id = ?",
                        [row.revision, row.state, json.dumps(row.spec), row.seq, kind, id],
                    )

    def finish(
        self,
        operation: str,
        resources: Sequence[Tuple[str, str, int, Optional[Dict[str, Any]], Entry]],
        others: Sequence[Entry] = (),
    ) -> None:
        """Store resources (kind, id, revision, spec or None for a tombstone) with a line each, and lines of others."""
        now = time.time()
        with self._transaction():
            for kind, id, revision, spec, entry in resources:
                seq = self._log(now, operation, entry)
                state = "absent" if spec is None else "present"
                self._db.execute(
                    "INSERT OR REPLACE INTO resource VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [kind, id, revision, state, json.dumps(spec or {}), now, entry.operation or operation, seq],
                )
            for entry in others:
                self._log(now, operation, entry)
            self._db.execute("DELETE FROM journal WHERE seq <= ?", [self.last_seq() - KEPT])

    def _log(self, now: float, operation: str, entry: Entry) -> int:
        cursor = self._db.execute(
            "INSERT INTO journal (time, operation, kind, id, revision, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                now,
                entry.operation or operation,
                entry.kind,
                entry.id,
                entry.revision,
                entry.outcome,
                entry.detail[:1000],
            ],
        )
        return int(cursor.lastrowid or 0)

    def _rows(self, where: str, parameters: Sequence[Any]) -> Iterator[Row]:
        query = "SELECT kind, id, revision, state, spec, seq FROM resource WHERE "
        for kind, id, revision, state, spec, seq in self._db.execute(query + where, parameters).fetchall():
            yield Row(kind, id, revision, state, json.loads(spec), seq)

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def __enter__(self) -> None:
        self.db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self.db.execute("ROLLBACK" if error else "COMMIT")
