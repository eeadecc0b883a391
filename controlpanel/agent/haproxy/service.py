"""HAProxy as a systemd service of the edge."""

from __future__ import annotations

import os

from .. import commands
from ..errors import Failed
from . import paths, runtime

_ENABLED = "/etc/systemd/system/multi-user.target.wants/" + paths.UNIT


def is_running() -> bool:
    """Whether it runs and answers us (a HAProxy with a foreign configuration does not)."""
    try:
        return bool(runtime.Process().ask("show version", timeout=3.0))
    except Failed:
        return False


def is_enabled() -> bool:
    """Whether it starts at boot."""
    return os.path.islink(_ENABLED)


def load() -> None:
    """Make it serve what the files say now: by a reload, which loses nothing, or by a start when it does not run."""
    if runtime.has_master() and is_running():
        runtime.reload()
    else:
        commands.run(["systemctl", "reset-failed", paths.UNIT], ok=(0, 1))
        commands.run(["systemctl", "restart", paths.UNIT], timeout=120.0, reason="HAProxy does not start")
    if not is_enabled():
        commands.run(["systemctl", "enable", paths.UNIT])
    runtime.wait()


def stop() -> None:
    commands.run(["systemctl", "stop", paths.UNIT], timeout=60.0)


def listeners(port: int) -> int:
    """How many sockets listen on a TCP port, of IPv4 or of IPv6, whichever are more.

    More than one: a forgotten second program takes a part of the visitors.
    """
    wanted, most = ":%04X" % port, 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        found = set()
        try:
            with open(table) as file:
                for line in file.readlines()[1:]:
                    part = line.split()
                    if part[1].endswith(wanted) and part[3] == "0A":
                        found.add(part[9])  # the inode
        except FileNotFoundError:
            continue
        most = max(most, len(found))
    return most


def has_ipv6() -> bool:
    """Whether this host has any IPv6 address (at least its own to itself)."""
    try:
        with open("/proc/net/if_inet6") as file:
            return bool(file.read().strip())
    except FileNotFoundError:
        return False
