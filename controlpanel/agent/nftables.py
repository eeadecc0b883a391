"""Stricter packet rules for an edge's shielded addresses: text for ``nft -f``, a pure function of the spec.

One table of ours, replaced as a whole or not at all; whatever else a host filters stays as it is. HAProxy protects one
site from its visitors; this protects the addresses that attacked sites are moved to, before anything is read.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Dict, List

TABLE = "controlpanel"
#: Seconds that a source which opens connections too fast is not heard.
PENANCE = 60
#: Sources that are remembered at a time, of each IP version.
SOURCES = 65536

_SKELETON = """\
# Written by the control panel's agent. Changes by hand are found and undone.
table inet {table}
delete table inet {table}
table inet {table} {{
{sets}
	chain input {{
		type filter hook input priority filter - 10; policy accept;
		ip daddr @shielded4 jump guard4
		ip6 daddr @shielded6 jump guard6
	}}
{chains}}}
"""

_SETS = """\
	set shielded{v} {{
		type {type}
{shielded}	}}
	set blocked{v} {{
		type {type}
		flags interval,timeout
	}}
	set flooding{v} {{
		type {type}
		flags dynamic,timeout
		size {sources}
		timeout {penance}s
	}}
	set opening{v} {{
		type {type}
		flags dynamic,timeout
		size {sources}
		timeout 10s
	}}
	set open{v} {{
		type {type}
		flags dynamic
		size {sources}
	}}
"""

_CHAIN = """\
	chain guard{v} {{
		{address} @blocked{v} counter drop
		{source} @flooding{v} counter drop
		ct state established,related accept
		ct state invalid counter drop
		tcp dport {{ 80, 443 }} ct state new jump new{v}
{always}		meta l4proto {icmp} limit rate 20/second accept
		counter drop
	}}
	chain new{v} {{
		add @opening{v} {{ {source} limit rate over {rate}/second burst {burst} packets }} jump flood{v}
		add @open{v} {{ {source} ct count over {connections} }} counter drop
		accept
	}}
	chain flood{v} {{
		update @flooding{v} {{ {source} }}
		counter drop
	}}
"""

#: With IPv6 a source is a network of 64 bits, as for HAProxy.
_VERSIONS: Dict[int, Dict[str, Any]] = {
    4: {"v": 4, "type": "ipv4_addr", "address": "ip saddr", "source": "ip saddr", "icmp": "icmp", "always": ""},
    6: {
        "v": 6,
        "type": "ipv6_addr",
        "address": "ip6 saddr",
        "source": "ip6 saddr and ffff:ffff:ffff:ffff::",
        "icmp": "ipv6-icmp",
        # Without these nobody would find the address on its own network.
        "always": "\t\ticmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n",
    },
}


def render(spec: Dict[str, Any]) -> str:
    """The whole table, without the blocked networks. ``spec`` has been validated."""
    values = {"rate": spec["rate"], "burst": spec["burst"], "connections": spec["connections"]}
    values.update(sources=SOURCES, penance=PENANCE)
    sets = chains = ""
    for version, words in _VERSIONS.items():
        mine = [address for address in spec["addresses"] if ipaddress.ip_address(address).version == version]
        elements = "\t\telements = { %s }\n" % ", ".join(mine) if mine else ""
        sets += _SETS.format(shielded=elements, **words, **values)
        chains += _CHAIN.format(**words, **values)
    return _SKELETON.format(table=TABLE, sets=sets.rstrip("\n"), chains=chains)


def render_blocked(blocked: List[Dict[str, Any]], now: float) -> str:
    """What fills the sets of blocked networks, each for the rest of its time. ``now``: seconds since 1970."""
    lines: List[str] = []
    for version in _VERSIONS:
        lasting = [
            (entry["network"], int(entry["until"] - now))
            for entry in blocked
            if ipaddress.ip_network(entry["network"]).version == version and entry["until"] - now >= 1
        ]
        # The kernel takes no intervals that overlap: of networks in one another the larger stays.
        lasting.sort(key=lambda entry: ipaddress.ip_network(entry[0]).prefixlen)
        taken: List[Any] = []
        for text, seconds in lasting:
            network = ipaddress.ip_network(text)
            if not any(network.subnet_of(other) for other in taken):
                taken.append(network)
                lines.append("add element inet %s blocked%d { %s timeout %ds }\n" % (TABLE, version, text, seconds))
    return "".join(lines)
