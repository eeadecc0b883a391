"""Who may use a volume: one cephx identity a volume and host, and the sessions that live beside it.

An identity reaches one path in the file system and one RADOS namespace in the data pool, nothing else. Taking it away
does not stop a session that is open (in a trial it wrote on), so whoever loses access is evicted too, and is gone only
when the metadata servers no longer list it.
"""

from __future__ import annotations

import errno
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Dict, Iterable, List

from ..errors import Busy, Failed
from .cluster import CephError, Cluster, Session
from .records import VolumeRecord

#: Seconds for which an evicted client process stays blocklisted. The server's own hour is not enough: a process frozen
#: for longer could thaw and write with the tickets it still has (they live up to three hours).
EVICTED_FOR = 86400.0
#: Seconds that sessions get to vanish before we say that they have not.
PATIENCE = 20.0
#: Commands at a time: each waits for the monitors or for a metadata server, not for this host.
PARALLEL = 32


def identity(volume: str, host: str) -> str:
    """The name that the host mounts the volume by (without "client.")."""
    return f"{volume}.{host}"


def grant(cluster: Cluster, record: VolumeRecord, host: str) -> str:
    """Make the identity of this host for this volume, with exactly these rights; returns its key."""
    file_system = cluster.file_system
    rights = {
        "mds": f"allow rw fsname={file_system.name} path={record.path}",
        "mon": f"allow r fsname={file_system.name}",
        "osd": f"allow rw pool={record.pool} namespace={record.namespace}",
    }
    entity = f"client.{identity(record.name, host)}"
    pairs = [part for pair in rights.items() for part in pair]
    try:
        answer = cluster.mon("auth get-or-create", entity=entity, caps=pairs)
    except CephError as error:
        if error.number != errno.EINVAL:  # it exists, with other rights
            raise
        cluster.mon("auth caps", entity=entity, caps=pairs)
        answer = cluster.mon("auth get", entity=entity)
    return str(answer[0]["key"])


def has_identity(cluster: Cluster, volume: str, host: str) -> bool:
    """Whether the host has a key for the volume."""
    try:
        cluster.mon("auth get", entity=f"client.{identity(volume, host)}")
    except CephError as error:
        if error.number == errno.ENOENT:
            return False
        raise
    return True


def take_away(cluster: Cluster, volume: str, hosts: Iterable[str]) -> int:
    """Remove the hosts' identities for the volume, evict what they have open, and see it gone; how many were evicted.

    Raises Busy when a session is still there after all.
    """
    names = sorted(identity(volume, host) for host in hosts)
    for name in names:
        cluster.mon("auth rm", entity=f"client.{name}")  # no error when there is none
    return evict(cluster, lambda: sessions_of(cluster, names))


def sessions_of(cluster: Cluster, names: Iterable[str]) -> List[Session]:
    """Sessions that were authenticated by one of these names (a host may lie about who it is, not about that)."""
    return [session for name in names for session in cluster.sessions(name)]


def evict(cluster: Cluster, find: Callable[[], List[Session]], cut_off: bool = False) -> int:
    """Evict every session that ``find`` finds, until it finds none; how many there were.

    ``cut_off``: their addresses are on the blocklist as a whole, so that each alone need not be put there.
    The blocklist keeps what is still in their memory from landing, and the metadata servers make everybody who opens
    the same files later see that blocklist first.
    """
    deadline = time.monotonic() + PATIENCE
    evicted: Dict[int, Session] = {}
    while True:
        sessions = find()
        if not sessions:
            return len(evicted)
        if time.monotonic() > deadline:
            raise Busy("still open: " + ", ".join(sorted({f"{one.name} at {one.address}" for one in sessions})))
        fresh = [session for session in sessions if session.id not in evicted]
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(lambda session: _evict(cluster, session, cut_off), fresh))
        evicted.update((session.id, session) for session in fresh)
        if not fresh:
            time.sleep(0.05)


def _evict(cluster: Cluster, session: Session, cut_off: bool) -> None:
    if not cut_off:
        blocklist(cluster, session.instance, EVICTED_FOR)
    try:
        cluster.mds(session.rank, "client evict", filters=[f"id={session.id}"])
    except CephError as error:
        if error.number not in (errno.ENOENT, errno.ESRCH):  # the blocklist alone has ended it
            raise


def blocklist(cluster: Cluster, address: str, seconds: float) -> None:
    """Cut an address off from the cluster (one process: "IP:port/nonce", or all of "IP"), and read it back."""
    cluster.mon("osd blocklist", blocklistop="add", addr=address, expire=float(seconds))
    if not is_blocklisted(cluster, address):
        raise Failed(f"the cluster does not list {address} as cut off")


def unblocklist(cluster: Cluster, addresses: Iterable[str]) -> None:
    """Let addresses in again; no error for one that was not kept out."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(lambda address: cluster.mon("osd blocklist", blocklistop="rm", addr=address), addresses))


def is_blocklisted(cluster: Cluster, address: str) -> bool:
    """Whether exactly this is cut off (an address without a nonce: all of its processes)."""
    if "/" not in address:
        address = f"[{address}]:0/0" if ":" in address else f"{address}:0/0"
    return address in blocklisted(cluster)


def blocklisted(cluster: Cluster) -> List[str]:
    """All that is cut off, as "IP:port/nonce"; "IP:0/0" is every process of that address."""
    return [entry["addr"] for entry in cluster.mon("osd blocklist ls")]


def holders(sessions: Iterable[Session], volume: str) -> List[Dict[str, str]]:
    """Who has the volume open, for answers."""
    return [
        {"host": session.host, "address": session.address, "state": session.state}
        for session in sessions
        if session.volume == volume and session.host
    ]
