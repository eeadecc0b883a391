"""A control group for every host.

systemd-nspawn (with ``--keep-unit``) makes the host's tree below the group it is started in. Without a group of its own
each host would share one tree with all others, and "stop nginx.service" would mean every host's. The group is also the
kernel's own record of which processes belong to a host: no pid file can be stale.
"""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .process import wait_until

ROOT = "controlpanel-lab"
#: The controllers that matter: nspawn's own trees (cgroup 2, and name=systemd beside it), memory for `lab status`.
_LEGACY_CONTROLLERS = {"name=systemd", "memory"}
#: Arguments: groups to enter, "--", the command to become.
_ENTER = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"'


def hierarchies() -> list[Path]:
    """Mount points of the control group trees, the one that counts processes first."""
    unified, legacy = [], []
    with Path("/proc/self/mountinfo").open() as table:
        for line in table:
            left, _, right = line.partition(" - ")
            mount_point, (kind, _source, *options) = left.split()[4], right.split()
            if kind == "cgroup2":
                unified.append(Path(mount_point))
            elif kind == "cgroup" and _LEGACY_CONTROLLERS & set(options[0].split(",")):
                legacy.append(Path(mount_point))
    return unified + legacy


class Group:
    """``Group("lab", "web1")``: the group of one host; ``Group("lab")``: of all hosts of a lab."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.folders = [hierarchy.joinpath(ROOT, *names) for hierarchy in hierarchies()]

    def create(self) -> None:
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)

    def entering(self, argv: Sequence[str]) -> list[str]:
        """The command line that becomes ``argv``, with the same pid, inside the group (which must exist)."""
        return ["sh", "-c", _ENTER, "enter", *map(str, self.folders), "--", *argv]

    def pids(self) -> list[int]:
        """Every process in the group and below it, as this machine numbers them."""
        pids: set[int] = set()
        for folder in self.folders:
            for path, _, _ in os.walk(folder):
                with suppress(OSError):  # the group went away while we looked
                    pids.update(int(pid) for pid in Path(path, "cgroup.procs").read_text().split())
        return sorted(pids - {0})

    def memory_bytes(self) -> int | None:
        """Memory charged to the group, page cache included; None where the machine does not account it here."""
        for folder in self.folders:
            for name in ("memory.current", "memory.usage_in_bytes"):
                if (folder / name).exists():
                    return int((folder / name).read_text())
        return None

    def kill(self) -> None:
        """End every process of the group, and return when the kernel has forgotten them."""

        def is_empty() -> bool:
            for pid in (pids := self.pids()):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not pids

        wait_until(f"no process of {'/'.join(self.names)} is left", is_empty, timeout=20, interval=0.02)

    def remove(self, timeout: float = 5) -> None:
        """Remove the empty group. The kernel may count an ended process for some milliseconds more."""
        deadline = time.monotonic() + timeout
        for folder in self.folders:
            while folder.exists():
                try:
                    for path, _, _ in os.walk(folder, topdown=False):
                        Path(path).rmdir()
                except OSError:
                    if time.monotonic() > deadline:
                        return  # harmless: an empty group costs nothing, and the next `up` uses it again
                    time.sleep(0.02)
