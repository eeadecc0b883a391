"""The hosts of the lab. To add one, add a line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import LabError
from .provision import ceph, core, directory
from .recipes import BOOKWORM, TRIXIE, Recipe

if TYPE_CHECKING:
    from .machine import Machine


def _nothing(machine: "Machine") -> None:
    """The product sets it up; the operator only installs the packages."""


@dataclass(frozen=True)
class Blueprint:
    """What a host is when its operator hands it over."""

    name: str
    #: Its place in the lab's network: 21 is 10.77.0.21.
    offset: int
    #: What it is enrolled as; none means that the panel does not manage it.
    roles: tuple[str, ...] = ()
    recipe: Recipe = TRIXIE
    #: Units that start with it, as they would after `apt install` on a host with only these packages.
    services: tuple[str, ...] = ()
    #: Runs once, in the booted host.
    provision: "Callable[[Machine], None]" = _nothing
    #: Returns when what was provisioned answers; runs at every start.
    wait_until_ready: "Callable[[Machine], None]" = _nothing
    #: Raise it when ``provision`` changes: hosts that were provisioned otherwise are made anew.
    version: int = 1
    #: Others lean on it (a volume, a user's name): it shuts down after them, or they would hang in their goodbyes.
    serves_hosts: bool = False
    #: Whether `lab up` without names starts it.
    standard: bool = True
    #: Places of its further addresses.
    more_offsets: tuple[int, ...] = ()


def _edge(name: str, offset: int, shielded: int) -> Blueprint:
    """``shielded``: the place of the address that attacked sites are told to use."""
    return Blueprint(name, offset, roles=("edge",), services=("haproxy",), more_offsets=(shielded,), version=2)


def _web(name: str, offset: int) -> Blueprint:
    return Blueprint(name, offset, roles=("web",), services=("nginx", "php8.4-fpm", "nslcd", "haproxy"))


def _database(name: str, offset: int) -> Blueprint:
    # Debian starts both servers at their installation; here they wait for the panel's settings, and boot is short.
    return Blueprint(name, offset, roles=("database",))


HOSTS = (
    Blueprint("core1", 5, provision=core.provision, wait_until_ready=core.wait_until_ready, version=2),
    Blueprint(
        "dir1",
        6,
        roles=("directory",),
        provision=directory.provision,
        wait_until_ready=directory.wait_until_ready,
        serves_hosts=True,
    ),
    Blueprint(
        "store1",
        31,
        roles=("storage",),
        recipe=BOOKWORM,
        provision=ceph.provision,
        wait_until_ready=ceph.wait_until_ready,
        serves_hosts=True,
    ),
    _edge("edge1", 11, shielded=13),
    _edge("edge2", 12, shielded=14),
    _web("web1", 21),
    _web("web2", 22),
    _web("web3", 23),
    _database("db1", 41),
    _database("db2", 42),
)


def blueprint(name: str) -> Blueprint:
    """The host of that name. Raises LabError that lists the names there are."""
    for candidate in HOSTS:
        if candidate.name == name:
            return candidate
    raise LabError(f"There is no host {name!r}; there are {', '.join(host.name for host in HOSTS)}.")
