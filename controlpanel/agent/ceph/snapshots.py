"""Snapshots of a volume, and volumes made from them.

The manager writes a clone's files into the namespace of its source, so the two are not walled off from each other in
the data pool as other volumes are: whoever has the one can reach the other's objects past the metadata servers.
"""

from __future__ import annotations

import errno
from typing import Any, Dict, List

from ..errors import Stale
from . import records
from .cluster import CephError, Cluster
from .records import VolumeRecord
from .volumes import GROUP, info


def create(cluster: Cluster, volume: str, name: str) -> None:
    """Take a snapshot; right also when there is one of that name."""
    try:
        cluster.mgr("fs subvolume snapshot create", snap_name=name, **_of(cluster, volume))
    except CephError as error:
        if error.number != errno.EEXIST:
            raise


def listing(cluster: Cluster, volume: str) -> List[Dict[str, Any]]:
    """The volume's snapshots: name, and when it was taken (text, UTC)."""
    found = []
    for snapshot in cluster.mgr("fs subvolume snapshot ls", **_of(cluster, volume)):
        details = cluster.mgr("fs subvolume snapshot info", snap_name=snapshot["name"], **_of(cluster, volume))
        found.append({"name": snapshot["name"], "created": str(details.get("created_at", ""))})
    return found


def drop(cluster: Cluster, volume: str, name: str) -> None:
    """Delete a snapshot; right also when there is none."""
    try:
        cluster.mgr("fs subvolume snapshot rm", snap_name=name, **_of(cluster, volume))
    except CephError as error:
        if error.number != errno.ENOENT:
            raise


def clone(cluster: Cluster, volume: str, name: str, target: str, epoch: int) -> Dict[str, Any]:
    """Begin or watch the making of a new volume from a snapshot: ``{"state": "pending" | "in-progress" | "complete"}``.

    When it is complete, ``bring_about`` gives the new volume its size, owner, marks and hosts.
    """
    record = records.volume(cluster, target)
    if record is not None and epoch < record.epoch:
        raise Stale(f"epoch {epoch} is older than {record.epoch}")
    if not _exists(cluster, target):
        records.save(cluster, record or VolumeRecord(target, epoch=epoch))
        cluster.mgr(
            "fs subvolume snapshot clone",
            snap_name=name,
            target_sub_name=target,
            target_group_name=GROUP,
            **_of(cluster, volume),
        )
    try:
        status = cluster.mgr("fs clone status", vol_name=cluster.file_system.name, clone_name=target, group_name=GROUP)
    except CephError as error:
        if error.number not in (errno.EINVAL, errno.EOPNOTSUPP):  # an ordinary volume: it was complete before
            raise
        return {"state": "complete"}
    return {"state": str(status["status"]["state"])}


def _exists(cluster: Cluster, name: str) -> bool:
    try:
        return info(cluster, name) is not None
    except CephError as error:
        if error.number != errno.EAGAIN:  # it is being cloned
            raise
        return True


def _of(cluster: Cluster, volume: str) -> Dict[str, str]:
    return {"vol_name": cluster.file_system.name, "sub_name": volume, "group_name": GROUP}
