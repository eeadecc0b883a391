"""Reading a site's logs, in places where its owner may have put anything.

nginx's logs are root's, on the host. PHP's own log and the archives of both are on the volume, so they move with the
site, and count against its space. There every step goes by directory file descriptors and follows no link, and only
plain files of the volume itself are read: else a link named ``php-error.log`` would show any file of the host.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Tuple

from ..errors import AgentError, Failed
from . import paths

#: By the name that the panel uses: whether it is on the volume, and its file there or in the site's directory of LOGS.
LOGS: Dict[str, Tuple[bool, str]] = {
    "access": (False, "access.log"),
    "web": (False, "error.log"),
    "php": (True, "php-error.log"),
}
#: Files of days that are over: "access-2026-11-22.log.gz".
ARCHIVE = re.compile(r"\A(access|web|php)-([0-9]{4}-[0-9]{2}-[0-9]{2})\.log\.gz\Z")
#: What was rotated away last, still readable at once.
PREVIOUS = ".1"

#: Bytes that are searched for the last lines, and that a follower gets at once.
SEARCHED = 4 * 2**20
FOLLOWED = 256 * 1024
#: Characters of a line that are shown.
LONGEST = 2000
#: Entries of a directory that are looked at: its owner may have made a million.
MOST_ENTRIES = 5000

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class LogReplaced(AgentError):
    """Where the log should be is something else: a link, a pipe, another file system's file."""

    code = "log_replaced"


@dataclass
class Tail:
    """Lines, oldest first, and where to go on."""

    lines: List[str]
    cursor: str
    size: int
    #: There was more since the cursor than is handed out at once.
    skipped: bool = False


# --- places ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def volume_logs(site: str) -> Iterator[int]:
    """The directory ``logs`` of the site's volume. Raises Failed when it is not mounted, LogReplaced."""
    root = paths.root(site)
    if not os.path.ismount(root):
        raise Failed(f"the volume of site {site} is not mounted")
    top = os.open(root, _DIRECTORY)
    try:
        try:
            directory = os.open("logs", _DIRECTORY, dir_fd=top)
        except OSError as error:
            raise _replaced("logs", error) from error
        try:
            if os.fstat(directory).st_dev != os.fstat(top).st_dev:
                raise LogReplaced("logs is not on the site's volume")
            yield directory
        finally:
            os.close(directory)
    finally:
        os.close(top)


@contextlib.contextmanager
def host_logs(site: str) -> Iterator[int]:
    """The site's directory of nginx's logs (root's). Raises Failed when there is none."""
    try:
        directory = os.open(f"{paths.LOGS}/{site}", _DIRECTORY)
    except OSError as error:
        raise Failed(f"site {site} has no logs here: {error.strerror}") from error
    try:
        yield directory
    finally:
        os.close(directory)


def place(site: str, on_volume: bool) -> "contextlib.AbstractContextManager[int]":
    return volume_logs(site) if on_volume else host_logs(site)


def open_plain(directory: int, name: str, flags: int = os.O_RDONLY, mode: int = 0o640) -> Optional[int]:
    """A plain file of that very directory; None when there is none. Raises LogReplaced for anything else."""
    try:
        fd = os.open(name, flags | _FILE, mode, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _replaced(name, error) from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1 or status.st_dev != os.fstat(directory).st_dev:
        os.close(fd)
        raise LogReplaced(f"{name} is not a plain file")
    return fd


def _replaced(name: str, error: OSError) -> AgentError:
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR, errno.ENOENT):
        return LogReplaced(f"{name} is not what it was made as")
    return Failed(f"{name}: {error.strerror}")


# --- lines -------------------------------------------------------------------------------------------------------


def readable(line: bytes) -> str:
    """The line as text without anything that a terminal (or a reader) could take for more than letters."""
    text = line.decode("utf-8", "replace")
    if len(text) > LONGEST:
        text = text[:LONGEST] + "…"
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\t" else f"\\x{ord(one):02x}" for one in text)


def tail(site: str, log: str, count: int, find: str = "") -> Tail:
    """The last ``count`` lines that hold ``find`` (whatever its case), searched in the last 4 MB."""
    on_volume, name = LOGS[log]
    with place(site, on_volume) as directory:
        found: List[str] = []
        fd = open_plain(directory, name)
        cursor, size = "", 0
        if fd is not None:
            with open(fd, "rb") as file:
                status = os.fstat(fd)
                size = status.st_size
                raw, end = _end_of(file, size, SEARCHED)
                cursor = f"{status.st_ino}-{end}"
                found = _matching(raw, find)
        if len(found) < count:  # it may have been rotated a moment ago
            found = _previous(directory, name, find) + found
        return Tail(found[-count:], cursor, size)


def follow(site: str, log: str, cursor: str, find: str = "") -> Tail:
    """The lines since ``cursor`` (of a Tail), at most 256 KB of them; those of the new file when it was rotated."""
    on_volume, name = LOGS[log]
    with place(site, on_volume) as directory:
        fd = open_plain(directory, name)
        if fd is None:
            return Tail([], "", 0)
        with open(fd, "rb") as file:
            status = os.fstat(fd)
            inode, _, offset = cursor.partition("-")
            start = int(offset) if inode == str(status.st_ino) and offset.isdigit() else 0
            start = start if start <= status.st_size else 0
            skipped = status.st_size - start > FOLLOWED
            if skipped:
                start = status.st_size - FOLLOWED
            file.seek(start)
            raw = file.read(FOLLOWED)
            if skipped:
                raw = raw[raw.find(b"\n") + 1 :]
                start = status.st_size - len(raw)
            whole = raw.rfind(b"\n") + 1
            if not whole and len(raw) >= LONGEST:
                whole = len(raw)  # one endless line
            return Tail(_matching(raw[:whole], find), f"{status.st_ino}-{start + whole}", status.st_size, skipped)


def _end_of(file, size: int, most: int) -> "Tuple[bytes, int]":  # type: ignore[no-untyped-def]
    """The whole lines of the file's end, and the offset behind them."""
    start = max(size - most, 0)
    file.seek(start)
    raw = file.read(size - start)
    whole = raw.rfind(b"\n") + 1
    end = start + whole
    raw = raw[:whole]
    return (raw[raw.find(b"\n") + 1 :] if start else raw), end


def _previous(directory: int, name: str, find: str) -> List[str]:
    try:
        fd = open_plain(directory, name + PREVIOUS)
    except AgentError:
        return []
    if fd is None:
        return []
    with open(fd, "rb") as file:
        return _matching(_end_of(file, os.fstat(fd).st_size, SEARCHED)[0], find)


def _matching(raw: bytes, find: str) -> List[str]:
    wanted = find.casefold()
    lines = [line for line in raw.split(b"\n") if line]
    shown = (readable(line) for line in lines)
    return [line for line in shown if wanted in line.casefold()] if wanted else list(shown)


# --- days --------------------------------------------------------------------------------------------------------


def archives(directory: int) -> Dict[str, int]:
    """Names of the archives in a directory, with their sizes in bytes."""
    found: Dict[str, int] = {}
    with os.scandir(directory) as entries:
        for number, entry in enumerate(entries):
            if number >= MOST_ENTRIES:
                break
            if ARCHIVE.match(entry.name):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    found[entry.name] = status.st_size
    return found


def days(site: str) -> List[Dict[str, object]]:
    """What there is of days that are over: ``{"log", "day", "bytes"}`` each (compressed), newest first."""
    sizes: Dict[Tuple[str, str], int] = {}
    for on_volume in (True, False):
        with contextlib.suppress(AgentError), place(site, on_volume) as directory:
            for name, size in archives(directory).items():
                match = ARCHIVE.match(name)
                if match:
                    key = (match.group(2), match.group(1))
                    sizes[key] = sizes.get(key, 0) + size
    return [{"log": log, "day": day, "bytes": size} for (day, log), size in sorted(sizes.items(), reverse=True)]


#: In the order in which the lines of a day are in them: on the volume, on the host (when the volume was full), not
#: rotated yet.
PARTS = ("volume", "host", "live")


def read(site: str, log: str, day: str, part: str, offset: int, count: int) -> "Tuple[bytes, int]":
    """Bytes of a part of a day (compressed but for "live"), and the part's size; nothing when there is no such part."""
    if part == "live":
        on_volume, name = LOGS[log]
    else:
        on_volume, name = part == "volume", f"{log}-{day}.log.gz"
    with place(site, on_volume) as directory:
        fd = open_plain(directory, name)
        if fd is None:
            return b"", 0
        with open(fd, "rb") as file:
            size = os.fstat(fd).st_size
            file.seek(offset)
            return file.read(count), size
