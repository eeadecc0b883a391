"""A site's directories on its volume, made by root in a place where the site's owner may have put anything.

Every step goes by directory file descriptors and follows no link: else a link named ``logs`` to ``/etc`` would make
root give /etc away. What is already there stays as its owner left it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Tuple

from ..errors import AgentError, Failed
from . import pages, paths, wordpress

#: Directories and their modes. nginx reads ``web`` as "others", which the mode of the root keeps to www-data;
#: the rest is the site's alone.
DIRECTORIES: Tuple[Tuple[str, int], ...] = (
    ("web", 0o755),
    ("include", 0o750),
    ("files", 0o750),
    ("logs", 0o750),
    ("bin", 0o750),
)
ROOT_MODE = 0o750
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class StorageFull(AgentError):
    """There is no room left on the storage behind the site's volume."""

    code = "storage_full"


def prepare(site: str, uid: int, gid: int, kind: str, domain: str, group: int) -> None:
    """Bring the directories about, and a first page if ``web`` is empty. ``group`` is nginx's (www-data).

    A volume that its owner has filled to the brim is no reason to fail: it gets no first page, and all else works.
    Raises Failed when the volume is not mounted, StorageFull when the storage itself has no room.
    """
    root = paths.root(site)
    try:
        if not os.path.ismount(root):
            raise Failed(f"the volume of site {site} is not mounted")
        top = os.open(root, _OPEN)
        try:
            _own_root(top, uid, group)
            for name, mode in DIRECTORIES:
                _directory(top, name, mode, uid, gid)
            _below(top, "files", "tmp", 0o700, uid, gid)
            if domain and kind != "wordpress":
                _first_page(top, uid, gid, kind, domain)
        finally:
            os.close(top)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull(f"there is no room for the directories of site {site}") from error
        raise Failed(f"the volume of site {site}: {error.strerror}") from error


def put_wordpress(site: str, uid: int, gid: int, config: str) -> None:
    """The directories and files that a WordPress has of its own; its configuration (with a password) is its alone."""
    root = paths.root(site)
    if not os.path.ismount(root):
        raise Failed(f"the volume of site {site} is not mounted")
    try:
        top = os.open(root, _OPEN)
        try:
            for path in wordpress.DIRECTORIES:
                parent, _, name = f"web/{path}".rpartition("/")
                with _walked(top, parent) as directory:
                    _directory(directory, name, 0o755, uid, gid)
            with _walked(top, "web") as web:
                for name, text in wordpress.STUBS.items():
                    _put(web, name, text, 0o644, uid, gid)
            with _walked(top, "include") as include:
                _put(include, "wp-config.php", config, 0o640, uid, gid)
        finally:
            os.close(top)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"there is no room for WordPress on the volume of site {site}") from error
        raise Failed(f"the volume of site {site}: {error.strerror}") from error


@contextlib.contextmanager
def _walked(top: int, path: str):  # type: ignore[no-untyped-def]
    """A directory below ``top``, by steps that follow no link."""
    fd = os.dup(top)
    try:
        for name in path.split("/"):
            deeper = os.open(name, _OPEN, dir_fd=fd)
            os.close(fd)
            fd = deeper
        yield fd
    finally:
        os.close(fd)


def _put(directory: int, name: str, text: str, mode: int, uid: int, gid: int) -> None:
    """A file in the place of whatever had its name."""
    beside = f".{name}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside, dir_fd=directory)
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
    with open(fd, "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fchown(fd, uid, gid)
        os.fchmod(fd, mode)
        os.fsync(fd)
    os.rename(beside, name, src_dir_fd=directory, dst_dir_fd=directory)


def _own_root(top: int, uid: int, group: int) -> None:
    status = os.fstat(top)
    if (status.st_uid, status.st_gid) != (uid, group):
        os.fchown(top, uid, group)
    if stat.S_IMODE(status.st_mode) != ROOT_MODE:
        os.fchmod(top, ROOT_MODE)


def _directory(parent: int, name: str, mode: int, uid: int, gid: int) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return  # its owner's, whatever it is by now
    fd = os.open(name, _OPEN, dir_fd=parent)
    try:
        os.fchown(fd, uid, gid)
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


def _below(top: int, directory: str, name: str, mode: int, uid: int, gid: int) -> None:
    with _opened(top, directory) as parent:
        if parent is not None:
            _directory(parent, name, mode, uid, gid)


def _first_page(top: int, uid: int, gid: int, kind: str, domain: str) -> None:
    with _opened(top, "web") as web:
        if web is None or _holds_anything(web):
            return
        name, text = pages.first_page(domain, kind)
        try:
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=web)
        except FileExistsError:
            return  # its owner was faster
        try:
            with open(fd, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fchown(fd, uid, gid)
                os.fchmod(fd, 0o644)
                os.fsync(fd)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=web)
            if error.errno != errno.EDQUOT:
                raise


def _holds_anything(directory: int) -> bool:
    with os.scandir(directory) as entries:
        return next(entries, None) is not None


@contextlib.contextmanager
def _opened(parent: int, name: str):  # type: ignore[no-untyped-def]
    """The directory's file descriptor; None when its owner made something else of it."""
    try:
        fd = os.open(name, _OPEN, dir_fd=parent)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.ENOENT):
            raise
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)
