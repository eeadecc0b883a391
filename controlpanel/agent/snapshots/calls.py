"""Comparing a site with a snapshot of its volume, and making files as they were in it."""

from __future__ import annotations

import fcntl
from typing import Any, Dict

from .. import fields
from ..calls import Context, call
from ..errors import Busy, Invalid
from . import compare, places, restore

#: Paths of one restoration.
MOST = 1000


def _site(args: Dict[str, Any]) -> str:
    return str(fields.integer(args, "site", 1, 10**12 - 1))


def _path(args: Dict[str, Any], key: str) -> str:
    value = fields.fetch(args, key)
    if not isinstance(value, str):
        raise Invalid(f"{key}: not text")
    return "/".join(places.parts_of(value))


@call("site.compare", parallel=True)
def differences(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """What was added, removed or changed since a snapshot: a page of it, from behind ``after`` on."""
    fields.only(args, ("site", "snapshot", "after", "limit"))
    after = _path(args, "after") if args.get("after") else ""
    limit = fields.integer(args, "limit", 1, compare.LIMIT, compare.LIMIT)
    return compare.page(_site(args), fields.identifier(args, "snapshot"), after, limit)


@call("site.restore", parallel=True)
def make_as_it_was(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Make these paths as they were in a snapshot; an empty list stands for everything."""
    fields.only(args, ("site", "snapshot", "paths"))
    site, snapshot = _site(args), fields.identifier(args, "snapshot")
    wanted = fields.list_of(args, "paths", _path, max=MOST)
    with open(f"/run/controlpanel/restore-{site}.lock", "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy("its files are being restored already") from None
        if wanted:
            return restore.some(site, snapshot, wanted, context.progress)
        return restore.everything(site, snapshot, context.progress)
