"""Where a snapshot of a mounted volume is found, and names below it, without ever following a link."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from typing import Iterator, List, Optional, Tuple

from ..errors import Failed, Invalid
from ..web import paths

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: CephFS shows the snapshots of every directory in it under this name; it is on no listing, and nobody can make one.
SNAPSHOTS = ".snap"
#: Of ours, not of the site's.
OURS = re.compile(r"\A(\.volume-id|\.controlpanel-[0-9a-f]+)\Z")
LONGEST_PATH = 4096


@contextlib.contextmanager
def opened(site: str, snapshot: str) -> "Iterator[Tuple[int, int]]":
    """File descriptors of the volume's root as it was and as it is. Raises Failed when one is not there."""
    root = paths.root(site)
    if not os.path.ismount(root):
        raise Failed(f"the volume of site {site} is not mounted")
    opened: List[int] = []
    try:
        now = os.open(root, OPEN_DIRECTORY)
        opened.append(now)
        try:
            listing = os.open(SNAPSHOTS, OPEN_DIRECTORY, dir_fd=now)
            opened.append(listing)
            # The snapshot was taken of a directory above the one that is mounted: then its name is "_NAME_NUMBER".
            names = [name for name in os.listdir(listing) if re.match(rf"\A(_{snapshot}_[0-9]+|{snapshot})\Z", name)]
            then = os.open(names[0], OPEN_DIRECTORY, dir_fd=listing)
        except (OSError, IndexError) as error:
            raise Failed(f"the volume of site {site} has no snapshot {snapshot}") from error
        opened.append(then)
        yield then, now
    finally:
        for fd in opened:
            os.close(fd)


def parts_of(path: str) -> List[str]:
    """A relative path taken apart. Raises Invalid for one that leads anywhere but down."""
    parts = path.split("/")
    if len(path) > LONGEST_PATH or "\0" in path or any(part in ("", ".", "..", SNAPSHOTS) for part in parts):
        raise Invalid("path: not a relative path")
    if OURS.match(parts[0]):
        raise Invalid("path: not one of the site's files")
    return parts


def look(directory: Optional[int], name: str) -> Optional[os.stat_result]:
    """What is there, a link itself and not where it leads; None when nothing is."""
    if directory is None:
        return None
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


@contextlib.contextmanager
def directory(parent: Optional[int], name: str) -> "Iterator[Optional[int]]":
    """The directory below; None when there is none, or it is no directory."""
    fd = None
    if parent is not None:
        with contextlib.suppress(OSError):
            fd = os.open(name, OPEN_DIRECTORY, dir_fd=parent)
    try:
        yield fd
    finally:
        if fd is not None:
            os.close(fd)


def kind_of(status: Optional[os.stat_result]) -> str:
    """ "directory", "file", "link", "other", or "" for nothing."""
    if status is None:
        return ""
    for word, test in (("directory", stat.S_ISDIR), ("file", stat.S_ISREG), ("link", stat.S_ISLNK)):
        if test(status.st_mode):
            return word
    return "other"


def readable(name: str) -> str:
    """A name as text that JSON and databases can hold; bytes that are no UTF-8 are written out."""
    return os.fsencode(name).decode(errors="backslashreplace")
