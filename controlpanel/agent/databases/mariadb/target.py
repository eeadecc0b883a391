"""The host that a database comes to: a copy over TLS, and a replication channel of the database's own."""

from __future__ import annotations

import os
import re
import time
from typing import Any, Callable, Dict, List, Optional

from ...errors import AgentError, Failed, Invalid, Occupied
from .. import marks, paths, streams
from ..names import Database, is_database
from . import accounts, service
from .connection import ServerError, Session, quote, session
from .source import DUMP_OPTIONS

#: Seconds a channel waits before it connects again.
_RETRY = 1
#: MariaDB's number for a second channel from the same server.
_CHANNEL_EXISTS = 1934
#: Behind by less than this (bytes of log), a copy can catch up in a moment.
READY = 4 * 2**20

_POSITION = re.compile(rb"^-- CHANGE MASTER TO MASTER_LOG_FILE='([A-Za-z0-9._-]+)', MASTER_LOG_POS=([0-9]+);", re.M)
_FILE = re.compile(r"\A[A-Za-z0-9._-]{1,100}\Z")


class Changed(AgentError):
    """The copy cannot follow any more: begin again."""

    code = "structure_changed"


def check_position(raw: Any) -> Dict[str, Any]:
    """A position that the panel handed through."""
    if not isinstance(raw, dict) or not isinstance(raw.get("file"), str) or not _FILE.match(raw["file"]):
        raise Invalid("position: not a position of MariaDB")
    number = raw.get("position")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**62:
        raise Invalid("position: not a position of MariaDB")
    return {"file": raw["file"], "position": number}


def seed(
    database: Database,
    address: str,
    locked: bool,
    limit: float,
    lock_fd: int,
    progress: Callable[[Dict[str, Any]], None],
) -> Dict[str, Any]:
    """Copy it from its host; ``{"position", "bytes"}``. What was here of it is dropped."""
    stop(database.name)
    with session(600) as server:
        server.do(f"DROP DATABASE IF EXISTS {quote(database.name)}")
        accounts.bring_about(server, database, closed=True)
    head = b""
    found: Optional[Dict[str, Any]] = None
    tell = streams.telling(progress, "seed")

    def watch(chunk: bytes) -> None:
        nonlocal head, found
        tell(chunk)
        if found is None and len(head) < 2**16:
            head += chunk
            match = _POSITION.search(head)
            if match:
                found = {"file": match.group(1).decode(), "position": int(match.group(2))}

    copied = streams.pour(dump_command(database.name, address), load_command(database.name), limit, [lock_fd], watch)
    if found is None:
        raise Failed("the dump did not say where the log stood")
    return {"position": {**found, "locked": locked}, "bytes": copied}


def dump_command(name: str, address: str) -> List[str]:
    """Dumps a database of another host, which has been asked to let it be copied (``publish``)."""
    return [
        *service.tool("mariadb-dump"),
        f"--host={address}",
        f"--port={paths.MARIADB_PORT}",
        "--protocol=tcp",
        f"--user={service.REPLICATION}",
        "--password=",
        f"--ssl-ca={paths.CA}",
        f"--ssl-cert={paths.CERTIFICATE}",
        f"--ssl-key={paths.MARIADB_KEY}",
        "--ssl-verify-server-cert",
        *DUMP_OPTIONS,
        "--master-data=2",
        name,
    ]


def load_command(name: str) -> List[str]:
    """Loads a dump into a database. Nothing of it is logged, nothing in it may reach files or programs."""
    settings = "SET SESSION sql_log_bin=0, unique_checks=0, foreign_key_checks=0"
    return [
        *service.tool("mariadb"),
        f"--socket={paths.MARIADB_SOCKET}",
        f"--user={paths.MARIADB_USER}",
        "--sandbox",
        "--max-allowed-packet=64M",
        "--default-character-set=utf8mb4",
        f"--init-command={settings}",
        name,
    ]


def follow(name: str, address: str, position: Dict[str, Any]) -> None:
    """Start replication from the position of the seed; right also when it runs.

    MariaDB has one channel from one server to another: what a crash has left of a move that is over is cleared away,
    and while another database follows, this one is to come later. Raises Occupied.
    """
    with session() as server:
        for other in [str(record["Connection_name"]) for record in server.records("SHOW ALL SLAVES STATUS")]:
            mark = marks.read(other) if is_database(other) else None
            if mark is not None and other != name and (mark.reached is not None or mark.position is None):
                server.do(f"STOP SLAVE {server.literal(other)}")
                server.do(f"RESET SLAVE {server.literal(other)} ALL")
        state = status(server, name)
        if state is not None and _runs(state):
            return
        if state is not None:
            server.do(f"STOP SLAVE {server.literal(name)}")
            server.do(f"RESET SLAVE {server.literal(name)} ALL")
        try:
            server.do(
                f"CHANGE MASTER {server.literal(name)} TO MASTER_HOST = {server.literal(address)},"
                f" MASTER_PORT = {paths.MARIADB_PORT}, MASTER_USER = {server.literal(service.REPLICATION)},"
                f" MASTER_PASSWORD = '', MASTER_CONNECT_RETRY = {_RETRY}, MASTER_HEARTBEAT_PERIOD = 2,"
                f" MASTER_SSL = 1, MASTER_SSL_VERIFY_SERVER_CERT = 1, MASTER_SSL_CA = {server.literal(paths.CA)},"
                f" MASTER_SSL_CERT = {server.literal(paths.CERTIFICATE)},"
                f" MASTER_SSL_KEY = {server.literal(paths.MARIADB_KEY)},"
                f" MASTER_LOG_FILE = {server.literal(position['file'])}, MASTER_LOG_POS = {int(position['position'])},"
                " MASTER_USE_GTID = no"
            )
        except ServerError as error:
            if error.number == _CHANNEL_EXISTS:
                raise Occupied("another database is being moved between the same hosts") from error
            raise
        # By the default database of statements, and by the table's own of rows: what others of the same host do, their
        # procedures too, must not happen here. (The filter by table patterns lets those through.)
        server.do(f"SET GLOBAL {quote(name)}.replicate_do_db = {server.literal(name)}")
        server.do(f"START SLAVE {server.literal(name)}")


def status(server: Session, name: str) -> Optional[Dict[str, Any]]:
    """The channel as the server tells of it; None when there is none."""
    for record in server.records("SHOW ALL SLAVES STATUS"):
        if str(record.get("Connection_name")) == name:
            return record
    return None


def _runs(state: Dict[str, Any]) -> bool:
    return state["Slave_SQL_Running"] == "Yes" and state["Slave_IO_Running"] in ("Yes", "Connecting", "Preparing")


def lag(name: str) -> Dict[str, Any]:
    """How far behind the channel is."""
    with session() as server:
        state = status(server, name)
    if state is None:
        return {"running": False, "bytes": None, "seconds": None, "ready": False, "error": "there is no replication"}
    error = str(state["Last_SQL_Error"] or state["Last_IO_Error"] or "")
    seconds = state["Seconds_Behind_Master"]
    behind: Optional[int] = None
    if state["Slave_IO_Running"] == "Yes" and state["Master_Log_File"] == state["Relay_Master_Log_File"]:
        behind = max(0, int(state["Read_Master_Log_Pos"]) - int(state["Exec_Master_Log_Pos"]))
    running = _runs(state)
    ready = running and not error and seconds == 0 and behind is not None and behind < READY
    return {
        "running": running,
        "bytes": behind,
        "seconds": None if seconds is None else float(seconds),
        "ready": ready,
        "error": error[:500],
    }


def catch_up(name: str, position: Dict[str, Any], limit: float) -> None:
    """Return when everything up to the position has been done here. Raises Failed, Changed."""
    with session(limit + 30) as server:
        row = server.one(
            "SELECT MASTER_POS_WAIT(%s, %s, %s, %s)", position["file"], position["position"], max(1, int(limit)), name
        )
        result = row[0] if row else None
        if result is not None and result >= 0:
            server.do(f"STOP SLAVE {server.literal(name)} SQL_THREAD")
            return
        state = status(server, name)
        if result is None:
            said = str(state["Last_SQL_Error"] or state["Last_IO_Error"]) if state else "there is no replication"
            raise Changed("the copy could not follow its source", said)
        raise Failed(f"the copy did not catch up within {limit:g} s")


def stop(name: str) -> None:
    """Stop replication and forget it; right also when there is none."""
    with session() as server:
        if status(server, name) is None:
            return
        server.do(f"STOP SLAVE {server.literal(name)}")
        server.do(f"RESET SLAVE {server.literal(name)} ALL")


def life() -> str:
    """Which life of the server this is: another one after a crash or a restart."""
    path = f"/proc/{_pid()}/stat"
    with open(path) as file:
        started = file.read().rpartition(")")[2].split()[19]
    with open("/proc/sys/kernel/random/boot_id") as file:
        return f"{file.read().strip()}:{started}"


def _pid() -> int:
    with session(10) as server:
        row = server.one("SELECT @@pid_file")
    path = os.path.join(paths.MARIADB_DATA, str(row[0] if row else ""))
    for _ in range(50):
        try:
            with open(path) as file:
                return int(file.read())
        except (FileNotFoundError, ValueError):
            time.sleep(0.05)
    raise Failed("MariaDB has no pid file")
