"""The lab's bridge, and the cables of its hosts."""

import json
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from .errors import LabError
from .instance import Lab
from .process import run, wait_until


def refuse_overlap(lab: Lab) -> None:
    """Raises LabError when the machine has the lab's addresses elsewhere already."""
    for link in json.loads(run(["ip", "-json", "-4", "addr", "show"]) or "[]"):
        for address in link.get("addr_info", []):
            network = IPv4Network(f"{address['local']}/{address['prefixlen']}", strict=False)
            if link["ifname"] != lab.bridge and network.overlaps(lab.network):
                raise LabError(
                    f"{lab.network} is taken: {link['ifname']} has {network}. Choose another by LAB_NETWORK, "
                    "or stop the lab that uses it."
                )


def up(lab: Lab) -> None:
    """Make the bridge, or mend it. Idempotent."""
    # First of all: with no bridge, packets for the lab would leave by the machine's default route.
    run(["ip", "route", "replace", "blackhole", str(lab.network), "metric", "4096"])
    if not exists(lab.bridge):
        run(["ip", "link", "add", lab.bridge, "type", "bridge"])
    run(["ip", "addr", "replace", f"{lab.gateway}/{lab.network.prefixlen}", "dev", lab.bridge])
    run(["ip", "link", "set", lab.bridge, "up"])


def down(lab: Lab) -> None:
    """Remove the bridge and the route. Idempotent."""
    if exists(lab.bridge):
        run(["ip", "link", "delete", lab.bridge])
    run(["ip", "route", "delete", "blackhole", str(lab.network), "metric", "4096"], check=False)


def plug_in(lab: Lab, host: str) -> None:
    """Connect a starting host's cable to the bridge as soon as it is there."""
    interface = lab.interface(host)
    wait_until(f"{host} has a network cable", lambda: exists(interface), timeout=20, interval=0.01)
    run(["ip", "link", "set", interface, "master", lab.bridge, "up"])


def unplug(lab: Lab, host: str) -> None:
    """Throw the cable of a host away that has just ended: the kernel does that only after a while, and the next start
    of the host would take the old one for its own."""
    run(["ip", "link", "delete", lab.interface(host)], check=False)


def cut(lab: Lab, host: str) -> None:
    run(["ip", "link", "set", lab.interface(host), "down"])


def rejoin(lab: Lab, host: str, *addresses: IPv4Address) -> None:
    run(["ip", "link", "set", lab.interface(host), "master", lab.bridge, "up"])
    # Forget that nobody answered there: else attempts of the next seconds fail for the silence of the last ones.
    for address in addresses:
        run(["ip", "neighbour", "flush", "to", str(address), "dev", lab.bridge])


def is_connected(lab: Lab, host: str) -> bool:
    """Whether the host's cable is in the bridge and up."""
    links = json.loads(run(["ip", "-json", "link", "show", "dev", lab.interface(host)], check=False) or "[]")
    return any("UP" in link["flags"] and link.get("master") == lab.bridge for link in links)


def exists(interface: str) -> bool:
    return Path("/sys/class/net", interface).exists()
