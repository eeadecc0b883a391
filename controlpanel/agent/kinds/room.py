"""``room`` "12": the clean room of a quarantined site, at the edges."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, List

from .. import fields
from ..errors import Invalid
from ..haproxy import drift, rows
from ..haproxy.changes import changes_of
from .base import Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction

_ID = re.compile(r"\A[1-9][0-9]{0,18}\Z")
_DIGEST = re.compile(r"\A[0-9a-f]{64}\Z")


class Room(Kind):
    """Spec: ``{"digest": SHA-256 of what opens it, "until": seconds since 1970}``."""

    name = "room"
    roles = frozenset({"edge"})
    order = 32

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        if not _ID.match(id):
            raise Invalid("not the id of a site")
        fields.only(spec, ("digest", "until"))
        digest = fields.text(spec, "digest", 64)
        if not _DIGEST.match(digest):
            raise Invalid("digest: not a SHA-256")
        return {"digest": digest, "until": fields.integer(spec, "until", 0, 2**40)}

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_room(item.id, item.spec, item.previous) for item in items))

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_room(item.id, None, item.previous) for item in items))

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        return drift.of_rows({id: rows.of_room(id, spec) for id, spec in specs.items()})
