"""Volumes as CephFS subvolumes: made, fixed, given to hosts, trashed, purged.

Each has a RADOS namespace of its own, so that a host with a key for one cannot read another's objects past the
metadata servers. Its root carries two marks: ``.volume-id`` for people, and an extended attribute of the ``trusted``
kind, which the site that owns the directory can neither change nor remove; hosts verify what they mounted by it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import Any, Dict, List, Mapping, Optional

from ..errors import Busy, Invalid, Stale
from . import access, records
from .cluster import CephError, Cluster
from .records import VolumeRecord

GROUP = "sites"
MODE = 0o750
MARK_FILE = ".volume-id"
MARK_ATTRIBUTE = "trusted.controlpanel.volume"


class HostFenced(Busy):
    """Access was asked for a host that is cut off."""

    code = "host_fenced"


def bring_about(cluster: Cluster, name: str, spec: Mapping[str, Any], look: bool = True) -> Dict[str, Any]:
    """Make the volume what ``spec`` says: size, owner, and exactly these hosts; the answer holds their credentials.

    Without ``look`` a subvolume that was made with this size and owner is taken to be so still: for many volumes of a
    dead host, whose sites wait for nothing but new keys (the manager answers one question after the other).
    Refuses an epoch older than it has seen (Stale), and to give it to a host that is fenced (HostFenced). Nobody is
    given it before everybody who may no longer have it has been seen gone.
    """
    record = records.volume(cluster, name) or VolumeRecord(name)
    wanted = sorted(spec["access"])
    _check_epoch(record, spec, wanted)
    for host in wanted:
        if records.fence(cluster, host) is not None:
            raise HostFenced(f"{host} is fenced")
    record.leaving = sorted((set(record.leaving) | set(record.access)) - set(wanted))
    record.access, record.epoch, record.trashed = wanted, spec["epoch"], spec["trashed"]
    if look or not _made(record, spec):
        ensure(cluster, record, spec)
    else:
        records.save(cluster, record)
    if record.leaving:
        access.take_away(cluster, name, record.leaving)
        record.leaving = []
        records.save(cluster, record)
    answer: Dict[str, Any] = {"epoch": record.epoch, "access": wanted}
    if wanted:
        answer["credentials"] = credentials(cluster, record)
    return answer


def _check_epoch(record: VolumeRecord, spec: Mapping[str, Any], wanted: List[str]) -> None:
    if spec["epoch"] < record.epoch:
        raise Stale(f"epoch {spec['epoch']} is older than {record.epoch}")
    if spec["epoch"] == record.epoch and (wanted != record.access or spec["trashed"] != record.trashed):
        raise Stale(f"epoch {record.epoch} had other hosts")


def _made(record: VolumeRecord, spec: Mapping[str, Any]) -> bool:
    return record.marked and (record.size, record.uid, record.gid) == (spec["size"], spec["uid"], spec["gid"])


def ensure(cluster: Cluster, record: VolumeRecord, spec: Mapping[str, Any]) -> None:
    """Create the subvolume, or fix its size, owner and mode; then save the record."""
    size, uid, gid = spec["size"], spec["uid"], spec["gid"]
    found = info(cluster, record.name)
    right = found is not None and (
        (found["bytes_quota"], found["uid"], found["gid"], found["mode"] & 0o7777) == (size, uid, gid, MODE)
    )
    if found is not None and size < record.size and size < int(found["bytes_used"]):
        raise Invalid("size: smaller than what the volume holds")
    record.size, record.uid, record.gid = size, uid, gid
    # Before anything is done: whoever comes after a crash knows the epoch, and who may have been given it.
    records.save(cluster, record)
    if not right:
        _create(cluster, record, isolated=found is None)
        found = info(cluster, record.name)
    if found is None:
        raise CephError("fs subvolume info", errno.ENOENT, f"{record.name} has vanished")
    place = (found["path"], found["data_pool"], found["pool_namespace"])
    if place != (record.path, record.pool, record.namespace) or not record.marked:
        record.path, record.pool, record.namespace = place
        mark(cluster, record)
        record.marked = True
        records.save(cluster, record)


def _create(cluster: Cluster, record: VolumeRecord, isolated: bool) -> None:
    """Make it, or fix one that exists; that one keeps its namespace (a clone has its source's: its files are there)."""
    arguments: Dict[str, Any] = {
        "vol_name": cluster.file_system.name,
        "sub_name": record.name,
        "group_name": GROUP,
        "size": record.size,
        "uid": record.uid,
        "gid": record.gid,
        "mode": f"{MODE:o}",
    }
    if isolated:
        arguments["namespace_isolated"] = True
    try:
        cluster.mgr("fs subvolume create", **arguments)  # on one that exists: sets size, owner and mode
    except CephError as error:
        if error.number != errno.ENOENT:
            raise
        cluster.mgr("fs subvolumegroup create", vol_name=cluster.file_system.name, group_name=GROUP)
        cluster.mgr("fs subvolume create", **arguments)


def info(cluster: Cluster, name: str) -> Optional[Dict[str, Any]]:
    """What the cluster says of the subvolume; None when there is none."""
    try:
        found: Dict[str, Any] = cluster.mgr(
            "fs subvolume info", vol_name=cluster.file_system.name, sub_name=name, group_name=GROUP
        )
    except CephError as error:
        if error.number == errno.ENOENT:
            return None
        raise
    return found


def mark(cluster: Cluster, record: VolumeRecord) -> None:
    """Write the two marks at the volume's root."""
    root = record.path.encode()
    path = root + b"/" + MARK_FILE.encode()
    with cluster.files() as files:
        files.setxattr(root, MARK_ATTRIBUTE, record.name.encode(), 0)
        with contextlib.suppress(Exception):
            files.unlink(path)  # whatever its owner put there
        fd = files.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        try:
            files.write(fd, record.name.encode() + b"\n", 0)
        finally:
            files.close(fd)


def credentials(cluster: Cluster, record: VolumeRecord) -> Dict[str, Dict[str, Any]]:
    """By host, what it needs to mount the volume. Secret."""
    monitors = cluster.monitors()
    return {
        host: {
            "client": access.identity(record.name, host),
            "key": access.grant(cluster, record, host),
            "monitors": monitors,
            "fs": cluster.file_system.name,
            "subvolume_path": record.path,
        }
        for host in record.access
    }


def usage(cluster: Cluster) -> Dict[str, Dict[str, int]]:
    """Bytes and quota of every volume, by name. The cluster sums up within a few seconds of a write."""
    found = {}
    for name, record in records.volumes(cluster).items():
        if not record.path:
            continue
        with contextlib.suppress(CephError), cluster.files() as files:  # purged by hand: nothing to tell
            used = int(files.getxattr(record.path.encode(), "ceph.dir.rbytes"))
            found[name] = {"used": used, "size": record.size}
    return found


def purge(cluster: Cluster, name: str, epoch: int) -> None:
    """Delete a trashed volume with its snapshots, for good. Right also when it has gone already."""
    record = records.volume(cluster, name)
    if record is None:
        return
    if epoch < record.epoch:
        raise Stale(f"epoch {epoch} is older than {record.epoch}")
    if not record.trashed:
        raise Busy(f"{name} is not in the trash")
    access.take_away(cluster, name, record.leaving)
    arguments = {"vol_name": cluster.file_system.name, "sub_name": name, "group_name": GROUP}
    if info(cluster, name) is not None:
        for snapshot in cluster.mgr("fs subvolume snapshot ls", **arguments):
            cluster.mgr("fs subvolume snapshot rm", snap_name=snapshot["name"], **arguments)
        cluster.mgr("fs subvolume rm", **arguments)
    records.drop(cluster, record)


def probe(cluster: Cluster) -> Dict[str, Any]:
    """Whether it can be worked with, and how much room there is (bytes)."""
    status = cluster.mon("status")
    pools = {pool["name"]: pool["stats"] for pool in cluster.mon("df")["pools"]}
    data = pools[cluster.file_system.data_pool]
    used = int(data["stored"]) if "stored" in data else int(data["bytes_used"])
    return {
        "driver": "cephfs",
        "version": str(cluster.mon("version").get("version", "")),
        "health": status["health"]["status"],
        "file_system": cluster.file_system.name,
        "monitors": cluster.monitors(),
        "servers": cluster.ranks(),
        "capacity": used + int(data["max_avail"]),
        "used": used,
        "capabilities": ["quota", "snapshot", "clone", "fence_volume", "fence_host"],
        "fenced": sorted(records.fences(cluster)),
        "at": time.time(),
    }
