"""What one ``apply`` asks for, taken apart and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Set, Tuple

from . import fields
from .errors import AgentError, Invalid, Stale
from .kinds.base import Item
from .kinds.registry import Registry
from .redaction import scrub_text, secrets_of
from .store import Row, Store

#: Safe as one part of a path: no slash, no leading dot. Domain names fit, so it is longer than an identifier.
_ID = re.compile(r"\A[a-z0-9_][a-z0-9._-]{0,252}\Z")
_KIND = re.compile(r"\A[a-z][a-z_]{0,39}\Z")
ITEMS = 200_000


@dataclass
class Wanted:
    """A resource of the batch and what becomes of it."""

    kind: str
    id: str
    revision: int = 0
    item: Optional[Item] = None
    row: Optional[Row] = None
    #: Why it is refused (alone).
    refusal: Optional[AgentError] = None
    operation: str = ""
    #: Not asked for: it is here and the panel does not list it.
    pruned: bool = False

    @property
    def key(self) -> Tuple[str, str]:
        return self.kind, self.id


@dataclass
class Batch:
    """The arguments of an ``apply``."""

    operation: str
    wanted: List[Wanted]
    prune: bool
    check: bool
    #: With ``prune``: leave alone what was applied here after this number of the journal. The panel asks for the number
    #: before it reads its database, so that a resync never takes away what another operation has brought meanwhile.
    as_of: Optional[int]
    secrets: Set[str] = field(default_factory=set)

    def items(self) -> List[Item]:
        return [wanted.item for wanted in self.wanted if wanted.item is not None and wanted.refusal is None]


def parse(args: Dict[str, Any], registry: Registry) -> Batch:
    """Take the arguments apart and validate each resource; a bad one is refused alone, bad arguments raise Invalid."""
    fields.only(args, ("operation", "items", "prune", "check", "as_of"))
    raw = fields.fetch(args, "items")
    if not isinstance(raw, list) or len(raw) > ITEMS:
        raise Invalid(f"items: not a list of at most {ITEMS}")
    operation = args.get("operation")
    batch = Batch(
        operation="" if operation is None else str(operation)[:80],
        wanted=[],
        prune=fields.boolean(args, "prune", False),
        check=fields.boolean(args, "check", False),
        as_of=fields.integer(args, "as_of", 0, 2**62) if "as_of" in args else None,
    )
    seen: Set[Tuple[str, str]] = set()
    for resource in raw:
        wanted = _wanted(resource, registry, batch.secrets)
        wanted.operation = batch.operation
        if wanted.refusal is None and wanted.key in seen:
            wanted.refusal = Invalid("it is in the batch twice")
        seen.add(wanted.key)
        batch.wanted.append(wanted)
    return batch


def _wanted(resource: Any, registry: Registry, secrets: Set[str]) -> Wanted:
    if not isinstance(resource, dict):
        return Wanted("", "", refusal=Invalid("a resource is not an object"))
    kind, id = resource.get("kind"), resource.get("id")
    wanted = Wanted(
        kind if isinstance(kind, str) and _KIND.match(kind) else "",
        id if isinstance(id, str) and _ID.match(id) else "",
    )
    known = registry.kinds.get(wanted.kind)
    if known is not None:
        secrets |= secrets_of(known, resource.get("spec"))
    try:
        fields.only(resource, ("kind", "id", "revision", "state", "spec"))
        if not wanted.kind:
            raise Invalid("kind: not the name of a kind")
        if not wanted.id:
            raise Invalid("id: not an identifier")
        if known is None:
            raise Invalid(registry.broken.get(wanted.kind) or f"no host with these roles holds a {wanted.kind}")
        wanted.revision = fields.integer(resource, "revision", 0, 2**62)
        present = fields.one_of(resource, "state", ("present", "absent")) == "present"
        spec = fields.fetch(resource, "spec", {})
        if not isinstance(spec, dict):
            raise Invalid("spec: not an object")
        if present or spec:
            spec = known.validate(wanted.id, spec)
            secrets |= secrets_of(known, spec)
        wanted.item = Item(wanted.kind, wanted.id, wanted.revision, present, spec)
    except AgentError as error:
        wanted.refusal = error
    except Exception as error:  # a validation that stumbles over its input has not validated it
        text = scrub_text(f"{type(error).__name__}: {error}", secrets)
        wanted.refusal = Invalid("cannot be validated", text)
    return wanted


def merge(parts: List[Batch]) -> Batch:
    """Several batches as one, to be done or rolled back together; each keeps its ``wanted``."""
    merged = Batch("", [wanted for part in parts for wanted in part.wanted], prune=False, check=False, as_of=None)
    merged.secrets.update(*[part.secrets for part in parts])
    return merged


def compare_revisions(batch: Batch, store: Store, registry: Registry) -> None:
    """Look up what is here (``row``, ``previous``); refuse what is older than that. Under the host's lock."""
    by_kind: Dict[str, List[Wanted]] = {}
    for wanted in batch.wanted:
        if wanted.item is not None and wanted.refusal is None:
            by_kind.setdefault(wanted.kind, []).append(wanted)
    for kind, group in by_kind.items():
        rows = store.get_many(kind, [wanted.id for wanted in group])
        for wanted in group:
            wanted.row = row = rows.get(wanted.id)
            if row is None or wanted.item is None:
                continue
            if wanted.revision < row.revision:
                wanted.refusal = Stale(f"revision {row.revision} was applied here, this is {wanted.revision}")
            elif row.state != "absent":
                wanted.item.previous = row.spec
                batch.secrets |= secrets_of(registry.kinds[kind], row.spec)


def add_surplus(batch: Batch, store: Store, registry: Registry) -> List[Dict[str, Any]]:
    """For a full resync: add the removal of what is here and not listed; returns what must not be removed (data)."""
    listed: Dict[str, Set[str]] = {}
    for wanted in batch.wanted:
        listed.setdefault(wanted.kind, set()).add(wanted.id)
    unexpected: List[Dict[str, Any]] = []
    for name in store.kinds():
        kind = registry.kinds.get(name)
        for id, revision, seq in store.ids(name):
            if id in listed.get(name, ()) or (batch.as_of is not None and seq > batch.as_of):
                continue
            if kind is None or not kind.prunable:
                reason = "data is never removed by a resync" if kind is not None else "this release has no such kind"
                unexpected.append({"kind": name, "id": id, "problem": "unexpected", "detail": reason})
                continue
            item = Item(name, id, revision, False, {})
            batch.wanted.append(Wanted(name, id, revision, item, operation=batch.operation, pruned=True))
    return unexpected
