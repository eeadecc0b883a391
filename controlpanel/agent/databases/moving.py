"""Moves, seen from one host. Each verb may be repeated after a crash at any point.

The panel leads: it says which host is the source and which the target, and hands their positions through. What must not
go wrong whatever it says is kept here, in marks: a copy that is not whole is never unlocked, a source that a move has
locked stays so, and nothing that serves is ever dropped or copied over.
"""

from __future__ import annotations

import secrets
from typing import Any, Dict

from .. import fields
from ..calls import Context
from ..errors import Busy, Invalid
from . import boot, comparisons, holding, marks, stored
from .engines import ENGINES, Progress
from .mariadb.target import Changed
from .names import Database


def seed(
    context: Context,
    database: Database,
    move: str,
    address: str,
    method: str,
    lock: str,
    limit: float,
    progress: Progress,
) -> Dict[str, Any]:
    """Copy the database from its host; ``{"position", "bytes"}``.

    ``lock`` names the time of being locked (of ``lock``'s position) when the method is "locked": what was copied in an
    earlier one is copied anew, for the source was open in between.
    """
    if boot.is_ours(address):
        raise Invalid("source: that is this host")
    engine = ENGINES[database.engine]
    with holding.held(database.name, patience=10) as lock_fd:
        mark = marks.read(database.name)
        whole = mark.position is not None and mark.position.get("lock", "") == lock
        if mark.move == move and whole and mark.closed in ("incoming", "ready"):
            return {"position": mark.position, "bytes": mark.bytes}
        if database.state != "locked" or mark.closed in ("locked", "restoring"):
            raise Busy(f"{database.name} is not locked here: nothing may be copied over it")
        mark = marks.Mark(database.name, move, closed="incoming", source=address)
        marks.save(mark)
        marks.drop_result(database.name)
        answer = engine.seed(database, address, method == "locked", limit, lock_fd, progress)
        mark.position, mark.bytes = {**answer["position"], **({"lock": lock} if lock else {})}, answer["bytes"]
        marks.save(mark)
        return {"position": mark.position, "bytes": mark.bytes}


def follow(database: Database, move: str) -> None:
    """Take what has happened on the source since the copy."""
    with holding.held(database.name):
        mark = _target(database, move)
        if mark.reached is not None or _was_locked(mark):
            return
        engine = ENGINES[database.engine]
        if mark.life:
            _same_life(mark, database)
        mark.notes = engine.follow(database.name, mark.source, mark.position or {})
        mark.life = engine.life()
        marks.save(mark)


def lag(database: Database, move: str) -> Dict[str, Any]:
    """How far behind the copy is, and whether the moment to lock the source has come."""
    mark = _target(database, move)
    if mark.reached is not None or _was_locked(mark):
        return {"running": True, "bytes": 0, "seconds": 0.0, "ready": True, "error": ""}
    if mark.life and mark.life != ENGINES[database.engine].life():
        error = "the server was restarted: begin again"
        return {"running": False, "bytes": None, "seconds": None, "ready": False, "error": error}
    return ENGINES[database.engine].lag(database.name, mark.source)


def lock(database: Database, move: str, grace: float) -> Dict[str, Any]:
    """Nobody writes any more, until ``unlock``; ``{"position", "ended"}``.

    The position names this time of being locked: one of an earlier time, after which it was open again, is no end.
    """
    with holding.held(database.name, what="switch"):
        mark = marks.read(database.name)
        if mark.closed in ("incoming", "ready", "restoring"):
            raise Busy(f"{database.name} is a copy here, or being restored")
        if mark.closed != "locked" or mark.move != move:
            mark = marks.Mark(database.name, move, closed="locked", notes={"lock": secrets.token_hex(8)})
            marks.save(mark)
        answer = ENGINES[database.engine].lock(database.name, grace)
        answer["position"]["lock"] = mark.notes.get("lock", "")
        return answer


def catch_up(database: Database, move: str, position: Any, limit: float) -> None:
    """Everything up to the position is here, and may be unlocked."""
    engine = ENGINES[database.engine]
    final = {**engine.check_position(position), "lock": fields.text(position, "lock", 40, default="")}
    with holding.held(database.name):
        mark = _target(database, move)
        if mark.reached is not None:
            if mark.reached.get("lock") != final["lock"]:
                # It follows no longer: what was written there since is not here.
                raise Changed("the source was open again since the copy had all of it")
            return
        if _was_locked(mark):
            if (mark.position or {}).get("lock", "") != final["lock"]:
                raise Changed("the source was open again since it was copied")
            compare = engine.snapshot(database.name)
        else:
            _same_life(mark, database)
            compare = engine.catch_up(database.name, mark.source, final, limit, mark.notes)
        mark.reached, mark.closed = final, "ready"
        marks.save(mark)
        comparisons.begin(database.name, compare, lambda: engine.stop(database.name))


def unlock(database: Database) -> None:
    """Let its users in. Raises Busy where they must not be."""
    with holding.held(database.name, what="switch"):
        if database.state == "copy":
            raise Busy(f"{database.name} has moved away: this is its old copy")
        mark = marks.read(database.name)
        if mark.closed in ("incoming", "restoring"):
            raise Busy(f"{database.name} is not whole")
        if mark.closed:
            mark.closed = ""
            marks.save(mark)
        ENGINES[database.engine].unlock(database.name)


def compare(database: Database, patience: float) -> Dict[str, Any]:
    """What is in it: of a copy that has caught up, what was in it at that moment."""
    mark = marks.read(database.name)
    if mark.reached is not None:
        return comparisons.wait(database.name, patience)
    return ENGINES[database.engine].snapshot(database.name)()


def abort(context: Context, name: str, engine_name: str, move: str) -> None:
    """The copy is dropped, as if it had never been. Raises Busy for what is no copy."""
    engine = ENGINES[engine_name]
    with holding.held(name, patience=10):
        mark = marks.read(name)
        ours = mark.move == move and mark.closed in ("incoming", "ready")
        if not ours and engine.exists(name) and not engine.is_empty(name):
            raise Busy(f"{name} is no copy of that move on this host")
        engine.drop(name)
        stored.forget(context, name, "a move was called off")


def _target(database: Database, move: str) -> marks.Mark:
    mark = stored.mark_of(database.name, move)
    if mark.closed not in ("incoming", "ready") and mark.reached is None:
        raise Busy(f"{database.name} is not being copied to this host")
    if mark.position is None:
        raise Busy(f"{database.name} is not copied yet")
    return mark


def _was_locked(mark: marks.Mark) -> bool:
    """Whether the source was locked when the copy was made: there is nothing to follow."""
    return bool(mark.position and mark.position.get("locked"))


def _same_life(mark: marks.Mark, database: Database) -> None:
    if mark.life != ENGINES[database.engine].life():
        raise Changed("the server was restarted since the copy began to follow")
