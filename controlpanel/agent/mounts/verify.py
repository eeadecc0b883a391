"""Whether what is mounted is the volume that was meant, and alive. That a mount command succeeded proves nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from typing import Iterator, Optional

from ..errors import Failed
from .table import Mount, source

MARK_FILE = ".volume-id"
MARK_ATTRIBUTE = "trusted.controlpanel.volume"
#: A full volume is alive: it answers, and says that it is full.
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Wrong(Failed):
    """Something else than the volume is mounted there."""

    code = "wrong_volume"


class CutOff(Failed):
    """The storage has ended this mount's session: it can neither read nor write any more, and must be made anew."""

    code = "cut_off"


#: What a session that was evicted or blocklisted answers, or a mount whose daemon has died.
_CUT_OFF = (errno.ESHUTDOWN, errno.ENOTCONN, errno.ECONNABORTED, errno.ENXIO, errno.ECANCELED)


def place(mount: Optional[Mount], volume: str, path: str) -> None:
    """The mount table has it: right place, type and source. Raises Wrong."""
    if mount is None:
        raise Wrong(f"{volume} is not mounted at {path}")
    if mount.source != source(volume) or not mount.fstype.startswith("fuse.ceph"):
        raise Wrong(f"{mount.fstype} {mount.source} is mounted at {path} instead of {volume}"[:300])


def content(path: str, volume: str, uid: int) -> None:
    """Its marks, its owner, and that it can be written. May hang: limit it. Raises Wrong, CutOff, Failed."""
    with _opened(path) as root:
        _identity(root, path, volume, uid)
        _mark_file(root, volume)
        _write(root)


def identity(path: str, volume: str, uid: int) -> None:
    """As ``content``, but changes nothing."""
    with _opened(path) as root:
        _identity(root, path, volume, uid)


@contextlib.contextmanager
def _opened(path: str) -> "Iterator[int]":
    try:
        root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield root
        finally:
            with contextlib.suppress(OSError):
                os.close(root)
    except OSError as error:
        cls = CutOff if error.errno in _CUT_OFF else Failed
        raise cls(f"{path}: {error.strerror}") from error


def _identity(root: int, path: str, volume: str, uid: int) -> None:
    try:
        mark = os.getxattr(root, MARK_ATTRIBUTE)
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        mark = b""
    if mark != volume.encode():
        raise Wrong(f"what is mounted at {path} says that it is {mark.decode(errors='replace') or 'nothing'}"[:200])
    owner = os.fstat(root).st_uid
    if owner != uid:
        raise Wrong(f"{path} belongs to {owner} instead of {uid}")


def _mark_file(root: int, volume: str) -> None:
    """The mark for people. The site owns the directory and may have removed it: then it is put back."""
    try:
        status = os.stat(MARK_FILE, dir_fd=root, follow_symlinks=False)
        if stat.S_ISREG(status.st_mode) and status.st_uid == 0:
            return
        os.unlink(MARK_FILE, dir_fd=root)
    except FileNotFoundError:
        pass
    except IsADirectoryError:
        return  # its owner's doing; it proves nothing, the attribute does
    with contextlib.suppress(OSError):
        fd = os.open(MARK_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o444, dir_fd=root)
        with open(fd, "wb") as file:
            file.write(volume.encode() + b"\n")


def _write(root: int) -> None:
    name = f".controlpanel-{secrets.token_hex(8)}"
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=root)
    try:
        os.write(fd, b"x")
        os.fdatasync(fd)  # the data has to reach the storage; waiting for the name's own commit would take 50 ms more
    except OSError as error:
        if error.errno not in _FULL:
            raise
    finally:
        try:
            os.close(fd)
        except OSError as error:
            if error.errno not in _FULL:
                raise
        finally:
            os.unlink(name, dir_fd=root)
