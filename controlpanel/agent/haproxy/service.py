"""HAProxy as a systemd service of the edge."""

from __future__ import annotations

import os

from .. import commands
from ..errors import Failed
from . import paths, runtime

_WANTED = "/etc/systemd/system/multi-user.target.wants/"


def is_running(of: paths.Instance = paths.EDGE) -> bool:
    """Whether it runs and answers us (a HAProxy with a foreign configuration does not)."""
    try:
        return bool(runtime.Process(of.admin_socket).ask("show version", timeout=3.0))
    except Failed:
        return False


def is_enabled(of: paths.Instance = paths.EDGE) -> bool:
    """Whether it starts at boot."""
    return os.path.islink(_WANTED + of.unit)


def load(of: paths.Instance = paths.EDGE) -> None:
    """Make it serve what the files say now: by a reload, which loses nothing, or by a start when it does not run."""
    if runtime.has_master(of) and is_running(of):
        runtime.reload(of)
    else:
        commands.run(["systemctl", "reset-failed", of.unit], ok=(0, 1))
        commands.run(["systemctl", "restart", of.unit], timeout=120.0, reason="HAProxy does not start")
    if not is_enabled(of):
        commands.run(["systemctl", "enable", of.unit])
    runtime.wait(of=of)


def stop(of: paths.Instance = paths.EDGE) -> None:
    commands.run(["systemctl", "stop", of.unit], timeout=60.0)


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
