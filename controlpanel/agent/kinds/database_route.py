"""``database_route`` "db12": the way from this host's sites to one database."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, Dict, List

from .. import fields
from ..errors import Invalid
from ..gate import names, paths, rows
from ..gate.changes import changes_of
from ..haproxy import drift
from ..haproxy.changes import read
from ..haproxy.paths import GATE
from ..haproxy.rows import merge
from .base import Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction

_ID = re.compile(r"\Adb[1-9][0-9]{0,9}\Z")
_NETWORK = ipaddress.ip_network(paths.NETWORK)


class DatabaseRoute(Kind):
    """Spec: ``{"address": on the loopback, "port", "host": IP address, "hold": 0 or a number}``.

    With ``hold`` new connections wait at the gate, for at most 30 seconds; another number is another hold.
    """

    name = "database_route"
    roles = frozenset({"web"})
    order = 30

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        if not _ID.match(id):
            raise Invalid("not the name of a database")
        fields.only(spec, ("address", "port", "host", "hold"))
        address = fields.ip_address(spec, "address")
        if ipaddress.ip_address(address) not in _NETWORK:
            raise Invalid("address: not one of the addresses of databases")
        port = fields.integer(spec, "port", 1, 65535)
        if port not in paths.PORTS:
            raise Invalid("port: not one of a database server")
        return {
            "address": address,
            "port": port,
            "host": fields.ip_address(spec, "host"),
            "hold": fields.integer(spec, "hold", 0, 2**62, 0),
        }

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        moved = [rows.of_way(item.id, None, item.previous) for item in items if item.previous]
        changes_of(tx).edit(merge([*moved, *(rows.of_way(item.id, item.spec) for item in items)]))
        names.edit(tx, {item.id: item.spec["address"] for item in items})

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(merge(rows.of_way(item.id, None, item.previous) for item in items))
        names.edit(tx, {item.id: None for item in items})

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        found = drift.of_rows({id: rows.of_way(id, spec) for id, spec in specs.items()}, GATE)
        known = names.in_file(read(paths.HOSTS))
        for id, spec in specs.items():
            if id not in found and known.get(id) != spec["address"]:
                found[id] = "%s does not name it, or names another address" % paths.HOSTS
        return found
