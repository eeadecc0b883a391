"""What the panel may ask of a database host besides resources.

All run beside each other: a copy takes minutes, and what switches a database over takes none. Of those that take long
only a few run at a time, so that there is always room for the others.
"""

from __future__ import annotations

import base64
import contextlib
import threading
from typing import Any, Dict, Iterator

from .. import fields
from ..calls import Context, call
from ..errors import Busy, Failed, Invalid, Occupied
from . import dumps, holding, marks, moving, names, paths, stored
from .engines import ENGINES
from .names import Database

#: Copies, dumps and comparisons of one line, at a time. Less than the calls that a line runs beside each other.
LONG = 4
#: Seconds that a copy, a dump, a restore may take, at most and unless said otherwise.
LIMIT, LONGEST = 3600, 24 * 3600

_long = threading.BoundedSemaphore(LONG)
_NAMED = ("name", "engine")
_MOVE = (*_NAMED, "move")


@contextlib.contextmanager
def _room() -> Iterator[None]:
    if not _long.acquire(timeout=2):
        raise Occupied("other databases are being copied")
    try:
        yield
    finally:
        _long.release()


def _limit(args: Dict[str, Any], default: int = LIMIT) -> int:
    return fields.integer(args, "limit", 1, LONGEST, default)


def _move(args: Dict[str, Any]) -> str:
    return fields.identifier(args, "move", "move")


def _source(args: Dict[str, Any]) -> str:
    source = fields.record(args, "source", ("name", "address"))
    fields.host_name(source, "name")
    return fields.ip_address(source, "address")


def _database(args: Dict[str, Any], context: Context, *more: str) -> Database:
    fields.only(args, (*_NAMED, *more))
    return stored.database(context, args)


# --- looking -----------------------------------------------------------------------------------------------


@call("database.usage", parallel=True)
def usage(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Bytes on disk and live connections of every database of this host; its free room, and the servers' versions.

    A server that does not answer has no version, and its databases are not told.
    """
    fields.only(args, ())
    found: Dict[str, Any] = {}
    versions = {name: engine.version() for name, engine in ENGINES.items()}
    specs = context.store.specs("database")
    for name, engine in ENGINES.items():
        if not versions[name]:
            continue
        sizes, connections = engine.sizes(), engine.connections()
        for database, spec in specs.items():
            if spec["engine"] == name and database in sizes:
                users = [user["name"] for user in spec["users"]]
                found[database] = {
                    "engine": name,
                    "bytes": sizes[database],
                    "connections": sum(connections.get(user, 0) for user in users),
                }
    return {"databases": found, "free_bytes": dumps.free(paths.MARIADB_DATA), "versions": versions}


@call("database.precheck", parallel=True)
def precheck(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """What a move of it would be. Changes nothing."""
    database = _database(args, context)
    answer = ENGINES[database.engine].precheck(database.name)
    blockers = answer["reasons"] if answer["method"] == "locked" else []
    return {**answer, "blockers": blockers, "free_bytes": dumps.free(paths.MARIADB_DATA)}


# --- moves -------------------------------------------------------------------------------------------------


@call("database.publish", parallel=True)
def publish(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """On the source: let other database hosts copy it."""
    database = _database(args, context, "move")
    _move(args)
    ENGINES[database.engine].publish(database.name)
    return {}


@call("database.seed", parallel=True)
def seed(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """On the target: copy it, which takes long. See ``moving``."""
    database = _database(args, context, "move", "source", "method", "lock", "limit")
    method = fields.one_of(args, "method", ("replicate", "locked"), "replicate")
    lock = fields.text(args, "lock", 40, default="") if method == "locked" else ""
    with _room():
        return moving.seed(context, database, _move(args), _source(args), method, lock, _limit(args), context.progress)


@call("database.follow", parallel=True)
def follow(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """On the target: take what happens on the source from the seed's position on."""
    database = _database(args, context, "move", "source", "position")  # the host remembers the last two
    moving.follow(database, _move(args))
    return {}


@call("database.lag", parallel=True)
def lag(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """On the target: ``{"running", "bytes", "seconds", "ready", "error"}``."""
    database = _database(args, context, "move", "source")
    return moving.lag(database, _move(args))


@call("database.lock", parallel=True)
def lock(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """On the source: nobody writes any more. ``{"position", "ended": connections}``."""
    database = _database(args, context, "move", "grace_ms")
    grace = fields.integer(args, "grace_ms", 0, 5000, 0) / 1000
    return moving.lock(database, _move(args), grace)


@call("database.catch_up", parallel=True)
def catch_up(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """On the target: return when it is where the source was when it was locked."""
    database = _database(args, context, "move", "source", "position", "limit")
    moving.catch_up(database, _move(args), fields.fetch(args, "position"), _limit(args, 30))
    return {}


@call("database.unlock", parallel=True)
def unlock(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Let its users in, here."""
    moving.unlock(_database(args, context))
    return {}


@call("database.compare", parallel=True)
def compare(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Rows and checksum of every table, and a digest of the structure."""
    database = _database(args, context, "limit")
    with _room():
        return moving.compare(database, _limit(args))


@call("database.abort", parallel=True)
def abort(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """On the target: drop the copy, and forget the resource."""
    fields.only(args, _MOVE)
    moving.abort(context, names.database_name(args), names.engine_name(args), _move(args))
    return {}


@call("database.forget_source", parallel=True)
def forget_source(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """On the source: let go of what was kept for a copy."""
    fields.only(args, _MOVE)
    _move(args)
    stored.engine(args).forget(names.database_name(args))
    return {}


# --- dumps -------------------------------------------------------------------------------------------------


@call("database.dump", parallel=True)
def dump(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Keep a dump under a label: ``{"bytes", "sha256", "path", …}``. With ``source`` it is of a database there."""
    if "source" in args:
        fields.only(args, (*_NAMED, "keep", "limit", "source"))
        return _dump_from(args, context)
    database = _database(args, context, "keep", "limit")
    label = dumps.label(args, "keep")
    with _room(), holding.held(database.name) as lock_fd:
        if marks.read(database.name).closed in ("incoming", "restoring"):
            raise Busy(f"{database.name} is not whole")
        engine = ENGINES[database.engine]
        return dumps.make(engine, database.name, label, _limit(args), lock_fd, context.progress)


def _dump_from(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    name, engine, label, source = (
        names.database_name(args),
        stored.engine(args),
        dumps.label(args, "keep"),
        _source(args),
    )
    with _room(), holding.held(name, what="dump") as lock_fd:
        return dumps.make(engine, name, label, _limit(args), lock_fd, context.progress, source)


@call("database.restore", parallel=True)
def restore(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Replace everything in a database by a dump; nobody may connect until it is whole again."""
    database = _database(args, context, "dump", "limit")
    label = dumps.label_of(database.name, args)
    engine = ENGINES[database.engine]
    with _room(), holding.held(database.name) as lock_fd:
        if dumps.find(database.name, label)["engine"] != database.engine:
            raise Failed(f"the dump {label} is of another engine")
        dumps.check(database.name, label)
        mark = marks.read(database.name)
        if mark.closed not in ("", "restoring"):
            raise Busy(f"{database.name} is being moved")
        marks.save(marks.Mark(database.name, closed="restoring"))
        engine.empty(database)
        dumps.load(engine, database.name, label, _limit(args), lock_fd)
        with holding.held(database.name, what="switch"):
            marks.drop(database.name)
            current = stored.database(context, args)
            engine.bring_about(current, closed=False)
    return {}


@call("database.list_dumps", parallel=True)
def list_dumps(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """All kept dumps."""
    fields.only(args, ())
    return {"dumps": dumps.listing()}


@call("database.read_dump", parallel=True)
def read_dump(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """``{"data": the next piece of a kept dump's file, in base64}``; empty at its end."""
    fields.only(args, ("name", "engine", "dump", "sha256", "offset"))
    name = names.database_name(args)
    label, sha256 = dumps.label_of(name, args), fields.text(args, "sha256", 64)
    offset = fields.integer(args, "offset", 0, 2**50)
    try:
        data = dumps.read(name, label, sha256, offset)
    except FileNotFoundError:
        raise Invalid(f"there is no dump {label} of {name}") from None
    return {"data": base64.b64encode(data).decode("ascii")}


@call("database.drop_dump", parallel=True)
def drop_dump(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Delete a kept dump; right also when there is none."""
    fields.only(args, ("name", "engine", "dump"))
    name = names.database_name(args)
    dumps.drop(name, dumps.label_of(name, args))
    return {}


# --- the rest ----------------------------------------------------------------------------------------------


@call("database.compact", parallel=True)
def compact(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Give the room that deleted rows left back: ``{"before", "after"}`` in bytes. Locks each table for its time."""
    database = _database(args, context, "limit")
    engine = ENGINES[database.engine]
    with _room(), holding.held(database.name):
        before = engine.sizes().get(database.name, 0)
        engine.compact(database.name, _limit(args))
        return {"before": before, "after": engine.sizes().get(database.name, 0)}


@call("database.drop", parallel=True)
def drop(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Drop a database and its users: an old copy, one of which a dump is kept, or by ``force``."""
    fields.only(args, (*_NAMED, "force"))
    name, engine = names.database_name(args), stored.engine(args)
    spec = context.store.spec("database", name)
    force = fields.boolean(args, "force", False)
    if not force and not (spec or {}).get("state") == "copy" and not dumps.is_kept(name):
        raise Busy(f"there is no dump of {name}")
    with holding.held(name, patience=10):
        engine.drop(name)
        stored.forget(context, name, "dropped")
    return {"dropped": True}
