"""What moves and restores have done to databases of this host: kept here, so that no resync undoes it by mistake."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Dict, Optional

from .. import disk
from ..kinds.base import File
from . import paths


@dataclass
class Mark:
    """One database's. A missing file is a mark without anything in it."""

    name: str
    #: The move that did it.
    move: str = ""
    #: Why nobody may connect, whatever the spec says: "" (they may), "locked" (the source of a move), "incoming" (a
    #: copy that is not whole), "ready" (a copy that is), "restoring".
    closed: str = ""
    #: The address that the copy comes from.
    source: str = ""
    #: Where the source stood when the copy was made; None until the copy is made.
    position: Optional[Dict[str, Any]] = None
    bytes: int = 0
    #: The server's life in which replication began: a server that crashed may have lost its place.
    life: str = ""
    #: Which final position has been reached; None until then.
    reached: Optional[Dict[str, Any]] = None
    #: Things that the engine wants to find again.
    notes: Dict[str, Any] = field(default_factory=dict)


def read(name: str) -> Mark:
    try:
        with open(_path(name), encoding="utf-8") as file:
            raw = json.load(file)
    except FileNotFoundError:
        return Mark(name)
    known = {item.name for item in fields(Mark)}
    return Mark(**{key: value for key, value in raw.items() if key in known})


def save(mark: Mark) -> None:
    """It stands, also after a power cut, when this returns."""
    _folder()
    disk.put(File(_path(mark.name), json.dumps(asdict(mark), sort_keys=True).encode(), 0o600))
    disk.sync_directory(paths.MARKS)


def drop(name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_path(name))
        disk.sync_directory(paths.MARKS)


def save_result(name: str, result: Dict[str, Any]) -> None:
    """What a comparison found; it belongs to the mark's ``reached``."""
    _folder()
    disk.put(File(_path(name, "compared"), json.dumps(result).encode(), 0o600))


def read_result(name: str) -> Optional[Dict[str, Any]]:
    try:
        with open(_path(name, "compared"), encoding="utf-8") as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return None


def drop_result(name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_path(name, "compared"))


def _folder() -> None:
    os.makedirs(paths.MARKS, mode=0o700, exist_ok=True)


def _path(name: str, what: str = "mark") -> str:
    return os.path.join(paths.MARKS, f"{name}.{what}.json")
