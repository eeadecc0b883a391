"""Before a server starts: the packet filter, and the wait for the host's address. Run by systemd, as root."""

from __future__ import annotations

import os
import socket
import time

from .. import commands
from ..errors import Failed
from ..paths import Paths
from . import firewall, paths

#: Seconds that the network may take.
PATIENCE = 60.0


def prepare() -> None:
    """Raises Failed when the filter cannot be loaded: a server that anybody may reach does not start."""
    commands.run(["nft", "-f", paths.FIREWALL], reason="the packet filter of the databases cannot be loaded")
    if os.path.exists(Paths().fenced):
        firewall.close()  # its databases live elsewhere by now
    with open(paths.ADDRESS) as file:
        address = file.read().strip()
    deadline = time.monotonic() + PATIENCE
    while not is_ours(address):
        if time.monotonic() > deadline:
            raise Failed(f"this host has no address {address}")
        time.sleep(0.1)


def is_ours(address: str) -> bool:
    """Whether a server could listen on the address now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
