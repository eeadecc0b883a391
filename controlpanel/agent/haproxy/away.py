"""Web hosts that are given up: nobody is sent there, whatever they still answer, and what was under way ends at once.

A host that lost its power says nothing, so a visitor who waits for it would do so until a time limit. HAProxy's own way
to end requests (``shutdown sessions``) closes the visitor's connection without a word. So the connections to the host
are broken below HAProxy (``ss -K``), which to it is an error like any other: what only reads is asked again (config.py,
``frontend again``), and everybody else gets the edge's page.
"""

from __future__ import annotations

import contextlib
from typing import Dict, Set

from .. import commands
from ..errors import Failed
from . import paths, runtime


def settle(addresses: Dict[str, str], away: Set[str]) -> None:
    """Give up those hosts (names; ``addresses`` has the addresses of all) and take back the others.

    Right however often; connections are broken only of those that were not given up before.
    """
    newly: Set[str] = set()
    for process in (runtime.Process(), *runtime.processes()[1]):
        with contextlib.suppress(runtime.Gone):
            for host in given_up(process) ^ away:
                if host in addresses:
                    _tell(process, host, "maint" if host in away else "ready")
                    newly |= away & {host}
    for host in sorted(newly):
        _break_off(addresses[host])


def given_up(process: runtime.Process) -> "Set[str]":
    """The web hosts that this process was told to send nobody to."""
    found = set()
    for line in process.ask("show servers state").splitlines():
        words = line.split()
        # Version 1 of the format: number and name of the backend, the same of the server, address, state, admin state.
        if len(words) > 6 and words[1] == paths.backend_name(words[3]) and int(words[6]) & 1:
            found.add(words[3])
    return found


def _tell(process: runtime.Process, host: str, state: str) -> None:
    server = "%s/%s" % (paths.backend_name(host), host)
    answer = process.ask("set server %s state %s" % (server, state))
    if answer:
        raise Failed("HAProxy did not change the state of " + server, answer)


def _break_off(address: str) -> None:
    """End all connections to that web server."""
    with contextlib.suppress(Failed):  # a kernel without it: then they end by the time limits
        commands.run(["ss", "--kill", "--no-header", "--tcp", "dst", address, "dport", "=", "80"], timeout=10)
