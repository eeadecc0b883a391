"""What one transaction changes of HAProxy: files first, then the running process, made to match the files.

The kinds of an edge share one ``Changes`` a transaction. They edit tables and name certificates; at the end ``_settle``
brings the running process to what the files say, by its sockets, or by one reload when the configuration itself has
changed. Because it reads the files anew, it is right after a roll back too.

A reload that somebody else starts (``systemctl reload haproxy``) does not take the host's lock. It shows as another
worker: our files had been written before we looked, so comparing everything with the new worker mends what it missed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import ssl
from typing import TYPE_CHECKING, Dict, Iterable, List, Optional, Set, Tuple

from ..errors import Failed
from ..kinds.base import File
from . import paths, rows, runtime, service
from .tables import MANY, Rows, Table

if TYPE_CHECKING:
    from ..transaction import Transaction

#: Seconds: a reload with 10,000 certificates takes 4.
RELOAD_TIMEOUT = 180.0
#: How often everything is compared again because somebody else reloads HAProxy at the same time.
_TRIES = 20
#: The order in which new rows become visible: when a name is known, all behind it is ready. Removal goes the other way.
_ORDER = (
    paths.CHALLENGES,
    paths.SHIELD_KEY,
    paths.SHIELD_NETWORKS,
    paths.SHIELD_PATHS,
    paths.SHIELDS,
    # Who may before who must: no moment in which a door is closed to those who have its password.
    *paths.ALL_EDGE_RULES,
    paths.BACKENDS,
    paths.SPREAD,
    paths.ROOMS,
    paths.MODES,
    paths.REDIRECTS,
    paths.HOSTS,
)

#: Table to the keys whose rows may be wrong; None: all of it.
Touched = Dict[str, Optional[Set[str]]]


def changes_of(tx: "Transaction") -> "Changes":
    """The changes of this transaction, the same for every kind."""
    changes: Optional[Changes] = getattr(tx, "_haproxy", None)
    if changes is None:
        changes = Changes(tx)
        tx._haproxy = changes  # type: ignore[attr-defined]
    return changes


class Changes:
    """See the module. Used under the host's lock only."""

    #: Which HAProxy it is about; its maps in the order in which rows become visible; its tables, and what fills them.
    of = paths.EDGE
    order: Tuple[str, ...] = _ORDER
    tables: Tuple[str, ...] = rows.TABLES
    sources: Optional[rows.Sources] = None

    def __init__(self, tx: "Transaction") -> None:
        self.tx = tx
        self._tables: Dict[str, Table] = {}
        self._touched: Touched = {}
        self._certificates: Set[str] = set()
        self._static: Set[str] = set()
        tx.reload(self.of.unit, self._settle, timeout=RELOAD_TIMEOUT)

    # --- files ---------------------------------------------------------------------------------------------------

    def configure(self, files: Iterable[File]) -> None:
        """Write the configuration and what else only a reload makes it read."""
        if not service.is_running(self.of):
            self.tx.on_rollback(lambda: service.stop(self.of))
        for file in files:
            self._static.add(file.path)
            self.tx.write(file)

    def edit(self, edits: rows.TableRows) -> None:
        """Change rows of tables."""
        for path, table_rows in edits.items():
            self._edit(path, table_rows)

    def look_over(self) -> None:
        """Make sure that every table stands as it was written; one that was edited by hand is made anew."""
        for path in self.tables:
            self._edit(path, {})

    def certificate(self, path: str) -> None:
        """The certificate's file was written or removed."""
        self._certificates.add(path)

    def _edit(self, path: str, table_rows: Rows) -> None:
        table = self._tables.get(path)
        if table is None:
            table = load(path)
            if not table.intact:
                table = Table.of(rows.all_of(path, self.tx, self.sources))
                self._touched[path] = None
            self._tables[path] = table
        table.edit(table_rows)
        self.tx.write(File(path, table.content, 0o640))
        remember(path, table)
        touched = self._touched.setdefault(path, set())
        if touched is not None:
            touched |= set(table_rows)

    # --- the running process -------------------------------------------------------------------------------------

    def _settle(self) -> None:
        everything = False
        if self._static & self.tx.changed or not service.is_running(self.of):
            service.load(self.of)
            everything = True
        for _ in range(_TRIES):
            worker, older = runtime.processes(self.of)
            try:
                self._match(everything, older)
            except Failed:
                if runtime.processes(self.of)[0] == worker:
                    raise
            else:
                if runtime.processes(self.of)[0] == worker:
                    return
            everything = True  # somebody has reloaded it meanwhile
        raise Failed("somebody else reloads HAProxy all the time")

    def _match(self, everything: bool, older_processes: List[runtime.Process]) -> None:
        touched: Touched = dict.fromkeys(self.tables) if everything else self._touched
        tables = {path: load(path, trust=True) for path in touched}
        process = runtime.Process(self.of.admin_socket)
        certificates = set(self._certificates)
        offered: Dict[str, str] = {}
        names: Dict[str, str] = {}
        if certificates or paths.CERTIFICATE_LIST in touched:
            offered = process.listed_certificates()
            listed = tables.get(paths.CERTIFICATE_LIST) or load(paths.CERTIFICATE_LIST, trust=True)
            names = {path: listed.get(path) or "" for path in certificates}
        if touched.get(paths.CERTIFICATE_LIST, certificates) is None:
            wanted = dict(tables[paths.CERTIFICATE_LIST])
            certificates |= {path for path, _names in set(wanted.items()) ^ set(offered.items())}
            names = wanted
        for path in sorted(certificates):
            if os.path.exists(path):
                # Its key may have changed without the certificate, which HAProxy does not show.
                _offer(process, path, names.get(path, ""), offered, always=path in self.tx.changed)
        _match_maps(process, tables, touched, self.order)
        for path in sorted(certificates):
            if not os.path.exists(path):
                process.drop_certificate(path, offered)
        for older in older_processes:
            with contextlib.suppress(runtime.Gone):
                _match_maps(older, tables, touched, self.order)


def _offer(process: runtime.Process, path: str, names: str, offered: Dict[str, str], always: bool) -> None:
    pem = read(path).decode()
    if always or process.fingerprint(path) != fingerprint(pem) or offered.get(path) != names:
        process.put_certificate(path, names, pem, offered)
        if process.fingerprint(path) != fingerprint(pem):
            raise Failed("HAProxy did not take the certificate %s" % os.path.basename(path))


def _match_maps(process: runtime.Process, tables: Dict[str, Table], touched: Touched, order: Tuple[str, ...]) -> None:
    """Make the process' maps say what the tables say, for the touched keys."""
    keys = {path: _differing(process, path, tables[path], touched[path]) for path in order if path in touched}
    for path in order:
        for key in keys.get(path) or ():
            value = tables[path].get(key)
            if value is not None:
                process.put(path, key, value)
    for path in reversed(order):
        for key in keys.get(path) or ():
            if tables[path].get(key) is None:
                process.put(path, key, None)


def _differing(process: runtime.Process, path: str, table: Table, touched: Optional[Set[str]]) -> List[str]:
    """The keys whose rows in the process are wrong. When they are many the whole map is replaced, and none is left."""
    if touched is not None and 20 * len(touched) + 2000 < len(table):
        return [key for key in touched if process.get(path, key) != table.get(key)]
    wanted = dict(table)
    keys = _compare(process, path, wanted)
    if keys is not None and len(keys) < MANY:
        return keys
    process.replace(path, wanted)
    if _compare(process, path, wanted) != []:
        raise Failed("HAProxy did not take %s" % os.path.basename(path))
    return []


def _compare(process: runtime.Process, path: str, wanted: Dict[str, str]) -> Optional[List[str]]:
    """Keys with another value, or with one where there should be none; None when a key has two rows."""
    rows_there = list(process.rows(path))
    there = dict(rows_there)
    if len(there) != len(rows_there):
        return None
    return [key for key in wanted if there.get(key) != wanted[key]] + [key for key in there if key not in wanted]


#: Tables as they were last written here, by path, with the mark of the file: to read and check 4 MB takes longer than
#: all the rest of a change.
_remembered: "Dict[str, Tuple[Tuple[int, ...], Table]]" = {}


def load(path: str, trust: bool = False) -> Table:
    """The table as it is on the disk; not intact (and empty) when somebody else has written it, or it is not there."""
    mark, table = _remembered.get(path, ((), Table()))
    return table.copy() if mark and mark == _mark(path) else Table(read(path), trust)


def remember(path: str, table: Table) -> None:
    """The table has just been written."""
    _remembered[path] = (_mark(path), table.copy())


def _mark(path: str) -> "Tuple[int, ...]":
    """Changes with every change of a file: what is written anew has another inode, what is edited another time."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def read(path: str) -> bytes:
    """A file's content; nothing when it is not there."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def fingerprint(pem: str) -> str:
    """SHA-1 (upper-case hex, as HAProxy shows it) of the first certificate."""
    end = "-----END CERTIFICATE-----"
    start = pem.index("-----BEGIN CERTIFICATE-----")
    first = pem[start : pem.index(end, start) + len(end)]
    return hashlib.sha1(ssl.PEM_cert_to_DER_cert(first)).hexdigest().upper()  # noqa: S324 (a name, no protection)
