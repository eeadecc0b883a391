"""Letting a volume go, for certain: nobody works in it, it is unmounted everywhere, its daemon has written and ended.

A lazy unmount of a live volume is never used: its users would go on writing where nobody sees it any more.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import signal
import time
from typing import Dict, List, Mapping, Sequence, Set

from .. import commands
from ..errors import AgentError, Busy, Failed
from . import cephfuse, limited, table, users

_DETACH, _NO_FOLLOW = 2, 8
#: Seconds for a site's processes to end by themselves before they are killed.
GRACE = 2.0
#: Seconds for a daemon to write what it still holds, and to close its session.
FLUSH = 30.0
_SITE = re.compile(r"\A/srv/sites/([0-9]+)\Z")


class StillThere(Busy):
    """The volume could not be let go; it may still be written to from here."""

    code = "not_detached"


def release(volumes: Mapping[str, str]) -> Dict[str, AgentError]:
    """Detach volumes (name to path) that may or may not be attached; by name those that could not be, and why."""
    if not volumes:
        return {}
    mounted = {name: path for name, path in volumes.items() if _mounts(name, path)}
    stop_slices(list(mounted.values()))
    failures: Dict[str, AgentError] = {}
    in_use = users.of(list(mounted.values()))
    left = users.end(set().union(*in_use.values()) if in_use else set(), GRACE)
    for name, path in mounted.items():
        stuck = in_use[path] & left
        if stuck:
            failures[name] = StillThere("still used by " + ", ".join(sorted(users.name(pid) for pid in stuck))[:300])
    free = [name for name in mounted if name not in failures]
    for name, result in limited.each(free, lambda name: _unmount(name, mounted[name]), 15.0).items():
        if isinstance(result, Exception):
            failures[name] = StillThere(str(result), getattr(result, "output", ""))
    gone = [name for name in volumes if name not in failures]
    failures.update(_await_end(gone))
    cephfuse.forget([name for name in gone if name in mounted and name not in failures])
    return failures


def stop_slices(paths: Sequence[str]) -> None:
    """Stop everything in the slices of the sites at these paths."""
    slices = [f"site-{match.group(1)}.slice" for match in map(_SITE.match, paths) if match]
    if slices:
        commands.run(["systemctl", "stop", *slices], timeout=60, ok=range(256))


def dead(volume: str, path: str) -> bool:
    """Whether it is mounted but its daemon has gone: then nothing can be written through it."""
    return bool(_mounts(volume, path)) and not cephfuse.daemons().get(volume)


def kill(volume: str) -> None:
    """End a daemon that the storage has cut off: what it holds cannot be written any more."""
    for pid in cephfuse.daemons().get(volume, []):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while users.alive(pid) and time.monotonic() < deadline:
            time.sleep(0.01)


def _mounts(volume: str, path: str) -> List[table.Mount]:
    return [mount for mount in table.read() if mount.path == path and mount.volume == volume]


def _unmount(volume: str, path: str) -> None:
    lazily = dead(volume, path)
    for _mount in _mounts(volume, path):
        _umount(path, _NO_FOLLOW | (_DETACH if lazily else 0))
    if _mounts(volume, path):
        raise Failed(f"{path} is still mounted")


def _umount(path: str, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(path), flags) != 0:
        number = ctypes.get_errno()
        if number == errno.EINVAL:  # not mounted (any more)
            return
        raise Failed(f"{path} cannot be unmounted: {os.strerror(number)}")


def _await_end(volumes: Sequence[str]) -> Dict[str, AgentError]:
    """Wait for the daemons: each ends when its volume is mounted nowhere, and all it held has been written."""
    running = cephfuse.daemons()
    waiting: Set[str] = set(volumes) & set(running)
    begun = time.monotonic()
    looked = False
    while True:
        waiting = {name for name in waiting if any(users.alive(pid) for pid in running[name])}
        passed = time.monotonic() - begun
        if not waiting or passed > FLUSH:
            break
        if passed > 8 and not looked:  # somebody may have the mount in a namespace of their own
            looked = True
            for name in waiting:
                users.end(users.namespaces(name), GRACE)
        time.sleep(0.02 if passed < 1 else 0.1)
    return {name: StillThere("its daemon has not ended, so what it held may not have been written") for name in waiting}
