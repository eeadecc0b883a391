"""The interface between the apply engine and a kind of resource."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from ..errors import AgentError

if TYPE_CHECKING:
    from ..transaction import Transaction


@dataclass(frozen=True)
class File:
    """A file as it should be. Always below a directory that the agent owns or a package's ``*.d``."""

    path: str
    content: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


@dataclass
class Item:
    """One resource of a batch."""

    kind: str
    id: str
    revision: int
    present: bool
    spec: Dict[str, Any]
    #: The spec that this host had applied before, None when it is new here.
    previous: Optional[Dict[str, Any]] = None
    #: What the panel should know beyond "ok" (never a secret); set by the kind.
    answer: Dict[str, Any] = field(default_factory=dict)
    #: Set by a kind that could not bring about this one while the others of the batch are fine: it alone is reported
    #: as failed and not stored. (Raising instead rolls the whole batch back.)
    failure: Optional[AgentError] = None


class Kind:
    """A kind of resource. The engine calls, under the host's lock and in this order:

    1. ``validate`` for each item (an invalid one is refused alone, the rest goes on);
    2. ``remove`` with all absent items, kinds in descending ``order``;
    3. ``apply`` with all present items, kinds in ascending ``order``;
    4. the transaction's checks (``nginx -t``), reloads, then its confirmations; any exception rolls all back;
    5. the store takes the new revisions and specs, and the journal a line each.
    """

    name = ""
    #: Hosts of which roles may hold it.
    roles: "frozenset[str]" = frozenset()
    order = 50
    #: May a full resync remove what the panel does not list? (Never for data.)
    prunable = True
    #: Keys of the spec that are secrets: never in journal, answers, progress or drift. "users.verifier": that key of
    #: each object in the list ``users``.
    secrets: "frozenset[str]" = frozenset()

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        """The spec, checked field by field (``fields.py``) and normalized. Raises Invalid."""
        raise NotImplementedError

    def files(self, id: str, spec: Dict[str, Any]) -> List[File]:
        """The files of one resource: a pure function, used to write them and to find edits by hand."""
        return []

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        """Bring all items (present) about. The default writes ``files`` and removes those that only ``previous`` had.

        Reload when ``tx.write`` returned True for one of them (or ``tx.changed`` has it): after a crash in the middle
        the engine sets ``tx.force``, and then both say so although the file already stands there.
        """
        for item in items:
            files = self.files(item.id, item.spec)
            for file in files:
                tx.write(file)
            if item.previous is not None:
                kept = {file.path for file in files}
                for file in self.files(item.id, item.previous):
                    if file.path not in kept:
                        tx.remove(file.path)

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        """Take all items (absent) away; right also for what never was. The default removes ``previous``'s files."""
        for item in items:
            if item.previous is not None:
                for file in self.files(item.id, item.previous):
                    tx.remove(file.path)

    def boot(self, tx: "Transaction", items: List[Item]) -> None:
        """After this host has booted, before the panel speaks to it: bring the stored items (present) about again.

        The default does nothing, which is right for what is only files. A kind whose things do not survive a reboot
        (mounts, transient units) calls its ``apply``.
        """

    def observe(self, id: str, spec: Dict[str, Any]) -> Optional[str]:
        """For drift, beyond files: what is wrong with the running thing, or None."""
        return None

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        """For drift: what is wrong with whom, by id. Override it where one look serves all (a map, a mount table)."""
        found = {}
        for id, spec in specs.items():
            problem = self.observe(id, spec)
            if problem:
                found[id] = problem
        return found
