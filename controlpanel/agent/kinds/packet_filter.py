"""``packet_filter`` "base": nftables' rules for the addresses of an edge that shielded sites are told to use."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from .. import commands, fields, nftables
from ..errors import Invalid
from .base import File, Item, Kind
from .shield import network

if TYPE_CHECKING:
    from ..transaction import Transaction

DIRECTORY = "/etc/controlpanel"
PATH = DIRECTORY + "/packet_filter.nft"
#: The blocked networks and until when: what is loaded of them depends on the time of day.
BLOCKED = DIRECTORY + "/packet_filter.blocked.json"
#: How nft listed the table when it was loaded, to compare with.
LOADED = "/var/lib/controlpanel/packet_filter.loaded"
MOST_ADDRESSES, MOST_BLOCKED = 64, 1000
#: 2100: a block that never ends is told by a date, too.
LAST_SECOND = 4102444800


class PacketFilter(Kind):
    """Spec: ``{"addresses": [shielded addresses of this edge], "rate": new connections of a source in a second,
    "burst": at once, "connections": of a source at a time, "blocked": [{"network", "until": seconds since 1970}]}``.
    """

    name = "packet_filter"
    roles = frozenset({"edge"})
    order = 12

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        if id != "base":
            raise Invalid("an edge has one packet filter, named base")
        fields.only(spec, ("addresses", "rate", "burst", "connections", "blocked"))
        blocked = fields.list_of(spec, "blocked", _blocked, max=MOST_BLOCKED, default=())
        return {
            "addresses": sorted(set(fields.list_of(spec, "addresses", fields.ip_address, max=MOST_ADDRESSES))),
            "rate": fields.integer(spec, "rate", 1, 100_000),
            "burst": fields.integer(spec, "burst", 1, 100_000),
            "connections": fields.integer(spec, "connections", 1, 100_000),
            "blocked": sorted(blocked, key=lambda entry: (entry["network"], entry["until"])),
        }

    def files(self, id: str, spec: Dict[str, Any]) -> List[File]:
        blocked = json.dumps(spec["blocked"], indent=1) + "\n"
        return [File(PATH, nftables.render(spec).encode()), File(BLOCKED, blocked.encode())]

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        tx.mkdir(DIRECTORY)
        super().apply(tx, items)
        tx.run(["nft", "-c", "-f", PATH], reason="nft does not take the packet rules")
        tx.reload("packet filter", load)

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        super().remove(tx, items)
        tx.reload("packet filter", load)

    def boot(self, tx: "Transaction", items: List[Item]) -> None:
        self.apply(tx, items)

    def observe(self, id: str, spec: Dict[str, Any]) -> Optional[str]:
        try:
            with open(LOADED) as file:
                loaded = file.read()
        except FileNotFoundError:
            return "it was never loaded"
        return None if listing() == loaded else "the packet rules in force are other than those that were loaded"


def _blocked(spec: Dict[str, Any], key: str) -> Dict[str, Any]:
    entry = fields.record(spec, key, ("network", "until"))
    return {"network": network(entry, "network"), "until": fields.integer(entry, "until", 0, LAST_SECOND)}


def load() -> None:
    """Bring into force what the files say (nothing without them): all of it or none. Right after a roll back too."""
    if os.path.exists(PATH):
        with open(PATH) as file, open(BLOCKED) as blocked:
            rules = file.read() + nftables.render_blocked(json.load(blocked), time.time())
    else:
        rules = "table inet %s\ndelete table inet %s\n" % (nftables.TABLE, nftables.TABLE)
    commands.run(["nft", "-f", "-"], input=rules.encode(), reason="nft does not take the packet rules")
    with open(LOADED, "w") as file:
        file.write(listing())


def listing() -> str:
    """The table as nft lists it, without what comes and goes by itself."""
    table = ["nft", "-s", "-t", "list", "table", "inet", nftables.TABLE]
    text = commands.run(table, ok=(0, 1))
    for version in (4, 6):
        text += commands.run(["nft", "-s", "list", "set", "inet", nftables.TABLE, "shielded%d" % version], ok=(0, 1))
    return text
