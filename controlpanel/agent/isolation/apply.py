"""What the ``site`` kind does about isolated sites: notes and firewall first, processes after."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Dict, List, Optional, Sequence

from .. import commands
from ..errors import Failed
from ..web import paths, php
from . import cut, notes, processes
from .notes import Note as Note

if TYPE_CHECKING:
    from ..kinds.base import Item
    from ..transaction import Transaction

#: Seconds for systemd to close the sockets of sites that are being isolated.
PATIENCE = 15.0


def begin(tx: "Transaction", items: "List[Item]") -> Dict[str, notes.Note]:
    """Before anything of these sites is started: cut those off that are quarantined, and let the others out again.

    Returns the isolated ones of ``items``. One whose note is newer than what is applied (a boot in the middle of its
    isolation) stays isolated. What stood still and is free again goes on.
    """
    with notes.alone():
        before = notes.everything()
        wanted: Dict[str, Optional[notes.Note]] = {}
        for item in items:
            known = before.get(item.id)
            if item.spec["quarantined"]:
                wanted[item.id] = notes.Note(item.spec["uid"], item.revision, item.spec["room"])
            elif known is not None and known.revision > item.revision:
                wanted[item.id] = known
            else:
                wanted[item.id] = None
        changed = {site: before.get(site) for site, note in wanted.items() if note != before.get(site)}
        if changed:
            tx.on_rollback(lambda: _put(changed))
            _put_alone({site: wanted[site] for site in changed})
        elif any(wanted.values()):
            cut.settle()  # a boot has emptied the firewall, or somebody's hand
    for site, old in changed.items():
        if old is not None and wanted[site] is None:
            processes.thaw(site, old.uid)
    return {site: note for site, note in wanted.items() if note is not None}


def end(sites: Sequence[str]) -> None:
    """After all of these sites' processes have gone from this host: nothing is left to be isolated."""
    gone = [site for site in sites if notes.read(site) is not None]
    if gone:
        _put(dict.fromkeys(gone))


def stop(isolated: Dict[str, notes.Note]) -> None:
    """End what runs of them, but for what serves an open clean room. Raises Failed when something does not end."""
    running = {site: note for site, note in isolated.items() if _runs(site, note)}
    if not running:
        return
    for site, note in running.items():
        processes.kill(site, note.uid)
    # A visitor who waits in the queue of a socket lets systemd start another master at once. So the sockets go, without
    # waiting for them (a master gets seconds to end by itself), and whatever has come meanwhile is ended too.
    sites = list(running)
    units = php.sockets_of(sites) + php.services_of(sites) + php.rooms_of(sites) + php.slices_of(sites)
    commands.run(["systemctl", "--no-block", "stop", *units], timeout=30)
    deadline = time.monotonic() + PATIENCE
    while running:
        running = {site: note for site, note in running.items() if _runs(site, note)}
        for site, note in running.items():
            processes.kill(site, note.uid)
        if running and time.monotonic() > deadline:
            raise Failed(f"sockets of isolated sites do not close: {', '.join(sorted(running))}"[:300])
        time.sleep(0.01)


def _runs(site: str, note: notes.Note) -> bool:
    if os.path.exists(paths.php_socket(site)):
        return True
    return not note.room and (os.path.exists(paths.room_socket(site)) or bool(processes.of(site, note.uid)))


def problem(site: str, uid: int) -> Optional[str]:
    """For drift: what is wrong with the isolation."""
    if notes.read(site) is None or not cut.is_cut(uid):
        return "its network is not cut off"
    return None


def _put(wanted: "Dict[str, Optional[notes.Note]]") -> None:
    with notes.alone():
        _put_alone(wanted)


def _put_alone(wanted: "Dict[str, Optional[notes.Note]]") -> None:
    for site, note in wanted.items():
        if note is None:
            notes.drop(site)
        else:
            notes.write(site, note)
    cut.settle()
