"""Applies batches of resources: under one lock, each batch as a whole, all of it noted in the store and the journal."""

from __future__ import annotations

import time
import traceback
from typing import Any, Dict, List, Optional, Set, Tuple

from . import batch as batches
from . import drift, lock, standdown
from .batch import Batch, Wanted
from .calls import Context, Progress
from .errors import AgentError
from .kinds.base import Item, Kind
from .kinds.registry import Registry
from .redaction import scrub, scrub_text, secrets_of
from .store import Entry
from .transaction import Transaction
from .unfinished import Key, Unfinished
from .waiting import WaitingRoom, as_outcome, result_of

#: How often a resource that fails at boot is tried, and the seconds between.
BOOT_TRIES, BOOT_PAUSE = 20, 5.0


class Engine:
    """The only thing on a host that changes it on the panel's behalf."""

    def __init__(self, registry: Registry, context: Context) -> None:
        self.registry = registry
        self.store = context.store
        self.paths = context.paths
        self.unfinished = Unfinished(context.paths.unfinished)
        self.waiting = WaitingRoom(context.paths.waiting)

    # --- the call --------------------------------------------------------------------------------------------

    def apply(self, args: Dict[str, Any], context: Context) -> Dict[str, Any]:
        """Bring a batch about (see Kind for the order), or with ``check`` only compare.

        Answers ``{"items": [{"kind", "id", "status", …}]}``, with ``prune`` also ``pruned`` and ``unexpected``, with
        ``check`` instead ``differences``. Raises AgentError when the batch as a whole failed and was rolled back.
        """
        batch = batches.parse(args, self.registry)
        if batch.check:
            found = drift.compare(batch, self.registry, self.store, self.paths.lock)
            return {"items": [], "differences": scrub(found, batch.secrets)}
        if batch.prune:
            with lock.held(self.paths.lock):
                answer = self._replace_all(batch, context.progress)
                standdown.lift(self.paths)
                return answer
        if standdown.stands_down(self.paths):
            raise standdown.StandsDown("this host is fenced off and takes nothing but a full resync")
        with self.waiting.seat(args) as seat:
            with lock.held(self.paths.lock, unless=seat.answered) as alone:
                if alone and not seat.answered():
                    return self._lead(seat.id, args, batch, context.progress)
            outcome = seat.take()
        if outcome is None:
            raise AgentError("the answer that was left for this batch is gone")
        return result_of(outcome)

    def _lead(self, id: str, args: Dict[str, Any], batch: Batch, progress: Progress) -> Dict[str, Any]:
        """Do our batch, and with it those that wait for the lock that we hold."""
        group = {id: batch}
        taken = {wanted.key for wanted in batch.wanted}
        asked = {id: args}
        for other, other_args in self.waiting.others():
            if other == id:
                continue
            try:
                theirs = batches.parse(other_args, self.registry)
            except AgentError as error:
                self.waiting.answer(other, as_outcome(error))
                continue
            keys = {wanted.key for wanted in theirs.wanted}
            if not (theirs.prune or theirs.check or keys & taken):
                taken |= keys
                group[other], asked[other] = theirs, other_args
        if len(group) == 1:
            return self._alone(batch, progress)
        merged = batches.merge(list(group.values()))
        batches.compare_revisions(merged, self.store, self.registry)
        try:
            changed = self._carry_out(merged, progress, journal_failure=False)
        except AgentError:
            return self._one_by_one(id, asked, progress)
        for other, theirs in group.items():
            theirs.secrets = merged.secrets
            if other != id:
                self.waiting.answer(other, {"result": self._answers(theirs, changed)})
        return self._answers(batch, changed)

    def _one_by_one(self, id: str, asked: Dict[str, Dict[str, Any]], progress: Progress) -> Dict[str, Any]:
        """Together they failed, for which only one may be to blame: each for itself, from the start."""
        for other, args in asked.items():
            if other != id:
                try:
                    outcome = {"result": self._alone(batches.parse(args, self.registry), progress)}
                except AgentError as error:
                    outcome = as_outcome(error)
                self.waiting.answer(other, outcome)
        return self._alone(batches.parse(asked[id], self.registry), progress)

    def _alone(self, batch: Batch, progress: Progress) -> Dict[str, Any]:
        batches.compare_revisions(batch, self.store, self.registry)
        return self._answers(batch, self._carry_out(batch, progress))

    def _answers(self, batch: Batch, changed: "Dict[str, Set[str]]") -> Dict[str, Any]:
        return {"items": [self._answer(wanted, batch, changed) for wanted in batch.wanted]}

    def _replace_all(self, batch: Batch, progress: Progress) -> Dict[str, Any]:
        """A full resync: the batch, and the removal of what is not in it. Under the lock."""
        asked = len(batch.wanted)
        unexpected = batches.add_surplus(batch, self.store, self.registry)
        batches.compare_revisions(batch, self.store, self.registry)
        changed = self._carry_out(batch, progress)
        surplus = batch.wanted[asked:]
        told = batch.wanted[:asked] + [wanted for wanted in surplus if wanted.item and wanted.item.failure]
        return {
            "items": [self._answer(wanted, batch, changed) for wanted in told],
            "pruned": [{"kind": wanted.kind, "id": wanted.id} for wanted in surplus],
            "unexpected": unexpected,
        }

    def boot(self, tries: int = BOOT_TRIES, pause: float = BOOT_PAUSE) -> List[str]:
        """After a reboot: let each kind bring its stored resources about again; returns what went wrong, in words.

        What fails (storage may need a minute to believe that our last life has ended) is tried again, without what went
        well, and without the lock in between: the panel may be quicker.
        """
        if standdown.stands_down(self.paths):
            return ["this host is fenced off: nothing is brought back before it has been cleaned"]
        left: Dict[str, Optional[Set[str]]] = {kind.name: None for kind in self.registry.ascending()}
        troubles: List[str] = []
        for turn in range(tries):
            if turn:
                time.sleep(pause)
            troubles = []
            for kind in self.registry.ascending():
                if kind.name in left:
                    failed = self._boot_kind(kind, left[kind.name], troubles)
                    left[kind.name] = failed
                    if not failed:
                        del left[kind.name]
            if not left:
                break
        return troubles

    def _boot_kind(self, kind: Kind, ids: Optional[Set[str]], troubles: List[str]) -> Set[str]:
        """Boot the kind's resources (those of ``ids``, None for all); returns the ids of those that failed."""
        with lock.held(self.paths.lock):
            rows = [row for row in self.store.rows(kind.name) if row.present and (ids is None or row.id in ids)]
            if not rows:
                return set()
            items = [Item(row.kind, row.id, row.revision, True, row.spec, row.spec) for row in rows]
            secrets = secrets_of(kind, *[row.spec for row in rows])
            tx = Transaction(self.store, items)
            try:
                kind.boot(tx, items)
                tx.commit()
            except Exception as error:
                failure = self._failure(error, tx.rollback(), secrets)
                troubles.append(f"{kind.name}: {failure.reason} {failure.output}".strip())
                return {item.id for item in items}
            for item in items:
                if item.failure is not None:
                    words = f"{item.kind} {item.id}: {item.failure.reason} {item.failure.output}".strip()
                    troubles.append(scrub_text(words, secrets))
            return {item.id for item in items if item.failure is not None}

    # --- one batch -------------------------------------------------------------------------------------------

    def _carry_out(self, batch: Batch, progress: Progress, journal_failure: bool = True) -> "Dict[str, Set[str]]":
        """Do it; returns the paths that changed, by kind. Under the lock. Raises AgentError, with all rolled back."""
        items = batch.items()
        refusals = [
            self._entry(wanted, batch, f"refused:{wanted.refusal.code}") for wanted in batch.wanted if wanted.refusal
        ]
        if not items:
            if refusals:
                self.store.finish(batch.operation, [], refusals)
            return {}
        before = self.unfinished.read()
        mine: Set[Key] = {(item.kind, item.id) for item in items}
        self.unfinished.write(before | mine)
        begun = self._begin(batch)
        tx = Transaction(self.store, items, lambda data: progress(scrub(data, batch.secrets)))
        try:
            self._call_kinds(tx, items, before)
            tx.commit()
        except BaseException as error:
            troubles = tx.rollback()
            self.store.put_back(begun)
            # What could not be undone stays named, so that the next try takes nothing for granted.
            self.unfinished.write(before | mine if troubles else before)
            failure = self._failure(error, troubles, batch.secrets)
            failed = [wanted for wanted in batch.wanted if wanted.refusal is None]
            entries = [self._entry(wanted, batch, f"failed:{failure.code}", failure.reason) for wanted in failed]
            if journal_failure:
                self.store.finish(batch.operation, [], refusals + entries)
            if isinstance(error, Exception):
                raise failure from error
            raise
        self._note(batch, refusals, tx.changed_by)
        left = {(item.kind, item.id) for item in items if item.failure is not None}
        self.unfinished.write((before - mine) | left)
        return tx.changed_by

    def _begin(self, batch: Batch) -> "List[Tuple[str, str, Any]]":
        new = [
            wanted
            for wanted in batch.wanted
            if wanted.item is not None and wanted.refusal is None and wanted.item.present
            if wanted.row is None or not wanted.row.present
        ]
        if new:
            self.store.begin(
                batch.operation,
                [(wanted.kind, wanted.id, wanted.revision, wanted.item.spec) for wanted in new if wanted.item],
            )
        return [(wanted.kind, wanted.id, wanted.row) for wanted in new]

    def _call_kinds(self, tx: Transaction, items: List[Item], half_done: Set[Key]) -> None:
        groups: Dict[Tuple[str, bool], List[Item]] = {}
        for item in items:
            groups.setdefault((item.kind, item.present), []).append(item)
        ascending = self.registry.ascending()
        for present, kinds in ((False, ascending[::-1]), (True, ascending)):
            for kind in kinds:
                group = groups.get((kind.name, present))
                if group:
                    tx.kind = kind.name
                    tx.force = any((item.kind, item.id) in half_done for item in group)
                    (kind.apply if present else kind.remove)(tx, group)
        tx.force = False

    def _note(self, batch: Batch, others: List[Entry], changed: "Dict[str, Set[str]]") -> None:
        """Store what was brought about. What was so before is not written again: a resync is mostly that."""
        resources = []
        mended = dict(changed)
        for wanted in batch.wanted:
            item = wanted.item
            if item is None or wanted.refusal is not None:
                continue
            if item.failure is not None:
                others.append(self._entry(wanted, batch, f"failed:{item.failure.code}", item.failure.reason))
                continue
            if self._was_so(wanted):
                continue
            mended.pop(item.kind, None)
            outcome = "applied" if item.present else "pruned" if wanted.pruned else "removed"
            entry = self._entry(wanted, batch, outcome)
            resources.append((item.kind, item.id, item.revision, item.spec if item.present else None, entry))
        for kind, paths in mended.items():  # nothing new was asked for, yet something had to be changed
            others.append(Entry(kind, "*", 0, "mended", ", ".join(sorted(paths))))
        if resources or others:
            self.store.finish(batch.operation, resources, others)

    # --- words -----------------------------------------------------------------------------------------------

    @staticmethod
    def _was_so(wanted: Wanted) -> bool:
        row, item = wanted.row, wanted.item
        if row is None or item is None or row.revision != item.revision:
            return False
        return row.present and row.spec == item.spec if item.present else row.state == "absent"

    def _answer(self, wanted: Wanted, batch: Batch, changed: "Dict[str, Set[str]]") -> Dict[str, Any]:
        answer: Dict[str, Any] = {"kind": wanted.kind, "id": wanted.id}
        error = wanted.refusal or (wanted.item.failure if wanted.item else None)
        if error is not None:
            answer["status"] = "refused" if wanted.refusal else "failed"
            answer["code"] = error.code
            answer["reason"] = scrub_text(error.reason, batch.secrets)
            if error.output:
                answer["output"] = scrub_text(error.output, batch.secrets)
            return answer
        answer["status"] = "unchanged" if self._was_so(wanted) and wanted.kind not in changed else "ok"
        if wanted.item and wanted.item.answer:
            answer["answer"] = scrub(wanted.item.answer, batch.secrets)
        return answer

    @staticmethod
    def _entry(wanted: Wanted, batch: Batch, outcome: str, detail: str = "") -> Entry:
        detail = detail or (wanted.refusal.reason if wanted.refusal else "")
        detail = scrub_text(detail, batch.secrets)
        return Entry(wanted.kind, wanted.id, wanted.revision, outcome, detail, wanted.operation)

    @staticmethod
    def _failure(error: BaseException, troubles: List[str], secrets: Set[str]) -> AgentError:
        if isinstance(error, AgentError):
            failure = type(error)(error.reason, error.output)
        else:
            trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            failure = AgentError(f"{type(error).__name__}: {error}", trace)
        if troubles:
            failure.output += "\nThe roll back was not complete:\n" + "\n".join(troubles)
        failure.reason = scrub_text(failure.reason, secrets)
        failure.output = scrub_text(failure.output, secrets)
        return failure
