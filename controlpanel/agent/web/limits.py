"""What a site may use up on its host: properties of its slice, in which everything of it runs.

Every slice has the defaults by one drop-in for all (``site-.slice.d``), so that a new site needs no daemon-reload; a
site with limits of its own has a drop-in beside it, and systemd changes what runs when it reads that. The number of
processes is a limit of the PHP master as well (``php.environment``), for kernels that count no tasks in a slice.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, List, Sequence

from .. import commands, fields
from ..kinds.base import File
from . import paths

if TYPE_CHECKING:
    from ..transaction import Transaction

HEADER = "# Written by the control panel's agent. Changes by hand are found and undone.\n"
#: Field to (default, least, most). Memory in MB; the weight is CPUWeight, a share where others want the CPU too.
RANGES = {
    "memory_mb": (1024, 128, 262_144),
    "cpu_weight": (100, 1, 10_000),
    "tasks": (256, 32, 8192),
}
DEFAULTS = {name: default for name, (default, _least, _most) in RANGES.items()}
#: Sorted before a site's own, which therefore wins.
COMMON = f"{paths.UNITS}/site-.slice.d/10-controlpanel.conf"


def validate(spec: Dict[str, Any]) -> Dict[str, int]:
    """The limits of a spec; what is left out is as usual. Raises Invalid."""
    return {name: fields.integer(spec, name, least, most, default) for name, (default, least, most) in RANGES.items()}


def own_path(site: str) -> str:
    return f"{paths.UNITS}/site-{site}.slice.d/50-limits.conf"


def common_file() -> File:
    """What a site without limits of its own gets."""
    return File(COMMON, _text(DEFAULTS).encode())


def files(site: str, spec: Dict[str, Any]) -> List[File]:
    """The site's own drop-in; none when all is as usual."""
    if all(spec.get(name, default) == default for name, default in DEFAULTS.items()):
        return []
    return [File(own_path(site), _text(spec).encode())]


def _text(limits: Dict[str, Any]) -> str:
    values = {name: limits.get(name, default) for name, default in DEFAULTS.items()}
    return (
        f"{HEADER}[Slice]\nMemoryMax={values['memory_mb']}M\nCPUWeight={values['cpu_weight']}\n"
        f"TasksMax={values['tasks']}\n"
    )


# --- as part of a change -----------------------------------------------------------------------------------------


def make_room(tx: "Transaction", specs: "Dict[str, Dict[str, Any]]") -> None:
    """Directories for the drop-ins of these sites, before they are written."""
    for site, spec in specs.items():
        for file in files(site, spec):
            tx.mkdir(os.path.dirname(file.path))
    tx.on_rollback(lambda: take_up(tx))  # undone after the files are back


def drop(tx: "Transaction", sites: Sequence[str]) -> None:
    """Take the drop-ins of sites that go away, with their directories."""
    for site in sites:
        tx.remove(own_path(site))
        tx.rmdir(os.path.dirname(own_path(site)))


def take_up(tx: "Transaction") -> None:
    """Let systemd read them when they changed: what runs has the new limits at once, nothing is restarted."""
    if any(path.startswith(f"{paths.UNITS}/site-") and ".slice.d/" in path for path in tx.changed):
        commands.run(["systemctl", "daemon-reload"], timeout=60)


def problem(site: str, spec: Dict[str, Any]) -> str:
    """Where the slice's control group has other limits than it should; empty when all is well, or nothing runs."""
    group = f"/sys/fs/cgroup/site.slice/site-{site}.slice"
    wanted = {
        "memory.max": str(spec.get("memory_mb", DEFAULTS["memory_mb"]) * 1024**2),
        "cpu.weight": str(spec.get("cpu_weight", DEFAULTS["cpu_weight"])),
        "pids.max": str(spec.get("tasks", DEFAULTS["tasks"])),
    }
    for name, value in wanted.items():
        try:
            with open(f"{group}/{name}", encoding="ascii") as file:
                found = file.read().strip()
        except OSError:
            continue  # it does not run, or this kernel has no such controller
        if found != value:
            return f"{name} is {found[:20]} instead of {value}"
    return ""
