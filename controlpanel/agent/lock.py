"""One change at a time on a host, whichever process makes it; the kernel lets go when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import Callable, Iterator, Optional

from .errors import Occupied

#: Seconds to wait for another change; less than the panel waits for an answer.
PATIENCE = 100.0


@contextlib.contextmanager
def held(
    path: str,
    shared: bool = False,
    patience: float = PATIENCE,
    unless: Optional[Callable[[], bool]] = None,
) -> Iterator[bool]:
    """Hold the lock: alone to change something, shared to look while nothing changes.

    Raises Occupied after ``patience`` seconds. With ``unless`` the wait also ends, without the lock, when that becomes
    true; the context's value says whether the lock is held.
    """
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield _acquire(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, patience, unless)
    finally:
        os.close(fd)


def _acquire(fd: int, mode: int, patience: float, unless: Optional[Callable[[], bool]]) -> bool:
    deadline, pause = time.monotonic() + patience, 0.001
    while True:
        if unless is not None and unless():
            return False
        try:
            fcntl.flock(fd, mode | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Occupied("another change of this host has been under way for too long") from None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.02)
