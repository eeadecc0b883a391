"""Who works in a directory tree, and how that ends: processes with a file, a working directory or a program in it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Dict, Iterator, List, Sequence, Set

from . import table


def of(paths: Sequence[str]) -> Dict[str, Set[int]]:
    """By path, the processes that use something below it. Reads links only, so a dead volume does not hang it."""
    found: Dict[str, Set[int]] = {path: set() for path in paths}
    if not found:  # a host full of sites has hundreds of processes, with thousands of maps
        return found
    near = tuple({f"{os.path.dirname(path)}/" for path in paths})
    for pid in _processes():
        for used in _uses(pid):
            if used.startswith(near):
                for path in _parents(used):
                    if path in found:
                        found[path].add(pid)
    return found


def namespaces(volume: str) -> Set[int]:
    """Processes in whose mount namespace the volume is (still) mounted."""
    found = set()
    for pid in _processes():
        with contextlib.suppress(OSError, ValueError):
            if any(mount.volume == volume for mount in table.read(str(pid))):
                found.add(pid)
    return found


def end(pids: Set[int], seconds: float) -> Set[int]:
    """Ask the processes to end, then kill them; those that are left after that."""
    for number, wait in ((signal.SIGTERM, seconds), (signal.SIGKILL, 2.0)):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + wait
        while pids and time.monotonic() < deadline:
            pids = {pid for pid in pids if alive(pid)}
            if pids:
                time.sleep(0.02)
        if not pids:
            break
    return pids


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie (which holds nothing any more)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (OSError, IndexError):
        return False


def name(pid: int) -> str:
    """What people know the process by."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return f"{file.read().strip()}[{pid}]"
    except OSError:
        return f"[{pid}]"


def _processes() -> List[int]:
    own = os.getpid()
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != own]


def _uses(pid: int) -> "Iterator[str]":
    base = f"/proc/{pid}/"
    for link in ("cwd", "root", "exe"):
        with contextlib.suppress(OSError):
            yield os.readlink(base + link)
    with contextlib.suppress(OSError):
        for fd in os.listdir(base + "fd"):
            with contextlib.suppress(OSError):
                yield os.readlink(base + "fd/" + fd)
    with contextlib.suppress(OSError), open(base + "maps", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            start = line.find("/")
            if start > 0:
                yield line[start:].rstrip("\n")


def _parents(path: str) -> "Iterator[str]":
    parts = path.split("/")
    for length in range(2, min(len(parts), 6) + 1):
        yield "/".join(parts[:length]).rstrip(" ")
