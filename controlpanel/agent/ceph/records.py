"""Our own word on volumes and fences, kept in the cluster beside the data, so that it outlives any host.

Each change is one atomic write. What is to happen is recorded *before* it is done: whoever comes after a crash sees
which hosts may have been given something.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Dict, List, Optional, Type, TypeVar

from .cluster import Cluster

VOLUMES = "volumes"
FENCES = "fences"

Record = TypeVar("Record", "VolumeRecord", "FenceRecord")


@dataclass
class VolumeRecord:
    """What was last asked for a volume."""

    name: str
    epoch: int = 0
    size: int = 0
    uid: int = 0
    gid: int = 0
    #: Hosts that may use it.
    access: List[str] = field(default_factory=list)
    #: Hosts that may still be able to, though they should not: their keys or sessions have not been seen gone.
    leaving: List[str] = field(default_factory=list)
    trashed: bool = False
    #: Its path in the file system, the pool of its data and the namespace in it; empty until it was made.
    path: str = ""
    pool: str = ""
    namespace: str = ""
    #: The marks that hosts verify it by (``.volume-id``) are written.
    marked: bool = False


@dataclass
class FenceRecord:
    """A host that is cut off, and what its return has to be compared with."""

    name: str
    addresses: List[str] = field(default_factory=list)
    #: The boot that was fenced: it has to be another one when the host comes back.
    boot_id: str = ""
    since: float = 0.0


def volume(cluster: Cluster, name: str) -> Optional[VolumeRecord]:
    """The volume's record; None when there is none."""
    return _one(cluster, VOLUMES, name, VolumeRecord)


def volumes(cluster: Cluster) -> Dict[str, VolumeRecord]:
    """All volumes, by name."""
    return _all(cluster, VOLUMES, VolumeRecord)


def fence(cluster: Cluster, host: str) -> Optional[FenceRecord]:
    """The host's fence; None when it is not fenced."""
    return _one(cluster, FENCES, host, FenceRecord)


def fences(cluster: Cluster) -> Dict[str, FenceRecord]:
    """All fenced hosts, by name."""
    return _all(cluster, FENCES, FenceRecord)


def save(cluster: Cluster, record: "VolumeRecord | FenceRecord") -> None:
    """Write a record; it stands when this returns."""
    table = VOLUMES if isinstance(record, VolumeRecord) else FENCES
    cluster.write_records(table, {record.name: json.dumps(asdict(record), sort_keys=True)})


def drop(cluster: Cluster, record: "VolumeRecord | FenceRecord") -> None:
    """Forget a record."""
    cluster.write_records(VOLUMES if isinstance(record, VolumeRecord) else FENCES, {}, drop=[record.name])


def _one(cluster: Cluster, table: str, name: str, cls: Type[Record]) -> Optional[Record]:
    found = cluster.read_records(table, [name])
    return _parse(found[name], cls) if name in found else None


def _all(cluster: Cluster, table: str, cls: Type[Record]) -> Dict[str, Record]:
    return {name: _parse(text, cls) for name, text in cluster.read_records(table).items()}


def _parse(text: str, cls: Type[Record]) -> Record:
    known = {item.name for item in fields(cls)}
    values: Dict[str, Any] = {key: value for key, value in json.loads(text).items() if key in known}
    return cls(**values)
