"""Who may reach the servers' ports: the kernel's packet filter, before anybody asks for a password."""

from __future__ import annotations

import ipaddress
from typing import Iterable, List

from .. import commands
from . import paths

_RULES = """\
# Written by the control panel's agent. Loaded before the servers start, and at each change, as a whole.
table inet controlpanel_databases
delete table inet controlpanel_databases
table inet controlpanel_databases {{
{sets}  chain input {{
    type filter hook input priority 0; policy accept;
    iif lo accept
{accepts}    tcp dport {{ {ports} }} reject with tcp reset
  }}
}}
"""


def render(addresses: Iterable[str]) -> str:
    """The rules that let only these addresses (validated, canonical) in."""
    ports = f"{paths.MARIADB_PORT}, {paths.POSTGRESQL_PORT}"
    sets, accepts = "", ""
    for version, kind, word in ((4, "ipv4_addr", "ip"), (6, "ipv6_addr", "ip6")):
        ours: List[str] = sorted({text for text in addresses if ipaddress.ip_address(text).version == version})
        if ours:
            sets += f"  set allowed{version} {{\n    type {kind}\n    elements = {{ {', '.join(ours)} }}\n  }}\n"
            accepts += f"    tcp dport {{ {ports} }} {word} saddr @allowed{version} accept\n"
    return _RULES.format(sets=sets, accepts=accepts, ports=ports)


#: Beside the table above, whose rules it outweighs: what one chain refuses no other lets in.
_CLOSED = """\
table inet controlpanel_fenced
delete table inet controlpanel_fenced
"""
_CLOSE = """\
table inet controlpanel_fenced {{
  chain input {{
    type filter hook input priority -1; policy accept;
    iif lo accept
    tcp dport {{ {ports} }} reject with tcp reset
  }}
}}
"""


def close() -> None:
    """Nobody reaches the servers of this host, connections that are open included; until ``reopen`` or a restart."""
    ports = f"{paths.MARIADB_PORT}, {paths.POSTGRESQL_PORT}"
    rules = _CLOSED + _CLOSE.format(ports=ports)
    commands.run(["nft", "-f", "-"], input=rules.encode(), reason="the databases cannot be closed")


def reopen() -> None:
    """Those who may reach the servers do again; right also when it was never closed."""
    commands.run(["nft", "-f", "-"], input=_CLOSED.encode(), reason="the databases cannot be opened")
