"""One at a time copies, restores, dumps or drops a database, whichever process it is, and its children count too."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import Iterator, Optional

from ..errors import Occupied
from . import paths


@contextlib.contextmanager
def held(name: str, patience: float = 30.0, what: str = "work") -> Iterator[int]:
    """Hold the database; gives a file descriptor that children may inherit, so that it stays held as long as they live.

    Raises Occupied after ``patience`` seconds.
    """
    fd = _open(name, what)
    try:
        deadline = time.monotonic() + patience
        while not _try(fd):
            if time.monotonic() > deadline:
                raise Occupied(f"{name} is being copied, restored or dropped")
            time.sleep(0.02)
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def held_if_free(name: str, what: str = "work") -> Iterator[Optional[int]]:
    """The same without waiting; gives None when somebody else holds it."""
    fd = _open(name, what)
    try:
        yield fd if _try(fd) else None
    finally:
        os.close(fd)


def _open(name: str, what: str) -> int:
    os.makedirs(paths.LOCKS, mode=0o700, exist_ok=True)
    path = os.path.join(paths.LOCKS, f"{name}.{what}")
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _try(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
