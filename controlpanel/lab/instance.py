"""One lab: its name, its network, and the folder it lives in."""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from pathlib import Path

from .errors import LabError

CHECKOUT = Path(__file__).resolve().parent.parent.parent
_LAB_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
#: The highest address of the table in hosts.py, and some room.
_LEAST_ADDRESSES = 64
_INTERFACE_NAME_LENGTH = 15


@dataclass(frozen=True)
class Lab:
    """Several labs live side by side on a machine when their names and networks differ."""

    name: str
    network: IPv4Network
    home: Path

    @classmethod
    def from_environment(cls) -> "Lab":
        """The lab that LAB_NAME (default ``lab``) and LAB_NETWORK (default ``10.77.0.0/24``) speak of."""
        name = os.environ.get("LAB_NAME", "lab")
        if not _LAB_NAME.fullmatch(name):
            raise LabError(f"LAB_NAME={name!r}: lower-case letters, digits and hyphens, please, at most 31.")
        network_text = os.environ.get("LAB_NETWORK", "10.77.0.0/24")
        try:
            network = IPv4Network(network_text)
        except (AddressValueError, NetmaskValueError, ValueError) as error:
            raise LabError(f"LAB_NETWORK={network_text!r}: {error}") from None
        if not network.is_private or network.num_addresses < _LEAST_ADDRESSES:
            raise LabError(f"LAB_NETWORK={network_text!r}: a private network of {_LEAST_ADDRESSES} addresses, please.")
        return cls(name, network, CHECKOUT / "var" / name)

    @property
    def gateway(self) -> IPv4Address:
        """The machine's own address in the lab; the panel speaks from here."""
        return self.network[1]

    @property
    def bridge(self) -> str:
        return _interface_name("cp", self.name)

    def interface(self, host: str) -> str:
        """The machine's end of a host's network cable."""
        return _interface_name(self.name, host)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one command at a time changes the lab; others wait."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _interface_name(*parts: str) -> str:
    """Names of network interfaces have 15 characters; what is longer keeps its last part readable and unique."""
    name = "-".join(parts)
    if len(name) <= _INTERFACE_NAME_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:5]
    return f"{digest}-{parts[-1]}"[:_INTERFACE_NAME_LENGTH]
