"""What the panel has said of the databases of this host."""

from __future__ import annotations

from typing import Any, Dict

from .. import lock
from ..calls import Context
from ..errors import Busy, Invalid
from ..store import Entry
from ..transaction import Transaction
from . import access, marks, names
from .engines import ENGINES, Engine


def database(context: Context, args: Dict[str, Any]) -> names.Database:
    """The database that a call names, as it was last applied. Raises Invalid when it is not here."""
    name, engine = names.database_name(args), names.engine_name(args)
    spec = context.store.spec("database", name)
    if spec is None:
        raise Invalid(f"there is no resource database {name} on this host")
    if spec["engine"] != engine:
        raise Invalid(f"{name} is a database of {spec['engine']}")
    return names.parse(name, spec)


def engine(args: Dict[str, Any]) -> Engine:
    return ENGINES[names.engine_name(args)]


def mark_of(name: str, move: str) -> marks.Mark:
    """The mark of a move that has begun here. Raises Busy when it is another's, Invalid when there is none."""
    mark = marks.read(name)
    if not mark.move:
        raise Invalid(f"no move of {name} has begun on this host")
    if mark.move != move:
        raise Busy(f"another move of {name} is under way on this host")
    return mark


def forget(context: Context, name: str, detail: str) -> None:
    """The resource is no longer here; its revision stays, so that nothing older brings it back."""
    with lock.held(context.paths.lock):
        row = context.store.get("database", name)
        if row is not None and row.state != "absent":
            entry = Entry("database", name, row.revision, "removed", detail)
            context.store.finish("", [("database", name, row.revision, None, entry)])
            tx = Transaction(context.store)
            try:
                access.write(tx, context.store.specs("database"))
                tx.commit()
            except Exception:
                tx.rollback()
                raise
    marks.drop(name)
    marks.drop_result(name)
