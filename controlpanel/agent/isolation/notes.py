"""Which sites are isolated on this host: a small file each, so that it holds before anything else is known.

A note outlives a crash of the panel, of the agent and of the host. It carries the revision of the site with which the
isolation was asked for: only a newer word on the site ends it, never what was applied here before.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from dataclasses import asdict, dataclass
from typing import Dict, Iterator, Optional

from .. import disk
from ..kinds.base import File

DIRECTORY = "/var/lib/controlpanel/isolated"
_LOCK = "/run/controlpanel/isolated.lock"
_NAME = re.compile(r"\A([1-9][0-9]{0,11})\.json\Z")


@dataclass(frozen=True)
class Note:
    """One isolated site."""

    uid: int
    revision: int
    #: Its clean room is open: those who hold the secret may see it, and it may reach its own databases.
    room: bool = False


def path(site: str) -> str:
    return f"{DIRECTORY}/{site}.json"


def everything() -> Dict[str, Note]:
    """By site. One that cannot be read is no note: it was never written whole."""
    found = {}
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(DIRECTORY):
            match = _NAME.match(name)
            note = read(match.group(1)) if match else None
            if match and note is not None:
                found[match.group(1)] = note
    return found


def read(site: str) -> Optional[Note]:
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        with open(path(site), encoding="ascii") as file:
            data = json.load(file)
        return Note(int(data["uid"]), int(data["revision"]), bool(data["room"]))
    return None


def write(site: str, note: Note) -> None:
    os.makedirs(DIRECTORY, 0o700, exist_ok=True)
    disk.put(File(path(site), json.dumps(asdict(note)).encode(), 0o600))
    disk.sync_directory(DIRECTORY)


def drop(site: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path(site))
        disk.sync_directory(DIRECTORY)


@contextlib.contextmanager
def alone() -> "Iterator[None]":
    """One at a time. Not the host's lock, for which an isolation must not wait: a batch may hold it for a minute."""
    with open(_LOCK, "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
