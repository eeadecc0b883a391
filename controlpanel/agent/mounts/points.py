"""Mount points: empty directories that nobody can write into while nothing is mounted on them.

Without this, old and new host once wrote into the bare directories under a failed mount, and every later mount refused.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct

from ..errors import Failed

_GET_FLAGS = 0x80086601 if struct.calcsize("l") == 8 else 0x80046601
_SET_FLAGS = 0x40086602 if struct.calcsize("l") == 8 else 0x40046602
_IMMUTABLE = 0x10
#: The file system does not know the flag, or does not let us: EPERM inside a container without the capability.
_WITHOUT = (errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM, errno.ENOSYS)


def prepare(path: str) -> str:
    """Make the (unmounted) mount point and guard it; how it is guarded: "immutable", or only "mode" (root may write).

    Raises Failed when something is in it: then it was written to while nothing was mounted, and a person has to look.
    """
    parent = os.path.dirname(path)
    os.makedirs(parent, mode=0o711, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o000)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.listdir(fd):
            raise Failed(f"{path} is not empty though nothing is mounted there")
        if _flags(fd) & _IMMUTABLE:
            return "immutable"
        os.fchown(fd, 0, 0)
        os.fchmod(fd, 0o000)
        return "immutable" if _set(fd, True) else "mode"
    finally:
        os.close(fd)


def drop(path: str) -> None:
    """Take the (unmounted) mount point away; one with something in it is left, and Failed is raised."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        _set(fd, False)
    finally:
        os.close(fd)
    try:
        os.rmdir(path)
    except OSError as error:
        raise Failed(f"{path} cannot be removed: {error.strerror}") from error


def _flags(fd: int) -> int:
    buffer = bytearray(struct.pack("l", 0))
    try:
        fcntl.ioctl(fd, _GET_FLAGS, buffer)
    except OSError as error:
        if error.errno in _WITHOUT:
            return 0
        raise
    return int(struct.unpack_from("I", buffer)[0])


def _set(fd: int, immutable: bool) -> bool:
    flags = _flags(fd)
    wanted = flags | _IMMUTABLE if immutable else flags & ~_IMMUTABLE
    if flags == wanted:
        return True
    try:
        fcntl.ioctl(fd, _SET_FLAGS, struct.pack("l", wanted))
    except OSError as error:
        if error.errno in _WITHOUT:
            return False
        raise
    return bool(_flags(fd) & _IMMUTABLE) == immutable
