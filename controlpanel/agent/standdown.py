"""A host that was cut off finds out that it is: nothing of a site runs here before the host has been cleaned.

The cut itself is made elsewhere (at the storage, at the edges) and needs nothing of this host. This is so that it does
not go on wasting itself on sites that live elsewhere by now, and does not serve from its own leftovers. The mark
survives reboots; only a full resync, which takes away what should not be here any more, lifts it.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Dict, List

from . import closing, commands, fields, lock
from .calls import Context, call
from .databases import firewall
from .databases import paths as databases
from .errors import AgentError, Failed
from .mounts import cephfuse
from .paths import Paths
from .web import paths as web

#: Ports of an edge.
_VISITORS = (80, 443)


class StandsDown(AgentError):
    """This host is fenced off and takes nothing but a full resync."""

    code = "host_fenced"


def stands_down(paths: Paths) -> bool:
    """Whether this host was told that it is fenced off, and has not been cleaned since."""
    return os.path.exists(paths.fenced)


def lift(paths: Paths) -> None:
    """The host holds exactly what it should again."""
    try:
        os.unlink(paths.fenced)
    except FileNotFoundError:
        return
    if os.path.exists(databases.FIREWALL):
        firewall.reopen()


@call("host.stand_down")
def stand_down(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Note that this host is fenced off, and end everything of sites that still runs. Answers what was ended."""
    fields.only(args, ())
    with lock.held(context.paths.lock):
        if not stands_down(context.paths):
            fd = os.open(context.paths.fenced, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            with open(fd, "w", encoding="ascii") as file:
                file.flush()
                os.fsync(file.fileno())
        ended: List[str] = []
        if "web" in context.roles:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(web.READY)  # edges see it at their next look
                ended.append("ready")
            ended += _end("site.slice")
            daemons = cephfuse.daemons()
            for volume in sorted(daemons):
                if volume:
                    ended += _end(cephfuse.unit(volume))
        if "edge" in context.roles:
            ended += _end("haproxy.service", "TERM")
            commands.run(["systemctl", "disable", "--quiet", "haproxy.service"], ok=range(256))  # nor after a restart
            closing.close("edge", _VISITORS)  # it is started when it is cleaned, and opened last
        if "database" in context.roles:
            firewall.close()
            ended.append("databases")
        return {"ended": ended}


@call("host.stand_up")
def stand_up(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """The panel has readmitted this host: it is clean, and may serve."""
    fields.only(args, ())
    with lock.held(context.paths.lock):
        lift(context.paths)
        if "edge" in context.roles:
            closing.reopen("edge")
            commands.run(["systemctl", "enable", "--now", "--quiet", "haproxy.service"], ok=range(256))
    return {}


def _end(unit: str, signal: str = "KILL") -> List[str]:
    """Kill what is in the unit (its storage is gone: a polite end would wait for it), then stop it."""
    if commands.run(["systemctl", "is-active", unit], ok=range(256)).strip() not in ("active", "activating"):
        return []
    with contextlib.suppress(Failed):
        commands.run(["systemctl", "kill", "--signal=" + signal, unit])
    commands.run(["systemctl", "stop", "--no-block", unit], ok=range(256))
    return [unit]
