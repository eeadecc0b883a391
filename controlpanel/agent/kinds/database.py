"""``database`` "db12": a database of MariaDB or PostgreSQL, and the users that may connect to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List

from ..databases import access, holding, marks, names
from ..databases.engines import ENGINES
from ..errors import AgentError, Invalid
from .base import Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction


class Database(Kind):
    """Spec: ``{"engine", "charset", "connections", "state", "clients": [addresses], "users": [{"name", "verifier",
    "access", "connections"}], "quota_full"}``. See ``databases.names``.

    What it does to data cannot be rolled back, so each database stands alone: one that fails does not hold up the
    others. What a move or a restore has closed stays closed, whatever the state says, but for "copy".
    """

    name = "database"
    roles = frozenset({"database"})
    order = 50
    prunable = False
    secrets = frozenset({"users.verifier"})

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        return names.validate(id, spec)

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        for item in items:
            try:
                _bring_about(item)
            except AgentError as error:
                item.failure = error
            tx.progress({"database": item.id})
        access.write(tx, tx.specs(self.name))

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        """Data never goes away because it was not on a list: what still exists is dropped by its call."""
        for item in items:
            if any(engine.exists(item.id) for engine in ENGINES.values()):
                item.failure = Invalid("a database is dropped by its call, never removed")
            else:
                marks.drop(item.id)
        access.write(tx, tx.specs(self.name))

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        found: Dict[str, str] = {}
        for engine in ENGINES.values():
            ours = [names.parse(id, spec) for id, spec in specs.items() if spec["engine"] == engine.name]
            if ours:
                found.update(engine.problems(ours, is_closed))
        problem = access.difference(specs) if specs else None
        if problem:
            found.setdefault(min(specs), problem)
        return found


def is_closed(name: str) -> bool:
    """Whether a move or a restore has closed it."""
    return bool(marks.read(name).closed)


def _bring_about(item: Item) -> None:
    database = names.parse(item.id, item.spec)
    if item.previous is not None and item.previous["engine"] != database.engine:
        raise Invalid("a database cannot become one of another engine")
    with holding.held(item.id, what="switch"):
        mark = marks.read(item.id)
        if database.state == "copy" and mark.closed:
            mark.closed = ""  # the spec says it from now on
            marks.save(mark)
        with holding.held_if_free(item.id) as free:
            # Of an old copy nobody uses any right: closing it is done while clients wait, and is kept short.
            inside = free is not None and database.state != "copy"
            ENGINES[database.engine].bring_about(database, bool(mark.closed), inside)
        if mark.closed:
            item.answer = {"closed": mark.closed}
