"""What one transaction changes of the gate; see ``controlpanel/agent/haproxy/changes.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ..haproxy.changes import Changes
from ..haproxy.paths import GATE
from . import paths, rows

if TYPE_CHECKING:
    from ..transaction import Transaction


class GateChanges(Changes):
    """The gate's map."""

    of = GATE
    order = (paths.WAYS,)
    tables = (paths.WAYS,)
    sources = rows.SOURCES


def changes_of(tx: "Transaction") -> GateChanges:
    """The changes of this transaction, the same for every kind."""
    changes: Optional[GateChanges] = getattr(tx, "_gate", None)
    if changes is None:
        changes = GateChanges(tx)
        tx._gate = changes  # type: ignore[attr-defined]
    return changes
