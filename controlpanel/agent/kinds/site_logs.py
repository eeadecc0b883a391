"""Calls that show a site's logs. They take no lock and change nothing."""

from __future__ import annotations

import base64
import re
from typing import Any, Dict

from .. import fields
from ..calls import Context, call
from ..errors import Invalid
from ..web import logs

_SITE = re.compile(r"\A[1-9][0-9]{0,11}\Z")
_DAY = re.compile(r"\A20[0-9]{2}-[01][0-9]-[0-3][0-9]\Z")
_CURSOR = re.compile(r"\A(?:[0-9]{1,20}-[0-9]{1,20})?\Z")

MOST_LINES = 500
#: Bytes of an archive in one answer.
CHUNK = 512 * 1024


def _site(args: Dict[str, Any], context: Context) -> str:
    site = fields.matching(args, "site", _SITE, "a site's number", 12)
    if context.store.spec("site", site) is None:
        raise Invalid("site: not on this host")
    return site


@call("site.log_tail", parallel=True)
def log_tail(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """The last lines of a log, or those since ``after``: ``{"lines", "cursor", "size", "skipped"}``.

    Args: ``{"site", "log": "access"|"web"|"php", "lines": 1 to 500, "find": text, "after": cursor}``.
    """
    fields.only(args, ("site", "log", "lines", "find", "after"))
    site = _site(args, context)
    log = fields.one_of(args, "log", tuple(logs.LOGS))
    find = fields.text(args, "find", 100, default="")
    after = fields.matching(args, "after", _CURSOR, "a cursor", 41, "")
    count = fields.integer(args, "lines", 1, MOST_LINES, 100)
    found = logs.follow(site, log, after, find) if after else logs.tail(site, log, count, find)
    return {
        "lines": found.lines[-MOST_LINES:],
        "cursor": found.cursor,
        "size": found.size,
        "skipped": found.skipped or len(found.lines) > MOST_LINES,
    }


@call("site.log_days", parallel=True)
def log_days(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Which days there are archives of: ``{"days": [{"log", "day", "bytes"}]}``, newest first."""
    fields.only(args, ("site",))
    return {"days": logs.days(_site(args, context))}


@call("site.log_read", parallel=True)
def log_read(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """A piece of a day's log as it is stored: ``{"data": base64, "size": of the part}``.

    Args: ``{"site", "log", "day": "2026-11-22", "part": "volume"|"host"|"live", "offset"}``.
    """
    fields.only(args, ("site", "log", "day", "part", "offset"))
    data, size = logs.read(
        _site(args, context),
        fields.one_of(args, "log", tuple(logs.LOGS)),
        fields.matching(args, "day", _DAY, "a day", 10),
        fields.one_of(args, "part", logs.PARTS),
        fields.integer(args, "offset", 0, 2**40, 0),
        CHUNK,
    )
    return {"data": base64.b64encode(data).decode("ascii"), "size": size}
