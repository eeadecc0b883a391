"""Files of a site made as they were in a snapshot: brought back, put right, or, where there were none, taken away.

Root writes where the site's owner, or whoever broke in, may have put anything: every step goes by directory file
descriptors and follows no link. A file is written beside and renamed, so that it is the old or the new, never half.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from typing import Any, Callable, Dict, List, Optional, Sequence

from ..errors import Failed
from . import places
from .compare import Walk

#: Without the bits that let a program run as its owner: nothing of a site has a use for them.
_RIGHTS = 0o1777
_CHUNK = 1024**2

Told = Callable[[Dict[str, Any]], None]


def some(site: str, snapshot: str, wanted: Sequence[str], told: Told) -> Dict[str, Any]:
    """Each of these paths (a directory with all in it) as it was. Raises Failed when one cannot be made so."""
    counts = {"restored": 0, "removed": 0}
    with places.opened(site, snapshot) as (then, now):
        for path in wanted:
            _one(then, now, places.parts_of(path), counts)
            told(counts)
    return counts


def everything(site: str, snapshot: str, told: Told) -> Dict[str, Any]:
    """All of it as it was."""
    counts = {"restored": 0, "removed": 0}
    with places.opened(site, snapshot) as (then, now):
        differing: List[List[str]] = []
        for path, difference in Walk([]).below(then, now, []):
            parts = path.split("/")
            covered = differing and parts[: len(differing[-1])] == differing[-1]
            # Names that are no text are brought back with the directory that they are in.
            if difference is not None and difference["what"] != "touched" and not covered:
                differing.append(parts if "\\" not in path else parts[: _plain(parts)])
        for parts in differing:
            if parts:
                _one(then, now, parts, counts)
            told(counts)
    return counts


def _plain(parts: List[str]) -> int:
    return next((number for number, part in enumerate(parts) if "\\" in part), len(parts))


def _one(then: int, now: int, parts: List[str], counts: Dict[str, int]) -> None:
    with contextlib.ExitStack() as stack:
        old: Optional[int] = then
        new: Optional[int] = now
        for part in parts[:-1]:
            old_status = places.look(old, part)
            old = stack.enter_context(places.directory(old, part))
            if old is None and places.look(new, part) is None:
                return  # neither was there nor is
            if old is not None and old_status is not None and new is not None:
                _directory(new, part, old_status)
            new = stack.enter_context(places.directory(new, part))
            if new is None:
                return
        if new is not None:
            _entry(old, new, parts[-1], counts)


def _entry(old: Optional[int], new: int, name: str, counts: Dict[str, int]) -> None:
    """One entry of an open directory, with everything in it."""
    status = places.look(old, name)
    kind = places.kind_of(status)
    try:
        if old is None or status is None:
            _remove(new, name, counts)
        elif kind == "directory":
            _directory(new, name, status)
            with places.directory(old, name) as inner_old, places.directory(new, name) as inner_new:
                if inner_old is None or inner_new is None:
                    raise Failed(f"{places.readable(name)} cannot be opened")
                for inner in sorted(set(os.listdir(inner_old)) | set(os.listdir(inner_new))):
                    _entry(inner_old, inner_new, inner, counts)
        elif kind in ("file", "link"):
            there = places.look(new, name)
            if there is not None and _same(status, there):
                return
            if places.kind_of(there) == "directory":
                _remove(new, name, counts)
            _put(old, new, name, status)
            counts["restored"] += 1
    except OSError as error:
        raise Failed(f"{places.readable(name)} cannot be restored: {error.strerror}") from error


def _same(old: os.stat_result, new: os.stat_result) -> bool:
    words = ("st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns", "st_ctime_ns")
    return all(getattr(old, word) == getattr(new, word) for word in words)


def _directory(parent: int, name: str, status: os.stat_result) -> None:
    there = places.look(parent, name)
    if there is not None and not stat.S_ISDIR(there.st_mode):
        os.unlink(name, dir_fd=parent)
        there = None
    if there is None:
        os.mkdir(name, 0o700, dir_fd=parent)
    fd = os.open(name, places.OPEN_DIRECTORY, dir_fd=parent)
    try:
        os.fchown(fd, status.st_uid, status.st_gid)
        os.fchmod(fd, status.st_mode & _RIGHTS)
    finally:
        os.close(fd)


def _put(old: int, new: int, name: str, status: os.stat_result) -> None:
    beside = f".controlpanel-{secrets.token_hex(8)}"
    try:
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(name, dir_fd=old), beside, dir_fd=new)
            os.chown(beside, status.st_uid, status.st_gid, dir_fd=new, follow_symlinks=False)
        else:
            _copy(old, new, name, beside, status)
        os.rename(beside, name, src_dir_fd=new, dst_dir_fd=new)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(beside, dir_fd=new)
        raise


def _copy(old: int, new: int, name: str, beside: str, status: os.stat_result) -> None:
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=old)
    try:
        target = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=new)
        with open(target, "wb") as output:
            while chunk := os.read(source, _CHUNK):
                output.write(chunk)
            output.flush()
            os.fchown(target, status.st_uid, status.st_gid)
            os.fchmod(target, status.st_mode & _RIGHTS)
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    finally:
        os.close(source)


def _remove(directory: int, name: str, counts: Dict[str, int]) -> None:
    status = places.look(directory, name)
    if status is None:
        return
    if stat.S_ISDIR(status.st_mode):
        with places.directory(directory, name) as inner:
            for entry in os.listdir(inner) if inner is not None else ():
                _remove(inner, entry, counts)  # type: ignore[arg-type]
        os.rmdir(name, dir_fd=directory)
    else:
        os.unlink(name, dir_fd=directory)
    counts["removed"] += 1
