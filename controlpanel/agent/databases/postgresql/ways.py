"""Connections of a move that are opened before they are needed: while clients wait, nothing should be waited for.

They belong to the process that has looked how far the copy is; another one opens its own.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Dict

from ...errors import Failed
from . import comparing
from .config import REPLICATION
from .connection import Session

#: Seconds after which nobody needs them any more.
_KEPT = 300.0


@dataclass
class Ways:
    """Into the copy as its administrator, to the source, and into the copy as its reader."""

    within: Session
    source: Session
    reader: Session
    opened: float = field(default_factory=time.monotonic)

    @property
    def are_open(self) -> bool:
        try:
            return all(way.rows("SELECT 1") for way in (self.within, self.source, self.reader))
        except Failed:
            return False

    def close(self) -> None:
        for way in (self.within, self.source, self.reader):
            way.close()


_kept: Dict[str, Ways] = {}
_lock = threading.Lock()


def take(name: str, address: str) -> Ways:
    """Those that were kept, or new ones. The caller keeps or closes them."""
    with _lock:
        kept = _kept.pop(name, None)
    if kept is not None:
        if kept.are_open:
            return kept
        kept.close()
    opened = []
    try:
        opened.append(Session(name))
        opened.append(Session(name, REPLICATION, source=address))
        opened.append(comparing.reader(name))
    except Failed:
        for way in opened:
            way.close()
        raise
    return Ways(opened[0], opened[1], opened[2])


def keep(name: str, ways: Ways) -> None:
    """For the next ``take``."""
    with _lock:
        now = time.monotonic()
        old = [key for key, kept in _kept.items() if key == name or now - kept.opened > _KEPT]
        for key in old:
            _kept.pop(key).close()
        _kept[name] = ways


def drop(name: str) -> None:
    """Close those that are kept."""
    with _lock:
        kept = _kept.pop(name, None)
    if kept is not None:
        kept.close()
