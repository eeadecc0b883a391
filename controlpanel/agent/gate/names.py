"""Names of databases in /etc/hosts: a block of ours, everything else stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Optional

from ..haproxy.changes import read
from ..kinds.base import File
from . import paths

if TYPE_CHECKING:
    from ..transaction import Transaction

_BEGIN = b"# --- databases, written by the control panel's agent ---"
_END = b"# --- end of databases ---"

#: Name of a database ("db12") to its address; None: no such line.
Names = Dict[str, Optional[str]]


def in_file(content: bytes) -> Dict[str, str]:
    """What the block says, by name."""
    found: Dict[str, str] = {}
    inside = False
    for line in content.splitlines():
        if line in (_BEGIN, _END):
            inside = line == _BEGIN
        elif inside:
            address, _, name = line.decode("ascii", "replace").partition(" ")
            found[name[: -len(paths.ZONE) - 1] if name.endswith("." + paths.ZONE) else name] = address
    return found


def written(content: bytes, names: Dict[str, str]) -> bytes:
    """The file with a block that says exactly that; without a block when there is nothing to say."""
    rest, inside = [], False
    for line in content.splitlines():
        if line in (_BEGIN, _END):
            inside = line == _BEGIN
        elif not inside:
            rest.append(line)
    if names:
        lines = [f"{names[name]} {name}.{paths.ZONE}".encode() for name in sorted(names)]
        rest += [_BEGIN, *lines, _END]
    return b"\n".join(rest) + b"\n"


def edit(tx: "Transaction", edits: Names) -> None:
    """Change some names."""
    content = read(paths.HOSTS)
    names: Names = dict(in_file(content))
    names.update(edits)
    put(tx, content, {name: address for name, address in names.items() if address is not None})


def put(tx: "Transaction", content: bytes, names: Dict[str, str]) -> None:
    """Make the block say that; a file whose block does already is left alone."""
    if in_file(content) != names:
        tx.write(File(paths.HOSTS, written(content, names)))
