"""A site's logs, asked of its host when somebody looks: nothing of them is kept in the panel.

What is in them was written by strangers: hosts replace control characters, and pages escape the rest.
"""

import asyncio
import base64
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet import channel
from controlpanel.operations.errors import StepError

from .errors import LogReplaced, LogsAway, NoLogs
from .models import Site

#: What each log is called.
NAMES: dict[str, Any] = {
    "access": _("Visits"),
    "web": _("Errors of the web server"),
    "php": _("Errors of PHP"),
}
MOST_LINES = 500
LONGEST_SEARCH = 100
#: Seconds that somebody who looks waits for the host.
PATIENCE = 8.0
#: Bytes of a day that are sent at most.
MOST_BYTES = 256 * 2**20
#: Control characters but for tab and line feed, which could mean something to a terminal.
_HARMLESS = bytes(one if one in (9, 10) or 32 <= one != 127 else ord("?") for one in range(256))


@dataclass(frozen=True)
class Lines:
    """Lines, oldest first. ``cursor`` is what to ask with for those to come; ``skipped``: some were left out."""

    lines: list[str]
    cursor: str
    skipped: bool


@dataclass(frozen=True)
class Day:
    """A log of a day that is over. ``size`` is in bytes, compressed."""

    log: str
    day: str
    size: int

    @property
    def name(self) -> str:
        return str(NAMES[self.log])


def logs_of(site: Site) -> dict[str, str]:
    """The logs that such a site has, with their names in the reader's language."""
    return {log: str(name) for log, name in NAMES.items() if log != "php" or site.runs_php}


def lines(site: Site, log: str, *, count: int = 100, find: str = "", after: str = "") -> Lines:
    """The last lines of a log, or those since ``after``, that hold ``find``. Raises NoLogs, LogsAway, LogReplaced."""
    find = "".join(one for one in find if one.isprintable())[:LONGEST_SEARCH]
    args = {"log": log, "lines": max(1, min(count, MOST_LINES)), "find": find, "after": after}
    answer = _ask(site, "site.log_tail", args)
    return Lines(answer["lines"], answer["cursor"], answer["skipped"])


def days(site: Site) -> list[Day]:
    """The days that can be downloaded, newest first. Raises as ``lines``."""
    found = _ask(site, "site.log_days", {})["days"]
    return [Day(one["log"], one["day"], one["bytes"]) for one in found if one["log"] in NAMES]


async def text_of(site: Site, log: str, day: str) -> AsyncIterator[bytes]:
    """The lines of a day, in pieces. What goes wrong on the way is the last line."""
    parts = ["volume", "host"] + (["live"] if day == timezone.now().date().isoformat() else [])
    left = MOST_BYTES
    try:
        for part in parts:
            async for piece in _part(site, log, day, part):
                piece = piece[:left].translate(_HARMLESS)
                left -= len(piece)
                yield piece
                if not left:
                    yield b"\n[too long: cut here]\n"
                    return
    except (StepError, TimeoutError, zlib.error):
        yield b"\n[cut: the rest could not be read]\n"


async def _part(site: Site, log: str, day: str, part: str) -> AsyncIterator[bytes]:
    offset, unpacker = 0, zlib.decompressobj(31)
    while True:
        args = {"site": str(site.pk), "log": log, "day": day, "part": part, "offset": offset}
        assert site.host is not None  # noqa: S101  # ``check`` has seen to it
        call = channel.call(site.host, "site.log_read", args, timeout=PATIENCE, quick=True)
        answer = await asyncio.wrap_future(call)
        data = base64.b64decode(answer["data"])
        if not data:
            return
        offset += len(data)
        if part == "live":
            yield data
            continue
        while data:
            piece = unpacker.decompress(data, 2**20)
            if piece:
                yield piece
            data = unpacker.unconsumed_tail
            if unpacker.eof:  # the next hour of the day
                data, unpacker = unpacker.unused_data, zlib.decompressobj(31)


def check(site: Site) -> None:
    """Raises NoLogs when the site is on no host."""
    if site.host is None or not site.placed:
        raise NoLogs


def _ask(site: Site, call: str, args: dict[str, Any]) -> dict[str, Any]:
    check(site)
    assert site.host is not None  # noqa: S101  # see above
    arguments = {"site": str(site.pk), **args}
    try:
        return channel.call(site.host, call, arguments, timeout=PATIENCE, quick=True).result(PATIENCE + 2)
    except StepError as error:
        raise LogReplaced("log") if error.code == "log_replaced" else LogsAway from error
    except TimeoutError as error:
        raise LogsAway from error
