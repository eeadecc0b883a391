"""The host that a database comes to: its structure over TLS, and a subscription that copies the rows and follows."""

from __future__ import annotations

import re
import time
from typing import Any, Callable, Dict, List, Optional, Sequence

from ...errors import AgentError, Failed, Invalid
from .. import paths, streams
from ..names import Database
from . import comparing, roles, service, ways
from .config import REPLICATION
from .connection import Session, from_source, owner, remote, session
from .source import DUMP_OPTIONS, channel, drop_slots, published

#: Behind by less than this (bytes of log), a copy can catch up in a moment.
READY = 4 * 2**20
_PAUSE = 0.1
_REFUSED = "the copy could not take what its source sent"
_LSN = re.compile(r"\A[0-9A-F]{1,8}/[0-9A-F]{1,8}\Z")


class Changed(AgentError):
    """The copy cannot follow any more: begin again."""

    code = "structure_changed"


def check_position(raw: Any) -> Dict[str, Any]:
    """A position that the panel handed through."""
    if not isinstance(raw, dict) or not isinstance(raw.get("lsn"), str) or not _LSN.match(raw["lsn"]):
        raise Invalid("position: not a position of PostgreSQL")
    structure = raw.get("structure", "")
    if not isinstance(structure, str) or len(structure) > 100:
        raise Invalid("position: not a position of PostgreSQL")
    return {"lsn": raw["lsn"], "structure": structure}


def seed(
    database: Database,
    address: str,
    locked: bool,
    limit: float,
    lock_fd: int,
    progress: Callable[[Dict[str, Any]], None],
) -> Dict[str, Any]:
    """Copy it from its host; ``{"position", "bytes"}``. What was here of it is dropped."""
    deadline = time.monotonic() + limit
    name = database.name
    stop(name)
    with from_source(name, address) as source:
        drop_slots(source, name)
    with session(timeout=300) as server:
        roles.drop_database(server, name)
    roles.bring_about(database, closed=True)
    tell = streams.telling(progress, "seed")
    more = [] if locked else ["--schema-only"]
    copied = streams.pour(dump_command(name, address, more), load_command(name), limit, [lock_fd], tell)
    position = {"lsn": "0/0", "structure": "", "locked": locked}
    if locked:
        return {"position": position, "bytes": copied}
    with from_source(name, address) as source:
        if not published(source, name):
            raise Changed("tables were made since the copy began")
    _subscribe(name, address)
    while not _is_copied(name):
        if time.monotonic() > deadline:
            raise Failed(f"the copy was not made within {limit:g} s")
        progress({"stage": "copy", "bytes": _size(name)})
        time.sleep(_PAUSE)
    return {"position": position, "bytes": _size(name)}


def dump_command(name: str, address: str, more: Sequence[str] = ()) -> List[str]:
    """Dumps a database of another host."""
    words = {key: value for key, value in remote(address).items() if key.startswith("ssl") or key == "host"}
    text = " ".join(f"{key}={value}" for key, value in words.items())
    place = f"{text} port={paths.POSTGRESQL_PORT} dbname={name} user={REPLICATION}"
    return [*service.as_server(), paths.postgresql_program("pg_dump"), *DUMP_OPTIONS, *more, f"--dbname={place}"]


def load_command(name: str, more: "tuple[str, ...]" = ()) -> List[str]:
    """Loads a dump into a database, as the role that owns everything in it: what members wrote may run on the way."""
    return [
        *service.as_server(),
        paths.postgresql_program("pg_restore"),
        "--exit-on-error",
        "--no-owner",
        *more,
        f"--dbname=host={paths.POSTGRESQL_SOCKETS} port={paths.POSTGRESQL_PORT} dbname={name} user={owner(name)}",
    ]


def _subscribe(name: str, address: str) -> None:
    place = " ".join(f"{key}={value}" for key, value in remote(address).items())
    conninfo = f"{place} port={paths.POSTGRESQL_PORT} dbname={name} user={REPLICATION}"
    with session(name, timeout=120) as within:
        text = "CREATE SUBSCRIPTION {} CONNECTION {conninfo} PUBLICATION {} WITH (disable_on_error = true)"
        within.do(within.named(text, channel(name), channel(name), conninfo=conninfo))


def _is_copied(name: str) -> bool:
    with session(name) as within:
        _check_enabled(within, name)
        rest = within.one("SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'")
        return rest is not None and rest[0] == 0


def _check_enabled(within: Session, name: str) -> None:
    row = _subscription(within, name)
    if row is None:
        raise Changed("there is no replication")
    if not row:
        raise Changed(_REFUSED)


def _subscription(within: Session, name: str) -> Optional[bool]:
    """Whether it is enabled (an error disables it); None when there is none."""
    row = within.one("SELECT subenabled FROM pg_subscription WHERE subname = %s", channel(name))
    return None if row is None else bool(row[0])


def _size(name: str) -> int:
    with session() as server:
        row = server.one("SELECT pg_database_size(%s)", name)
        return int(row[0]) if row else 0


def follow(name: str) -> Dict[str, Any]:
    """It has followed since it was copied. What ``catch_up`` needs to know of the copy: nobody else changes it."""
    with session(name) as within:
        _check_enabled(within, name)
        return {"structure": comparing.structure(within)}


def lag(name: str, address: str) -> Dict[str, Any]:
    """How far behind the copy is."""
    with session(name) as within:
        enabled = _subscription(within, name)
    if not enabled:
        return _not_running("there is no replication" if enabled is None else _REFUSED)
    opened = ways.take(name, address)
    ways.keep(name, opened)
    row = opened.source.one(
        "SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), s.confirmed_flush_lsn)::bigint, s.active,"
        " extract(epoch FROM r.replay_lag)::float8 FROM pg_replication_slots s"
        " LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid WHERE s.slot_name = %s",
        channel(name),
    )
    if row is None:
        return _not_running("the source has forgotten it")
    behind, active = max(0, int(row[0] or 0)), bool(row[1])
    seconds = 0.0 if row[2] is None else float(row[2])
    return {"running": active, "bytes": behind, "seconds": seconds, "ready": active and behind < READY, "error": ""}


def _not_running(error: str) -> Dict[str, Any]:
    return {"running": False, "bytes": None, "seconds": None, "ready": False, "error": error}


def catch_up(
    name: str, address: str, position: Dict[str, Any], limit: float, notes: Dict[str, Any]
) -> Callable[[], Dict[str, Any]]:
    """Return when everything up to the position has been done here, and sequences stand where they stood there: with
    the comparison of what is there then.

    The subscription stays, and has nothing to do any more. Raises Failed; Changed when the structure is another than
    the source's.
    """
    if notes.get("structure") != position["structure"]:
        raise Changed("the structure was changed since the copy was made")
    deadline = time.monotonic() + limit
    opened = ways.take(name, address)
    try:
        turn = 0
        while not _has_reached(opened.source, name, position["lsn"]):
            turn += 1
            if turn % 20 == 1:
                _check_enabled(opened.within, name)
            if time.monotonic() > deadline:
                raise Failed(f"the copy did not catch up within {limit:g} s")
            time.sleep(0.002)
        _copy_sequences(opened.source, opened.within)
        compare = comparing.hold(opened.reader)
    except Failed:
        opened.reader.close()
        raise
    finally:
        opened.within.close()
        opened.source.close()
    return compare


def _has_reached(source: Session, name: str, lsn: str) -> bool:
    return bool(
        source.rows(
            "SELECT 1 FROM pg_stat_replication WHERE application_name = %s AND replay_lsn >= %s::pg_lsn",
            channel(name),
            lsn,
        )
    )


def _copy_sequences(source: Session, within: Session) -> None:
    names = source.rows("SELECT schemaname, sequencename FROM pg_sequences ORDER BY 1, 2")
    for start in range(0, len(names), 100):
        part = [(row[0], row[1]) for row in names[start : start + 100]]
        query = " UNION ALL ".join(f"SELECT {number}, last_value, is_called FROM {{}}" for number in range(len(part)))
        values = [row[1:] for row in sorted(source.rows(source.named(query, *part)))]
        sets, literals = [], {}
        for number, ((schema, sequence), (last, called)) in enumerate(zip(part, values)):  # noqa: B905
            sets.append(f"setval({{place{number}}}::regclass, {{last{number}}}, {{called{number}}})")
            place = within.sql.Identifier(schema, sequence).as_string(within.raw)
            literals.update({f"place{number}": place, f"last{number}": last, f"called{number}": called})
        within.do(within.named("SELECT " + ", ".join(sets), **literals))


def _drop_subscription(within: Session, name: str) -> None:
    """Here only: the source drops its slot when it is told to forget."""
    if _subscription(within, name) is None:
        return
    within.do(within.named("ALTER SUBSCRIPTION {} DISABLE", channel(name)))
    within.do(within.named("ALTER SUBSCRIPTION {} SET (slot_name = NONE)", channel(name)))
    within.do(within.named("DROP SUBSCRIPTION {}", channel(name)))


def stop(name: str) -> None:
    """Stop replication and forget it; right also when there is none."""
    ways.drop(name)
    with session() as server:
        if not roles.exists(server, name):
            return
    with session(name) as within:
        _drop_subscription(within, name)
