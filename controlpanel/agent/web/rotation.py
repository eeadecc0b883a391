"""Logs of days that are over: compressed onto the site's volume, where they move along with it, and kept for 30 days.

nginx's logs go there every hour, or when one is large, and when the site leaves the host: at worst a dead host has an
hour of its visitors with it. A volume that is full (or not answering) leaves them on the host, up to a limit, and they
follow when there is room.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import signal
import threading
import time
import zlib
from typing import Dict, Iterable, List, Sequence

from ..errors import AgentError
from . import logs, nginx

#: Days that an archive is kept.
KEPT_DAYS = 30
#: A log is rotated after so many seconds, or when it has so many bytes.
EVERY = 3600.0
LARGE = {"access": 50 * 2**20, "web": 20 * 2**20, "php": 20 * 2**20}
#: Bytes of archives that wait on the host for a volume that is full; of more, the oldest go.
WAITING = 50 * 2**20
#: What is being put into an archive; after a crash it is taken up again.
CLOSING = ".closing"
_BLOCK = 256 * 1024


def today(now: float) -> str:
    """The day that a log belongs to that is closed now: just after midnight, the day before."""
    return datetime.datetime.fromtimestamp(now - 600).date().isoformat()


def tend(sites: Dict[str, Dict[str, int]], now: float) -> List[str]:
    """Rotate what is due of all sites (number to ``{"uid", "gid"}``), archive it, forget what is too old.

    Returns what went wrong, in words.
    """
    troubles: List[str] = []
    closed = [site for site in sites if _each(troubles, site, _close_host_logs, site, now, False)]
    if closed:
        _reopen()
    for site, owner in sites.items():
        _each(troubles, site, _archive_site, site, owner["uid"], owner["gid"], now, False)
    return troubles


def put_away(sites: Dict[str, Dict[str, int]], seconds: float) -> None:
    """Bring the logs of sites that leave this host onto their volumes, as far as it can be done in so many seconds."""

    def work() -> None:
        now = time.time()
        for site, owner in sites.items():
            with contextlib.suppress(AgentError, OSError):
                _close_host_logs(site, now, True)
                _archive_site(site, owner["uid"], owner["gid"], now, True)

    thread = threading.Thread(target=work, name="logs", daemon=True)
    thread.start()
    thread.join(seconds)


def _each(troubles: List[str], site: str, function, *args: object) -> bool:  # type: ignore[no-untyped-def]
    try:
        return bool(function(*args))
    except (AgentError, OSError) as error:
        troubles.append(f"site {site}: {getattr(error, 'reason', '') or error}")
        return False


# --- nginx's logs, on the host -----------------------------------------------------------------------------------


def _close_host_logs(site: str, now: float, all_of_them: bool) -> bool:
    """Rename the logs that are due; True when nginx must open new ones."""
    renamed = False
    with logs.host_logs(site) as directory:
        for log in ("access", "web"):
            name = logs.LOGS[log][1]
            if (all_of_them or _is_due(directory, name, LARGE[log], now)) and _close(directory, name):
                renamed = True
    return renamed


def _is_due(directory: int, name: str, large: int, now: float) -> bool:
    status = _stat(directory, name)
    if status is None or not status.st_size:
        return False
    before = _stat(directory, name + logs.PREVIOUS)
    if before is None or status.st_size >= large or now - before.st_mtime >= EVERY:
        return True
    return _day(before.st_mtime) != _day(now)


def _day(moment: float) -> datetime.date:
    return datetime.datetime.fromtimestamp(moment).date()


def _close(directory: int, name: str) -> bool:
    """Rename a log that has something in it, unless the last one still waits."""
    status = _stat(directory, name)
    if status is None or not status.st_size or _stat(directory, name + CLOSING) is not None:
        return False
    os.rename(name, name + CLOSING, src_dir_fd=directory, dst_dir_fd=directory)
    return True


def _reopen() -> None:
    """nginx goes on in new files; a moment later nobody writes into the old ones."""
    master = nginx.master()
    if master is not None:
        os.kill(master, signal.SIGUSR1)
        time.sleep(0.5)


# --- into archives -----------------------------------------------------------------------------------------------


def _archive_site(site: str, uid: int, gid: int, now: float, leaving: bool) -> None:
    day = today(now)
    with logs.host_logs(site) as host:
        try:
            with logs.volume_logs(site) as volume:
                _archive_php(volume, uid, gid, now, day)
                for log in ("access", "web"):
                    _archive(host, logs.LOGS[log][1], [(volume, uid, gid), (host, 0, 0)], log, day, leaving)
                _deliver(host, volume, uid, gid)
                _expire(volume, now)
        except AgentError:
            for log in ("access", "web"):
                _archive(host, logs.LOGS[log][1], [(host, 0, 0)], log, day, leaving)
            raise
        finally:
            _expire(host, now)
            _limit(host)


def _archive_php(volume: int, uid: int, gid: int, now: float, day: str) -> None:
    """PHP opens its log for each line, so that it needs no word of it. Once a day, or when it is large."""
    name = logs.LOGS["php"][1]
    status = _stat(volume, name)
    due = status is not None and status.st_size and (status.st_size >= LARGE["php"] or _new_day(volume, name, now))
    if due:
        _close(volume, name)
    _archive(volume, name, [(volume, uid, gid)], "php", day, False)


def _new_day(volume: int, name: str, now: float) -> bool:
    before = _stat(volume, name + logs.PREVIOUS)
    started = before.st_mtime if before is not None else 0.0
    return _day(started) != _day(now)


def _archive(
    source: int, name: str, targets: "Sequence[tuple[int, int, int]]", log: str, day: str, leaving: bool
) -> None:
    """Append what was closed to the day's archive in the first of ``targets`` that takes it; then it is "previous"."""
    closed = logs.open_plain(source, name + CLOSING)
    if closed is None:
        return
    with open(closed, "rb") as file:
        for number, (directory, uid, gid) in enumerate(targets, 1):
            try:
                file.seek(0)
                _append(directory, f"{log}-{day}.log.gz", _compressed(file), uid, gid)
                break
            except (AgentError, OSError):
                if number == len(targets):
                    raise
    if leaving:
        os.unlink(name + CLOSING, dir_fd=source)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name + logs.PREVIOUS, dir_fd=source)
        return
    os.rename(name + CLOSING, name + logs.PREVIOUS, src_dir_fd=source, dst_dir_fd=source)
    os.utime(name + logs.PREVIOUS, dir_fd=source, follow_symlinks=False)


def _compressed(file) -> Iterable[bytes]:  # type: ignore[no-untyped-def]
    """A member of a gzip file; several after each other are one too."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    while True:
        block = file.read(_BLOCK)
        if not block:
            break
        yield packer.compress(block)
    yield packer.flush()


def _append(directory: int, name: str, blocks: Iterable[bytes], uid: int, gid: int) -> None:
    """All of it or nothing."""
    fd = logs.open_plain(directory, name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    if fd is None:
        return
    try:
        before = os.fstat(fd).st_size
        try:
            for block in blocks:
                view = memoryview(block)
                while view:
                    view = view[os.write(fd, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(fd, before)
            raise
        if os.fstat(fd).st_uid != uid:
            os.fchown(fd, uid, gid)
    finally:
        os.close(fd)


def _deliver(host: int, volume: int, uid: int, gid: int) -> None:
    """Archives that had to wait here go to the volume once it has room."""
    for name in logs.archives(host):
        fd = logs.open_plain(host, name)
        if fd is None:
            continue
        with open(fd, "rb") as file, contextlib.suppress(AgentError, OSError):
            _append(volume, name, iter(lambda: file.read(_BLOCK), b""), uid, gid)
            os.unlink(name, dir_fd=host)


def _expire(directory: int, now: float) -> None:
    oldest = (datetime.datetime.fromtimestamp(now).date() - datetime.timedelta(days=KEPT_DAYS)).isoformat()
    for name in logs.archives(directory):
        match = logs.ARCHIVE.match(name)
        if match and match.group(2) < oldest:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=directory)


def _limit(host: int) -> None:
    sizes = logs.archives(host)
    total = sum(sizes.values())
    for name in sorted(sizes, key=lambda name: name.partition("-")[2]):
        if total <= WAITING:
            return
        os.unlink(name, dir_fd=host)
        total -= sizes[name]


def _stat(directory: int, name: str) -> "os.stat_result | None":
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
