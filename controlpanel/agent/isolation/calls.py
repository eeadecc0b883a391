"""The calls that isolate a site at once, beside everything else that this host is doing."""

from __future__ import annotations

from typing import Any, Dict, Tuple

from .. import fields
from ..calls import Context, call
from . import cut, evidence, notes, processes


def _site(args: Dict[str, Any]) -> Tuple[str, int]:
    site = str(fields.integer(args, "site", 1, 10**12 - 1))
    return site, fields.integer(args, "uid", 1000, 2**31 - 1)


@call("site.cut", parallel=True)
def cut_off(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """No packet of the site leaves any more, and its processes stand still. It waits for nothing else on this host.

    ``revision`` is the site's with which it was isolated: an older word on the site does not end it. Whoever asks for
    it also applies the site as quarantined, or as not: this holds until then, also over a reboot.
    """
    fields.only(args, ("site", "uid", "revision"))
    site, uid = _site(args)
    revision = fields.integer(args, "revision", 0, 2**62)
    with notes.alone():
        known = notes.read(site)
        if known is None or known.revision < revision:
            notes.write(site, notes.Note(uid, revision, room=bool(known and known.room)))
        cut.settle()
    # What serves an open clean room goes on: it has been looked at already.
    frozen = 0 if known is not None and known.room else processes.freeze(site, uid)
    return {"cut": True, "frozen": frozen}


@call("site.evidence", parallel=True)
def collect(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """What the site was doing. Changes nothing."""
    fields.only(args, ("site", "uid"))
    return {"evidence": evidence.collect(*_site(args))}


@call("site.packets", parallel=True)
def packets(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """How many packets of each isolated user were stopped."""
    fields.only(args, ())
    return {"packets": {str(uid): count for uid, count in cut.packets().items()}}
