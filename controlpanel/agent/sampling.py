"""``sample``: what this host and each of its sites use, in one look.

Numbers that only rise (processor time, bytes, requests) are told as they stand; the panel makes rates of two looks, so
nothing here waits, and any number of panels may look.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

from . import facts, fields
from .calls import Context, call
from .errors import AgentError
from .haproxy import runtime
from .web import paths as web

CGROUPS = "/sys/fs/cgroup"
#: How far each site's log has been counted. In /run: after a boot counting begins anew, as all counters do.
COUNTED = "/run/controlpanel/requests.json"
#: Bytes of one log that are counted in one look, at most; the rest is left to the next.
AT_ONCE = 16 * 2**20
_CHUNK = 1 << 20


@call("sample", parallel=True)
def sample(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """``{"boot_id", "time", "host": {…}, "sites": {number: {"cpu", "memory", "requests",
    "sent"}}}``.

    Of the host: ``cpu_busy`` and ``cpu_total`` (ticks), ``memory`` and ``memory_used``, ``disk`` and ``disk_used``,
    ``received`` and ``sent`` (bytes), ``load``, and on an edge ``requests``. Of a site: ``cpu`` in microseconds,
    ``memory`` in bytes, ``requests``, and ``sent``, the bytes of its answers; all as counted since boot.
    """
    fields.only(args, ())
    answer: Dict[str, Any] = {
        "boot_id": facts.boot_id(),
        "time": time.time(),
        "host": {**_processors(), **_memory(), **_disk(), **_network(), "load": os.getloadavg()[0]},
        "sites": {},
    }
    if "edge" in context.roles:
        requests = _edge_requests()
        if requests is not None:
            answer["host"]["requests"] = requests
    if "web" in context.roles:
        answer["sites"] = _sites([id for id, _revision, _seq in context.store.ids("site")])
    return answer


# --- the host --------------------------------------------------------------------------------------------------------


def _processors() -> Dict[str, int]:
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    idle = ticks[3] + ticks[4]  # idle, and waiting for a disk
    return {"cpu_total": sum(ticks), "cpu_busy": sum(ticks) - idle}


def _memory() -> Dict[str, int]:
    found = {}
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            key, _, rest = line.partition(":")
            if key in ("MemTotal", "MemAvailable"):
                found[key] = int(rest.split()[0]) * 1024
    return {"memory": found["MemTotal"], "memory_used": found["MemTotal"] - found["MemAvailable"]}


def _disk() -> Dict[str, int]:
    disk = os.statvfs("/")
    return {"disk": disk.f_frsize * disk.f_blocks, "disk_used": disk.f_frsize * (disk.f_blocks - disk.f_bavail)}


def _network() -> Dict[str, int]:
    received = sent = 0
    with open("/proc/net/dev", encoding="ascii") as file:
        for line in file.readlines()[2:]:
            name, _, rest = line.partition(":")
            if name.strip() != "lo":
                words = rest.split()
                received, sent = received + int(words[0]), sent + int(words[8])
    return {"received": received, "sent": sent}


def _edge_requests() -> Optional[int]:
    with contextlib.suppress(AgentError):
        for line in runtime.Process().ask("show info", timeout=3.0).splitlines():
            key, _, value = line.partition(":")
            if key == "CumReq":
                return int(value)
    return None


# --- its sites -------------------------------------------------------------------------------------------------------


def _sites(sites: List[str]) -> Dict[str, Dict[str, int]]:
    counts = count_visits(sites)
    found = {}
    for site in sites:
        group = f"{CGROUPS}/site.slice/site-{site}.slice"
        cpu = _cpu(group)
        found[site] = {
            "requests": counts.get(site, (0, 0))[0],
            "sent": counts.get(site, (0, 0))[1],
            "cpu": cpu or 0,
            "memory": 0 if cpu is None else _memory_of(group),
        }
    return found


def _cpu(group: str) -> Optional[int]:
    """Microseconds of processor time; None for a site that has no process."""
    with contextlib.suppress(OSError, ValueError), open(f"{group}/cpu.stat", encoding="ascii") as file:
        for line in file:
            key, _, value = line.partition(" ")
            if key == "usage_usec":
                return int(value)
    return None


def _memory_of(group: str) -> int:
    """Bytes; where the kernel does not account memory to this group, what its processes do not share with others."""
    with contextlib.suppress(OSError, ValueError), open(f"{group}/memory.current", encoding="ascii") as file:
        return int(file.read())
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    for pid in _processes(group):
        with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/statm", encoding="ascii") as file:
            words = file.read().split()
            total += (int(words[1]) - int(words[2])) * page
    return total


def _processes(group: str) -> Iterator[str]:
    for directory, _below, _files in os.walk(group):
        with contextlib.suppress(OSError), open(f"{directory}/cgroup.procs", encoding="ascii") as file:
            yield from file.read().split()


def count_visits(sites: List[str], logs: str = web.LOGS, counted: str = COUNTED) -> Dict[str, Tuple[int, int]]:
    """Requests of each site so far, and the bytes that they were answered with: from the lines of its log, of which
    only the new ones are read. The first look sees none."""
    os.makedirs(os.path.dirname(counted), mode=0o755, exist_ok=True)
    fd = os.open(counted, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(fd, "r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            known = dict(json.load(file))
        except ValueError:
            known = {}
        now = {}
        for site in sites:
            row = _count(f"{logs}/{site}/access.log", known.get(site))
            if row is not None:
                now[site] = row
        file.seek(0)
        json.dump(now, file)
        file.truncate()
    return {site: (row[2], row[3]) for site, row in now.items()}


def _count(path: str, known: "Optional[List[int]]") -> "Optional[List[int]]":
    """``[inode, read up to here, lines so far, bytes so far]`` after this look; None when there is no log."""
    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError:
        return known
    if known is None:
        return [status.st_ino, status.st_size, 0, 0]
    inode, offset, lines, sent = [*known, 0][:4]  # an agent of before counted no bytes
    if inode != status.st_ino or offset > status.st_size:  # another file since the last look
        offset = 0
    end = min(status.st_size, offset + AT_ONCE)
    if end > offset:
        with contextlib.suppress(OSError), open(path, "rb") as log:
            log.seek(offset)
            rest = b""
            while offset < end:
                chunk = log.read(min(_CHUNK, end - offset))
                if not chunk:
                    break
                offset += len(chunk)
                *whole, rest = (rest + chunk).split(b"\n")
                lines += len(whole)
                sent += sum(map(_sent, whole))
            if len(rest) < _CHUNK:
                offset -= len(rest)  # a line that is still being written is read next time
    return [status.st_ino, offset, lines, sent]


def _sent(line: bytes) -> int:
    """The bytes of an answer, by its line (``web/nginx.py`` says what is where; quotes inside are escaped)."""
    words = line.split(b'"', 3)
    numbers = words[2].split() if len(words) > 3 else []
    return int(numbers[1]) if len(numbers) > 1 and numbers[1].isdigit() else 0
