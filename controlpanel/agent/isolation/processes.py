"""The processes of a site: all in its slice, and whatever else runs as its user. Frozen, thawed, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Iterator, Set

from ..errors import Failed

_GROUP = "/sys/fs/cgroup/site.slice/site-{site}.slice"
#: Seconds to wait until the kernel says that all of them stand still; those in the middle of a read may take longer.
_STILL = 0.3


def of(site: str, uid: int) -> Set[int]:
    """Ids of all of them."""
    return in_slice(site) | of_user(uid)


def in_slice(site: str) -> Set[int]:
    found: Set[int] = set()
    for path, _, _ in os.walk(_GROUP.format(site=site)):
        with contextlib.suppress(OSError, ValueError), open(f"{path}/cgroup.procs", encoding="ascii") as file:
            found |= {int(pid) for pid in file.read().split()}
    return found - {0}


def of_user(uid: int) -> Set[int]:
    """By all four of its ids: a process cannot hide by changing one."""
    return {pid for pid in _all() if str(uid) in status(pid).get("Uid", "").split()}


def status(pid: int) -> "dict[str, str]":
    """``/proc/PID/status``; empty when it has gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        return {key: value.strip() for key, _, value in (line.partition(":") for line in file)}
    return {}


def freeze(site: str, uid: int) -> int:
    """Let them stand still as they are, to be looked at: they are not asked and notice nothing. Returns how many."""
    group = _GROUP.format(site=site)
    if os.path.isdir(group):
        _write(f"{group}/cgroup.freeze", "1")
        deadline = time.monotonic() + _STILL
        while not _says(f"{group}/cgroup.events", "frozen 1") and time.monotonic() < deadline:
            time.sleep(0.005)
    for pid in of_user(uid) - in_slice(site):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    return len(of(site, uid))


def thaw(site: str, uid: int) -> None:
    """Let them go on."""
    group = _GROUP.format(site=site)
    if os.path.isdir(group) and not _says(f"{group}/cgroup.freeze", "0"):
        _write(f"{group}/cgroup.freeze", "0")
    for pid in of_user(uid) - in_slice(site):
        if status(pid).get("State", "").startswith("T"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def kill(site: str, uid: int, patience: float = 10.0) -> None:
    """End all of them at once, frozen or not: none gets to tidy up, or to start another. Raises Failed."""
    group = _GROUP.format(site=site)
    deadline = time.monotonic() + patience
    while True:
        with contextlib.suppress(OSError):
            _write(f"{group}/cgroup.kill", "1")  # Linux 5.14
        left = {pid for pid in of(site, uid) if not status(pid).get("State", "Z").startswith(("Z", "X"))}
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            break
        if time.monotonic() > deadline:
            raise Failed(f"processes of site {site} do not end: {', '.join(map(str, sorted(left)))}"[:300])
        time.sleep(0.01)
    thaw(site, uid)


def _all() -> "Iterator[int]":
    own = os.getpid()
    return (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != own)


def _says(path: str, word: str) -> bool:
    with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
        return word in file.read().splitlines()
    return False


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
