"""Who may reach the servers' ports: the kernel's packet filter, before anybody asks for a password."""

from __future__ import annotations

import ipaddress
from typing import Iterable, List

from .. import closing
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


def close() -> None:
    """Nobody reaches the servers of this host, connections that are open included; until ``reopen`` or a restart."""
    closing.close("databases", (paths.MARIADB_PORT, paths.POSTGRESQL_PORT))


def reopen() -> None:
    """Those who may reach the servers do again; right also when it was never closed."""
    closing.reopen("databases")
