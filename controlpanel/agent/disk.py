"""Files and directories, changed so that a crash at any instant leaves the old or the new, never half."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from dataclasses import dataclass
from typing import Optional, Set

from .errors import Failed
from .kinds.base import File

_NEW = ".controlpanel-new"


@dataclass(frozen=True)
class Before:
    """What stood at a path: a file, a symbolic link (``link``), or nothing (``content`` and ``link`` are None)."""

    path: str
    content: Optional[bytes] = None
    mode: int = 0
    uid: int = 0
    gid: int = 0
    link: Optional[str] = None

    @property
    def exists(self) -> bool:
        return self.content is not None or self.link is not None


def look(path: str) -> Before:
    """What stands there now. Raises Failed for a directory or a device."""
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return Before(path, link=os.readlink(path), uid=status.st_uid, gid=status.st_gid)
        if not stat.S_ISREG(status.st_mode):
            raise Failed(f"{path} is not a file")
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            return Before(path, file.read(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    except FileNotFoundError:
        return Before(path)


def difference(file: File) -> Optional[str]:
    """How the disk differs from a file as it should be, in words without content; None when it does not."""
    try:
        before = look(file.path)
    except Failed as error:
        return error.reason
    if not before.exists:
        return f"{file.path} is missing"
    if before.content is None:
        return f"{file.path} is a link"
    if before.content != file.content:
        return f"{file.path} has other content"
    if before.mode != file.mode:
        return f"{file.path} has mode {before.mode:04o} instead of {file.mode:04o}"
    if (before.uid, before.gid) != (file.uid, file.gid) and os.geteuid() == 0:
        return f"{file.path} belongs to {before.uid}:{before.gid} instead of {file.uid}:{file.gid}"
    return None


def check_directory(directory: str, known: Set[str]) -> None:
    """Refuse a directory that somebody else could turn into a link to elsewhere while we write there as root.

    ``known`` holds those already checked.
    """
    if directory in known:
        return
    if os.path.realpath(directory) != directory:
        raise Failed(f"{directory} is reached through a link")
    part = directory
    while True:
        try:
            status = os.lstat(part)
        except FileNotFoundError:
            raise Failed(f"{part} does not exist") from None
        if not stat.S_ISDIR(status.st_mode):
            raise Failed(f"{part} is not a directory")
        writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX
        if status.st_uid not in (0, os.geteuid()) or (writable and status.st_gid != 0):
            raise Failed(f"{part} can be changed by others than root")
        if part == "/":
            break
        part = os.path.dirname(part)
    known.add(directory)


def put(file: File) -> None:
    """Write beside, fsync, rename. The directory's own fsync is the caller's (one for many files)."""
    beside = os.path.join(os.path.dirname(file.path), "." + os.path.basename(file.path)[:200] + _NEW)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)  # of a run that was killed
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as output:
            output.write(file.content)
            output.flush()
            if os.geteuid() == 0:
                os.fchown(output.fileno(), file.uid, file.gid)
            os.fchmod(output.fileno(), file.mode)
            os.fsync(output.fileno())
        os.rename(beside, file.path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise Failed(f"{file.path} cannot be written: {error.strerror}") from error


def restore(before: Before) -> None:
    """Put back what stood there."""
    if before.content is not None:
        put(File(before.path, before.content, before.mode, before.uid, before.gid))
        return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(before.path)
    if before.link is not None:
        os.symlink(before.link, before.path)


def sync_directory(directory: str) -> None:
    """Make renames and removals in it survive a power cut."""
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # it was removed in the same transaction; its parent is synced too
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems have no such thing
            raise
    finally:
        os.close(fd)
