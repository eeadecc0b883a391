"""``site_route`` "12": which web host serves a site, and what is done with its visitors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, List

from .. import fields
from ..errors import Failed, Invalid
from ..haproxy import config, drift, paths, rows, spread
from ..haproxy.changes import changes_of, load, read
from .base import Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction

_ID = re.compile(r"\A[1-9][0-9]{0,18}\Z")


class SiteRoute(Kind):
    """Spec: ``{"backend": name of a web host, "mode": one of config.MODES}``; ``"more"``: names of further ones.

    With mode "hold" also ``"hold"``, a number that no other hold of the site has.
    """

    name = "site_route"
    roles = frozenset({"edge"})
    order = 30

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        if not _ID.match(id):
            raise Invalid("not the id of a site")
        fields.only(spec, ("backend", "mode", "more", "hold"))
        route: Dict[str, Any] = {
            "backend": fields.host_name(spec, "backend"),
            "mode": fields.one_of(spec, "mode", tuple(config.MODES), "normal"),
        }
        if route["mode"] == "hold":
            route["hold"] = fields.integer(spec, "hold", 1, 2**53)
        more = sorted(fields.list_of(spec, "more", fields.host_name, max=spread.MOST - 1)) if "more" in spec else []
        if len({route["backend"], *more}) != 1 + len(more):
            raise Invalid("more: a web host is there twice")
        return {**route, "more": more} if more else route

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        known = config.backends_in(read(paths.CONFIG).decode(errors="replace"))
        edits = [self._lost(items)]
        for item in items:
            unknown = {item.spec["backend"], *item.spec.get("more", ())} - known
            if not unknown:
                edits.append(rows.of_site_route(item.id, item.spec))
            else:
                # A map that names a backend that does not exist would answer every visitor with an error.
                item.failure = Failed("this edge knows no web host %s" % ", ".join(sorted(unknown)))
                edits.append(rows.of_site_route(item.id, item.previous))
        changes_of(tx).edit(rows.merge(edits))

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge([self._lost(items), *(rows.of_site_route(item.id, None) for item in items)]))

    @staticmethod
    def _lost(items: List[Item]) -> rows.TableRows:
        """Rows of the spread map that these sites have and are not to have."""
        wanted = {item.id: spread.rows(item.id, item.spec if item.present else None) for item in items}
        lost = spread.stale_rows((key for key, _ in load(paths.SPREAD, trust=True)), wanted)
        return {paths.SPREAD: lost} if lost else {}

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        return drift.of_rows({id: rows.of_site_route(id, spec) for id, spec in specs.items()})
