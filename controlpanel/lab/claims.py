"""Whose lab is it? Names of bridges and control groups belong to the machine, so labs of one name share them.

A record in /run says which checkout brought a lab up. What a dead lab left, in this checkout or another, is cleared; a
lab that runs is never touched from elsewhere unless asked to (LAB_TAKE_OVER=1, for a machine that runs tests alone).
"""

import json
import os
from ipaddress import IPv4Network
from pathlib import Path

from . import files, mounts, network
from .cgroups import Group
from .errors import LabError
from .instance import Lab
from .progress import Progress

RECORDS = Path("/run/controlpanel-lab")


def owner(lab: Lab) -> Lab | None:
    """The lab of this name that was last brought up on this machine, by whichever checkout."""
    try:
        record = json.loads(_path(lab).read_text())
        return Lab(lab.name, IPv4Network(record["network"]), Path(record["home"]))
    except (FileNotFoundError, ValueError, KeyError):
        return None


def is_ours(lab: Lab) -> bool:
    """Whether what there is of this name on the machine is this checkout's; True also when nobody has said."""
    return owner(lab) in (lab, None)


def as_brought_up(lab: Lab) -> Lab:
    """This checkout's lab of that name on the network that it was last brought up on, whatever is asked for now."""
    current = owner(lab)
    return current if current is not None and current.home == lab.home else lab


def claim(lab: Lab, progress: Progress) -> None:
    """Make the name ours. Raises LabError when it is in use for another checkout, or on another network."""
    other = owner(lab)
    if other != lab:
        if other is not None:
            if Group(lab.name).pids() and os.environ.get("LAB_TAKE_OVER") != "1":
                raise LabError(
                    f"A lab named {lab.name!r} runs for {other.home} on {other.network}. Stop it there "
                    "(`make lab-down`), or give yours another name and network: LAB_NAME, LAB_NETWORK."
                )
            progress(f"clearing what the lab of {other.home} left")
            clear(other)
        files.write(_path(lab), json.dumps({"home": str(lab.home), "network": str(lab.network)}))


def require_ours(lab: Lab) -> None:
    """Raises LabError when the lab of this name on this machine is another's, or there is none."""
    current = owner(lab)
    if current is None:
        raise LabError(f"The lab {lab.name!r} is not up; `manage.py lab up` starts it.")
    if current != lab:
        raise LabError(f"The lab {lab.name!r} that is up belongs to {current.home} on {current.network}.")


def release(lab: Lab) -> None:
    _path(lab).unlink(missing_ok=True)


def clear(lab: Lab) -> None:
    """Leave nothing of a lab but its files: no process, control group, mount, bridge or route."""
    group = Group(lab.name)
    group.kill()
    group.remove()
    mounts.clear(lab.home)
    network.down(lab)


def _path(lab: Lab) -> Path:
    return RECORDS / f"{lab.name}.json"
