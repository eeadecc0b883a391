"""Ports of this host that nobody reaches for a while: a table of the packet filter of their own, beside all others.

What one chain of the kernel's refuses no other lets in, so this needs to know nothing of the other rules; connections
that are open are refused too. Programs of the host itself go on reaching the ports. A restart forgets it.
"""

from __future__ import annotations

from typing import Sequence

from . import commands

_NONE = "table inet {table}\ndelete table inet {table}\n"
_RULES = """\
table inet {table} {{
  chain input {{
    type filter hook input priority -1; policy accept;
    iif lo accept
    tcp dport {{ {ports} }} reject with tcp reset
  }}
}}
"""


def close(what: str, ports: Sequence[int]) -> None:
    """Nobody reaches these TCP ports, until ``reopen`` of the same name or a restart. Raises Failed."""
    text = _NONE + _RULES
    _load(text.format(table=_table(what), ports=", ".join(map(str, ports))), f"the {what} cannot be closed")


def reopen(what: str) -> None:
    """Who may reach the ports does again; right also when they were never closed. Raises Failed."""
    _load(_NONE.format(table=_table(what)), f"the {what} cannot be opened")


def _table(what: str) -> str:
    return f"controlpanel_closed_{what}"


def _load(rules: str, reason: str) -> None:
    commands.run(["nft", "-f", "-"], input=rules.encode(), reason=reason)
