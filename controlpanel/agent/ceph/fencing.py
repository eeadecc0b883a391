"""Cutting off: one host from one volume, or a host from everything; and how a host comes back.

A fence counts when the cluster says so, never because the host says so. It is recorded before it is made: should we
die half way, nobody gives the host anything until it was asked for again.
"""

from __future__ import annotations

import time
from typing import Any, Dict, List, Sequence

from ..errors import Busy, Stale
from . import access, records
from .cluster import Cluster, Session
from .records import FenceRecord

#: Seconds that a host stays cut off if nobody readmits it: five years.
FENCED_FOR = 157784760.0


class NotReady(Busy):
    """The host has not shown that nothing of before the fence can still write."""

    code = "not_ready"


def fence_volume(cluster: Cluster, volume: str, host: str, epoch: int) -> Dict[str, Any]:
    """Cut one host off from one volume. When this returns, nothing that it has in memory can land any more."""
    record = records.volume(cluster, volume)
    if record is not None:
        if epoch < record.epoch:
            raise Stale(f"epoch {epoch} is older than {record.epoch}")
        if epoch == record.epoch and host in record.access:
            raise Stale(f"epoch {epoch} gave it to {host}: a fence needs a newer one")
        record.leaving = sorted({*record.leaving, host})
        record.access = [other for other in record.access if other != host]
        record.epoch = epoch
        records.save(cluster, record)
    evicted = access.take_away(cluster, volume, [host])
    if record is not None:
        record.leaving = [other for other in record.leaving if other != host]
        records.save(cluster, record)
    return {"confirmed": True, "evicted": evicted}


def fence_host(cluster: Cluster, host: str, addresses: Sequence[str], boot_id: str) -> Dict[str, Any]:
    """Cut the host off from every volume, and prove it: its addresses are on the blocklist, and no session is left.

    ``boot_id`` is the boot that is fenced, so that a later one can be told from it.
    """
    fence = records.fence(cluster, host) or FenceRecord(host, since=time.time(), boot_id=boot_id)
    before = sessions_of_host(cluster, host, addresses)
    own = {session.address for session in before if session.host == host}
    fence.addresses = sorted(set(fence.addresses) | set(addresses) | own)
    fence.boot_id = boot_id or fence.boot_id
    records.save(cluster, fence)
    for address in fence.addresses:
        access.blocklist(cluster, address, FENCED_FOR)
    evicted = access.evict(cluster, lambda: sessions_of_host(cluster, host, fence.addresses), cut_off=True)
    return {"confirmed": True, "addresses": fence.addresses, "evicted": evicted}


def unfence_host(cluster: Cluster, host: str, boot_id: str, mounts: Sequence[str]) -> Dict[str, Any]:
    """Let the host in again, on proof: it has booted since, and it mounts nothing. Raises NotReady without."""
    fence = records.fence(cluster, host)
    if fence is None:
        return {"fenced": False}
    if not boot_id or boot_id == fence.boot_id:
        raise NotReady(f"{host} has not been restarted since it was fenced")
    if mounts:
        raise NotReady(f"{host} still mounts {len(mounts)} volumes")
    open_still = sessions_of_host(cluster, host, fence.addresses)
    if open_still:
        raise NotReady(f"{host} still has {len(open_still)} sessions")
    listed = access.blocklisted(cluster)  # the host itself, and processes of it that have died since
    access.unblocklist(cluster, [one for one in listed if one.rpartition(":")[0].strip("[]") in fence.addresses])
    records.drop(cluster, fence)
    return {"fenced": False}


def own_sessions(cluster: Cluster, host: str) -> List[Session]:
    """What the host has open, or left open when it died, of the volumes that it may use."""
    names = {
        access.identity(record.name, host) for record in records.volumes(cluster).values() if host in record.access
    }
    return [session for session in cluster.sessions() if session.name in names]


def reap(cluster: Cluster, host: str, sessions: Sequence[int]) -> int:
    """End those of the host's sessions, so that it need not wait until the servers give them up (60 s). How many."""

    def left() -> List[Session]:
        return [session for session in own_sessions(cluster, host) if session.id in sessions]

    return access.evict(cluster, left)


def sessions_of_host(cluster: Cluster, host: str, addresses: Sequence[str]) -> List[Session]:
    """Everything that the host has open: by address, by what it says, and by the identities that it was given."""
    found: Dict[int, Session] = {}
    for session in cluster.sessions():
        if session.address in addresses or session.host == host:
            found[session.id] = session
    names = [
        access.identity(record.name, host)
        for record in records.volumes(cluster).values()
        if host in record.access or host in record.leaving
    ]
    for session in access.sessions_of(cluster, names):
        found[session.id] = session
    return list(found.values())
