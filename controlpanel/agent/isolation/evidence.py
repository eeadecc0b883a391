"""What a compromised site was doing: its processes with their files, its connections, and the ends of its logs.

Everything here was written by an attacker or may have been: it is cut to a size, decoded with replacement, opened
without following links, and never run, parsed as anything, or waited for. Secrets may be in it (a password on a command
line): it goes to the panel, which keeps it encrypted, and into no journal.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import os
import stat
import time
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from .. import commands, facts
from ..errors import AgentError
from ..mounts import limited
from ..web import paths
from . import cut, processes

#: Bounds: processes, open files of one, connections, bytes of a command line, of one log, of a program to be hashed.
PROCESSES, FILES, CONNECTIONS = 400, 60, 2000
COMMAND, LOG, PROGRAM = 2048, 64 * 1024, 32 * 1024**2
#: Lines of the journal. Seconds for what may hang (a volume whose storage is away).
LINES, PATIENCE = 200, 3.0
_STATES = {
    "01": "established", "02": "syn sent", "03": "syn received", "04": "fin wait 1", "05": "fin wait 2",
    "06": "time wait", "07": "closed", "08": "close wait", "09": "last ack", "0A": "listening", "0B": "closing",
}  # fmt: skip


def collect(site: str, uid: int) -> Dict[str, Any]:
    """All of it, as JSON-like data of at most some hundred kilobytes; takes well under a second."""
    pids = sorted(processes.of(site, uid))
    sockets: Dict[str, int] = {}
    told = [_process(pid, sockets) for pid in pids[:PROCESSES]]
    connections = sorted(_connections(sockets, uid), key=str)
    logs = limited.each([site], _logs, PATIENCE)[site]
    return {
        "at": time.time(),
        "boot_id": facts.boot_id(),
        "processes": [one for one in told if one],
        "connections": connections[:CONNECTIONS],
        "logs": logs if isinstance(logs, list) else [{"name": "logs", "text": f"could not be read: {logs.reason}"}],
        "packets_stopped": cut.packets().get(uid, 0),
        "left_out": {
            "processes": max(0, len(pids) - PROCESSES),
            "connections": max(0, len(connections) - CONNECTIONS),
        },
    }


# --- processes ---------------------------------------------------------------------------------------------------


def _process(pid: int, sockets: Dict[str, int]) -> Optional[Dict[str, Any]]:
    base = f"/proc/{pid}"
    status = processes.status(pid)
    if not status:
        return None
    files: List[str] = []
    with contextlib.suppress(OSError):
        for fd in sorted(os.listdir(f"{base}/fd"), key=int):
            target = _link(f"{base}/fd/{fd}")
            if target.startswith("socket:["):
                sockets.setdefault(target[8:-1], pid)  # whose children have it too
            elif target and len(files) < FILES and not target.startswith(("pipe:", "anon_inode:", "/dev/null")):
                files.append(target)
    return {
        "pid": pid,
        "parent": _number(status.get("PPid")),
        "name": status.get("Name", ""),
        "state": status.get("State", ""),
        "uid": _number(status.get("Uid", "").split()[:1]),
        "memory_kb": _number(status.get("VmRSS", "").split()[:1]),
        "started": _started(base),
        "command": _read(f"{base}/cmdline", COMMAND).replace("\0", " ").strip(),
        "program": _link(f"{base}/exe"),
        "program_sha256": _hash(f"{base}/exe"),
        "directory": _link(f"{base}/cwd"),
        "environment": _names(f"{base}/environ"),
        "files": files,
    }


def _number(value: Any) -> int:
    value = value[0] if isinstance(value, list) and value else value
    return int(value) if isinstance(value, str) and value.isdigit() else 0


def _started(base: str) -> float:
    with contextlib.suppress(OSError, ValueError, IndexError):
        ticks = int(_read(f"{base}/stat", 4096).rpartition(")")[2].split()[19])
        with open("/proc/stat", encoding="ascii") as file:
            boot = next(int(line.split()[1]) for line in file if line.startswith("btime "))
        return round(boot + ticks / os.sysconf("SC_CLK_TCK"), 2)
    return 0.0


def _names(path: str) -> List[str]:
    """Names of environment variables; what is in them may be secret."""
    return sorted({part.partition("=")[0][:80] for part in _read(path, 16384).split("\0") if "=" in part})[:60]


_hashes: Dict[Tuple[int, int, int, int], str] = {}


def _hash(path: str) -> str:
    """Of the program that runs, also when its file has been deleted; each program is read once."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        status = os.fstat(file.fileno())
        key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if key not in _hashes and stat.S_ISREG(status.st_mode) and status.st_size <= PROGRAM:
            if len(_hashes) > 1000:
                _hashes.clear()
            _hashes[key] = hashlib.sha256(file.read(PROGRAM)).hexdigest()
        return _hashes.get(key, "")
    return ""


def _link(path: str) -> str:
    with contextlib.suppress(OSError):
        return os.fsencode(os.readlink(path)).decode(errors="replace")[:1024]
    return ""


def _read(path: str, size: int) -> str:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(size).decode(errors="replace")
    return ""


# --- connections -------------------------------------------------------------------------------------------------


def _connections(sockets: Dict[str, int], uid: int) -> "Iterator[Dict[str, Any]]":
    """Of those processes by their open sockets, and whatever else the kernel notes under the user."""
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        for line in _read(f"/proc/net/{protocol}", 8 * 1024**2).splitlines()[1:]:
            parts = line.split()
            if len(parts) < 10 or (parts[9] not in sockets and parts[7] != str(uid)):
                continue
            yield {
                "protocol": protocol[:3],
                "local": _address(parts[1]),
                "remote": _address(parts[2]),
                "state": _STATES.get(parts[3], parts[3]) if protocol.startswith("tcp") else "",
                "pid": sockets.get(parts[9], 0),
            }


def _address(text: str) -> str:
    """ "0100007F:0050" is 127.0.0.1:80; IPv6 comes as four words, each in the machine's own order."""
    with contextlib.suppress(ValueError):
        packed, _, port = text.partition(":")
        words = [bytes.fromhex(packed[i : i + 8])[::-1] for i in range(0, len(packed), 8)]
        address = ipaddress.ip_address(b"".join(words))
        mapped = getattr(address, "ipv4_mapped", None)
        shown = str(mapped or address)
        return f"[{shown}]:{int(port, 16)}" if ":" in shown else f"{shown}:{int(port, 16)}"
    return text[:60]


# --- logs --------------------------------------------------------------------------------------------------------


def _logs(site: str) -> List[Dict[str, str]]:
    found = [{"name": name, "text": _tail(f"{paths.LOGS}/{site}", (name,))} for name in ("access.log", "error.log")] + [
        {"name": "php-error.log", "text": _tail(paths.root(site), ("logs", "php-error.log"))}
    ]
    with contextlib.suppress(AgentError):
        command = ["journalctl", "--no-pager", "--quiet", "-o", "short-iso", "-n", str(LINES)]
        text = commands.run([*command, "-u", f"site@{site}.service"], timeout=2, ok=range(256))
        found.append({"name": "journal", "text": text[-LOG:]})
    return [one for one in found if one["text"]]


def _tail(directory: str, names: Tuple[str, ...]) -> str:
    """The end of a regular file below ``directory``, going through no link."""
    opened: Set[int] = set()
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        opened.add(fd)
        for name in names:
            # Non-blocking: what looks like a log may be a pipe that nobody writes to.
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
            opened.add(fd)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return ""
        return os.pread(fd, LOG, max(status.st_size - LOG, 0)).decode(errors="replace")
    except OSError:
        return ""
    finally:
        for fd in opened:
            os.close(fd)
