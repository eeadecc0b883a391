"""``site_route`` "12": which web host serves a site, and what is done with its visitors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, List

from .. import fields
from ..errors import Failed, Invalid
from ..haproxy import config, drift, paths, rows
from ..haproxy.changes import changes_of, read
from .base import Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction

_ID = re.compile(r"\A[1-9][0-9]{0,18}\Z")


class SiteRoute(Kind):
    """Spec: ``{"backend": name of a web host, "mode": one of config.MODES}``."""

    name = "site_route"
    roles = frozenset({"edge"})
    order = 30

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        if not _ID.match(id):
            raise Invalid("not the id of a site")
        fields.only(spec, ("backend", "mode"))
        return {
            "backend": fields.host_name(spec, "backend"),
            "mode": fields.one_of(spec, "mode", tuple(config.MODES), "normal"),
        }

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        known = config.backends_in(read(paths.CONFIG).decode(errors="replace"))
        edits = []
        for item in items:
            if item.spec["backend"] in known:
                edits.append(rows.of_site_route(item.id, item.spec))
            else:
                # A map that names a backend that does not exist would answer every visitor with an error.
                item.failure = Failed("this edge knows no web host %s" % item.spec["backend"])
                edits.append(rows.of_site_route(item.id, item.previous))
        changes_of(tx).edit(rows.merge(edits))

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_site_route(item.id, None) for item in items))

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        return drift.of_rows({id: rows.of_site_route(id, spec) for id, spec in specs.items()})
