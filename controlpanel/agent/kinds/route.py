"""``route`` "name.example": a public name, and the site that it leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List

from .. import fields
from ..errors import Invalid
from ..haproxy import drift, rows
from ..haproxy.changes import changes_of
from .base import Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction


class Route(Kind):
    """Spec: ``{"site": id, "redirect_to": another name (or left out)}``."""

    name = "route"
    roles = frozenset({"edge"})
    order = 40

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        fields.domain_name({"id": id}, "id")
        fields.only(spec, ("site", "redirect_to"))
        route: Dict[str, Any] = {"site": fields.integer(spec, "site", 1, 2**63 - 1)}
        if spec.get("redirect_to") is not None:
            route["redirect_to"] = fields.domain_name(spec, "redirect_to")
            if route["redirect_to"] == id:
                raise Invalid("redirect_to: a name cannot lead to itself")
        return route

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_route(item.id, item.spec) for item in items))

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_route(item.id, None) for item in items))

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        return drift.of_rows({id: rows.of_route(id, spec) for id, spec in specs.items()})
