"""What is mounted where, from the kernel's own table."""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple

#: Sources of our own mounts: this and the volume's name.
SOURCE = "controlpanel-"
#: File system types of network volumes of any driver, ours or mounted by hand.
NETWORK = ("fuse.ceph", "fuse.ceph-fuse", "ceph", "nfs", "nfs4")


class Mount(NamedTuple):
    """A line of the mount table."""

    id: int
    path: str
    fstype: str
    source: str

    @property
    def volume(self) -> str:
        """Name of the volume that it is, empty when it is none of ours."""
        return self.source[len(SOURCE) :] if self.source.startswith(SOURCE) else ""


def source(volume: str) -> str:
    """What a volume's mount is called in the table."""
    return SOURCE + volume


def read(pid: str = "self") -> List[Mount]:
    """The mount table of a process's namespace; a later line lies on top of an earlier one of the same path."""
    mounts = []
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            left, _, right = line.rstrip("\n").partition(" - ")
            fields, (fstype, origin) = left.split(" "), right.split(" ")[:2]
            mounts.append(Mount(int(fields[0]), _plain(fields[4]), fstype, _plain(origin)))
    return mounts


def by_path(mounts: List[Mount]) -> Dict[str, Mount]:
    """The topmost mount of each path."""
    return {mount.path: mount for mount in mounts}


def _plain(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)
