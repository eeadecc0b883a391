"""Compares what should be here with what was applied, and what was applied with the real files and programs."""

from __future__ import annotations

from typing import Any, Dict, List

from . import disk, lock
from .batch import Batch, Wanted
from .errors import AgentError
from .kinds.base import Kind
from .kinds.registry import Registry
from .redaction import differing_keys, secrets_of
from .store import Store

Difference = Dict[str, Any]


def compare(batch: Batch, registry: Registry, store: Store, lock_path: str) -> List[Difference]:
    """``[{"kind", "id", "problem": "missing"|"different"|"unexpected"|"edited", "detail"}]``; changes nothing.

    It looks without the lock first, for looking may take long, and looks again with the lock (shared) at the kinds
    where something differs: what was only in the middle of a change does not count.
    """
    wanted: Dict[str, List[Wanted]] = {}
    for item in batch.wanted:
        wanted.setdefault(item.kind, []).append(item)
    found: List[Difference] = []
    for name in sorted(set(wanted) | set(store.kinds())):
        differences = _compare_kind(name, wanted.get(name, []), batch, registry, store)
        if differences:
            keys = {(difference["id"], difference["problem"]) for difference in differences}
            with lock.held(lock_path, shared=True):
                again = _compare_kind(name, wanted.get(name, []), batch, registry, store)
            found += [difference for difference in again if (difference["id"], difference["problem"]) in keys]
    return found


def _compare_kind(name: str, wanted: List[Wanted], batch: Batch, registry: Registry, store: Store) -> List[Difference]:
    kind = registry.kinds.get(name)
    here = {row.id: row for row in store.rows(name) if row.state != "absent"}
    found: List[Difference] = []

    def differs(id: str, problem: str, detail: str = "") -> None:
        found.append({"kind": name, "id": id, "problem": problem, "detail": detail})

    same: Dict[str, Dict[str, Any]] = {}
    for item in wanted:
        row = here.pop(item.id, None)
        if item.refusal is not None or item.item is None or kind is None:
            differs(item.id, "different", item.refusal.reason if item.refusal else "this release has no such kind")
        elif not item.item.present:
            if row is not None:
                differs(item.id, "unexpected")
        elif row is None:
            differs(item.id, "missing")
        elif not row.present:
            differs(item.id, "different", "its change was begun and never finished")
        elif row.spec != item.item.spec:
            batch.secrets |= secrets_of(kind, row.spec)
            differs(item.id, "different", differing_keys(kind, item.item.spec, row.spec))
        elif row.revision != item.revision:
            differs(item.id, "different", f"revision {row.revision} instead of {item.revision}")
        else:
            same[item.id] = row.spec
    for id in here:
        differs(id, "unexpected")
    if kind is not None:
        for id, problem in sorted(_edits(kind, same).items()):
            differs(id, "edited", problem)
    return found


def _edits(kind: Kind, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
    """What differs on the host itself from what was applied there, by id."""
    edits: Dict[str, str] = {}
    for id, spec in specs.items():
        try:
            problems = [problem for file in kind.files(id, spec) for problem in [disk.difference(file)] if problem]
        except Exception as error:
            problems = [f"cannot be compared: {_words(error)}"]
        if problems:
            edits[id] = "; ".join(problems)
    try:
        for id, problem in kind.observe_all(specs).items():
            edits[id] = f"{edits[id]}; {problem}" if id in edits else problem
    except Exception as error:
        edits["*"] = f"cannot be compared: {_words(error)}"
    return edits


def _words(error: Exception) -> str:
    return error.reason if isinstance(error, AgentError) else f"{type(error).__name__}: {error}"
