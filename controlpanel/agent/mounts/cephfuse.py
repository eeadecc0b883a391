"""CephFS by ceph-fuse: one daemon a volume, under systemd, with the volume's own key.

A kernel client would be another module with the same functions.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Dict, List, Sequence, Tuple

from .. import commands
from ..errors import Failed
from ..kinds.base import File
from . import table

DIRECTORY = "/etc/controlpanel/volumes"
UNIT = "controlpanel-volume@"
UNIT_FILE = f"/etc/systemd/system/{UNIT}.service"
#: Seconds until a mount that the storage does not answer is given up.
MOUNT_TIMEOUT = 10

#: The daemon returns from its start when the volume is mounted. It is never restarted behind our back: what is mounted
#: must be verified before a site may write to it. At shutdown its umount comes before the network goes.
_UNIT = f"""\
# Written by the control panel.
[Unit]
Description=Network volume %i
After=network.target network-online.target
StartLimitIntervalSec=0
CollectMode=inactive-or-failed

[Service]
Type=forking
EnvironmentFile={DIRECTORY}/%i.env
ExecStart=/usr/bin/ceph-fuse --conf {DIRECTORY}/%i.conf --id ${{CLIENT}} \\
    -o nosuid,nodev,fsname=${{SOURCE}},subtype=ceph ${{MOUNT}}
ExecStop=/bin/umount ${{MOUNT}}
Restart=no
TimeoutStartSec={MOUNT_TIMEOUT + 10}
TimeoutStopSec=20
OOMScoreAdjust=-600
StandardOutput=null
StandardError=journal
"""


def unit_file() -> File:
    """The template that every volume's daemon is an instance of."""
    return File(UNIT_FILE, _UNIT.encode())


def files(volume: str, spec: Dict[str, Any]) -> List[File]:
    """The volume's configuration (it holds the key), and what the unit has to know."""
    monitors = ",".join(f"[{address}]" if ":" in address else address for address in spec["monitors"])
    configuration = [
        "[global]",
        f"mon_host = {monitors}",
        f"key = {spec['key']}",
        "log_file =",
        "admin_socket =",
        # Neither asks the monitors for settings: a minute saved when they are away, and nothing of theirs applies.
        "[client]",
        f"client_fs = {spec['fs']}",
        f"client_mountpoint = {spec['subvolume_path']}",
        f"client_mount_timeout = {MOUNT_TIMEOUT}",
        # Per mount, and there are hundreds: the default of 200 MB each is for hosts with one.
        "client_oc_size = 33554432",
        "",
    ]
    environment = [f"CLIENT={spec['client']}", f"SOURCE={table.source(volume)}", f"MOUNT={spec['path']}", ""]
    return [
        File(f"{DIRECTORY}/{volume}.conf", "\n".join(configuration).encode(), mode=0o600),
        File(f"{DIRECTORY}/{volume}.env", "\n".join(environment).encode(), mode=0o600),
    ]


def remembered_path(volume: str) -> str:
    """Where the files on disk say that the volume is to be mounted; empty when there are none."""
    with contextlib.suppress(OSError), open(f"{DIRECTORY}/{volume}.env", encoding="utf-8") as file:
        for line in file:
            if line.startswith("MOUNT="):
                return line.strip()[len("MOUNT=") :]
    return ""


def paths(volume: str) -> List[str]:
    """The paths of the volume's files."""
    return [f"{DIRECTORY}/{volume}.conf", f"{DIRECTORY}/{volume}.env"]


def start(volumes: Sequence[str]) -> Dict[str, Failed]:
    """Mount all of them, side by side; by name those that could not be, and why."""
    if not volumes:
        return {}
    units = [unit(volume) for volume in volumes]
    try:
        commands.run(["systemctl", "start", *units], timeout=60 + len(units))
        return {}
    except Failed as error:
        states = iter(commands.run(["systemctl", "is-active", *units], ok=range(256)).split())
        failed = [volume for volume in volumes if next(states, "") != "active"]
        return {volume: Failed("it could not be mounted", _log(volume) or error.output) for volume in failed}


def forget(volumes: Sequence[str]) -> None:
    """Let systemd forget daemons that have ended badly."""
    if volumes:
        commands.run(["systemctl", "reset-failed", *[unit(volume) for volume in volumes]], ok=range(256))


def unit(volume: str) -> str:
    """The volume's unit."""
    return f"{UNIT}{volume}.service"


def daemons() -> Dict[str, List[int]]:
    """Running daemons, by volume ("" collects those that are not ours), started by whomever."""
    found: Dict[str, List[int]] = {}
    for pid, arguments in _programs():
        if arguments and os.path.basename(arguments[0]) == "ceph-fuse":
            ours = [one for one in arguments if one.startswith(DIRECTORY + "/") and one.endswith(".conf")]
            volume = os.path.basename(ours[0])[: -len(".conf")] if ours else ""
            found.setdefault(volume, []).append(pid)
    return found


def _programs() -> "List[Tuple[int, List[str]]]":
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    found.append((int(entry), [os.fsdecode(part) for part in file.read().split(b"\0")]))
            except OSError:
                continue
    return found


def _log(volume: str) -> str:
    text = commands.run(
        ["journalctl", "--unit", unit(volume), "--lines", "8", "--output", "cat", "--no-pager"], ok=range(256)
    )
    return text[-2000:]
