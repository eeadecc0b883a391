"""Volumes on the storage host, and the calls that need no resource: looking, fencing, snapshots, the final purge."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from .. import fields, lock
from ..calls import Context, call
from ..ceph import access, fencing, records, snapshots, volumes
from ..ceph.cluster import Cluster, connection
from ..errors import AgentError, Invalid
from ..store import Entry
from .base import Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction

#: Bytes. The smallest is two objects; the largest is a guard against a slip of units.
SMALLEST, LARGEST = 8 * 1024**2, 100 * 1024**4
#: Volumes worked on at a time: the cluster takes a second for an eviction, however many are under way.
PARALLEL = 16
#: Snapshots at a time, by the clock: nobody waits for them, and the cluster has other things to do.
SNAPSHOTS_AT_ONCE = 4
HOSTS = 200
EPOCHS = 2**53


class Volume(Kind):
    """A volume with its quota, owner and the full list of hosts that may use it.

    What it does to data cannot be rolled back, so each volume stands alone: one that fails does not hold up the others.
    Its answer holds ``credentials``: by host, what it mounts with. Secret; not kept here.
    """

    name = "volume"
    roles = frozenset({"storage"})
    order = 50
    prunable = False

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        fields.identifier({"id": id}, "id")
        if "." in id:
            raise Invalid("id: a dot would end the volume's part of an identity's name")
        fields.only(spec, ("size", "uid", "gid", "access", "epoch", "trashed"))
        access = sorted(set(fields.list_of(spec, "access", fields.host_name, max=HOSTS)))
        trashed = fields.boolean(spec, "trashed", False)
        if trashed and access:
            raise Invalid("access: nobody may use what is in the trash")
        return {
            "size": fields.integer(spec, "size", SMALLEST, LARGEST),
            # Not root's: the owner of a volume is a site.
            "uid": fields.integer(spec, "uid", 1, 2**31),
            "gid": fields.integer(spec, "gid", 1, 2**31),
            "access": access,
            "epoch": fields.integer(spec, "epoch", 1, EPOCHS),
            "trashed": trashed,
        }

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        cluster = connection()

        def bring_about(item: Item) -> None:
            try:
                item.answer = volumes.bring_about(cluster, item.id, item.spec, look=tx.force or not _only_given(item))
            except AgentError as error:
                item.failure = error
            tx.progress({"volume": item.id})

        each(bring_about, items)

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        """Data never goes away because it was not on a list: a volume is trashed, and later purged by its call."""
        for item in items:
            item.failure = Invalid("a volume is trashed and purged, never removed")

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        if not specs:
            return {}
        cluster = connection()
        known = records.volumes(cluster)
        found: Dict[str, str] = {}

        def observe(id: str) -> None:
            problem = _problem(cluster, id, specs[id], known.get(id))
            if problem:
                found[id] = problem

        each(observe, list(specs))
        return found


def _only_given(item: Item) -> bool:
    """Whether all that is new is who may use it. (The same again is a resync, which looks at everything.)"""
    before = item.previous or {}
    changed = {key for key in item.spec if item.spec[key] != before.get(key)}
    return bool(changed) and changed <= {"access", "epoch"}


def _problem(cluster: Cluster, id: str, spec: Dict[str, Any], record: Optional[records.VolumeRecord]) -> Optional[str]:
    info = volumes.info(cluster, id)
    if record is None or info is None:
        return "the volume does not exist"
    if (record.access, record.epoch) != (spec["access"], spec["epoch"]):
        return f"given to {', '.join(record.access) or 'nobody'} in epoch {record.epoch}"
    if record.leaving:
        return f"{', '.join(record.leaving)} may still have it"
    if (info["bytes_quota"], info["uid"], info["gid"]) != (spec["size"], spec["uid"], spec["gid"]):
        return "its size or owner is another"
    missing = [host for host in spec["access"] if not access.has_identity(cluster, id, host)]
    return f"no key for {', '.join(missing)}" if missing else None


def each(work: Any, things: List[Any]) -> None:
    """Do it with each, several at a time when there are several."""
    if len(things) == 1:
        work(things[0])
        return
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(work, things))


def _volume(args: Dict[str, Any], key: str = "volume") -> str:
    name = fields.identifier(args, key)
    if "." in name:
        raise Invalid(f"{key}: not the name of a volume")
    return name


# --- calls that look -------------------------------------------------------------------------------------------------


@call("storage.probe", parallel=True)
def probe(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Whether the cluster is well, its room in bytes, and which hosts are fenced."""
    fields.only(args, ())
    return volumes.probe(connection())


@call("storage.usage", parallel=True)
def usage(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Bytes used by every volume."""
    fields.only(args, ())
    return {"volumes": volumes.usage(connection())}


@call("storage.list", parallel=True)
def listing(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Every volume that was ever asked for and not purged."""
    fields.only(args, ())
    found = records.volumes(connection())
    return {
        "volumes": {
            name: {
                "epoch": record.epoch,
                "size": record.size,
                "access": record.access,
                "leaving": record.leaving,
                "trashed": record.trashed,
                "path": record.path,
            }
            for name, record in sorted(found.items())
        }
    }


@call("storage.who_has", parallel=True)
def who_has(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Who may use each of the volumes, and who has it open right now."""
    fields.only(args, ("volumes",))
    names = [_volume({"volume": name}) for name in fields.list_of(args, "volumes", fields.identifier)]
    cluster = connection()
    sessions = cluster.sessions()
    answer: Dict[str, Any] = {}
    for name in names:
        record = records.volume(cluster, name)
        if record is None:
            answer[name] = {"access": [], "leaving": [], "holders": [], "epoch": 0}
            continue
        open_now = access.holders(sessions, name)
        told = {holder["host"] for holder in open_now}
        hidden = [access.identity(name, host) for host in record.access + record.leaving if host not in told]
        open_now += access.holders(access.sessions_of(cluster, hidden), name)
        answer[name] = {
            "access": record.access,
            "leaving": record.leaving,
            "holders": open_now,
            "epoch": record.epoch,
        }
    return {"volumes": answer}


# --- calls that cut off ----------------------------------------------------------------------------------------------


@call("storage.fence_volume")
def fence_volume(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Cut one host off from one volume, confirmed by the cluster."""
    fields.only(args, ("volume", "host", "epoch"))
    volume, host = _volume(args), fields.host_name(args, "host")
    epoch = fields.integer(args, "epoch", 1, EPOCHS)
    with lock.held(context.paths.lock):
        return fencing.fence_volume(connection(), volume, host, epoch)


@call("storage.fence_host")
def fence_host(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Cut a host off from everything, confirmed by the cluster."""
    fields.only(args, ("host", "addresses", "boot_id"))
    host = fields.host_name(args, "host")
    addresses = fields.list_of(args, "addresses", fields.ip_address, min=1, max=20)
    boot_id = fields.text(args, "boot_id", 64, default="")
    cluster = connection()
    if set(addresses) & set(cluster.monitors()):
        raise Invalid("addresses: one of them is the storage's own")
    with lock.held(context.paths.lock):
        return fencing.fence_host(cluster, host, addresses, boot_id)


@call("storage.sessions")
def sessions(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """What a host has open, each with its age in seconds at this moment or a bit before."""
    fields.only(args, ("host",))
    found = fencing.own_sessions(connection(), fields.host_name(args, "host"))
    return {"sessions": [{"id": session.id, "age": session.age} for session in found]}


@call("storage.reap")
def reap(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """End sessions that a host left open when it died."""
    fields.only(args, ("host", "sessions"))
    host = fields.host_name(args, "host")
    ids = fields.list_of(args, "sessions", fields.integer, 1, 2**63, max=10_000)
    with lock.held(context.paths.lock):
        return {"ended": fencing.reap(connection(), host, ids)}


@call("storage.unfence_host")
def unfence_host(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Let a host in again, on proof that it has booted since and mounts nothing."""
    fields.only(args, ("host", "boot_id", "mounts"))
    host = fields.host_name(args, "host")
    boot_id = fields.text(args, "boot_id", 64, min=1)
    mounts = fields.list_of(args, "mounts", fields.text, 300)
    with lock.held(context.paths.lock):
        return fencing.unfence_host(connection(), host, boot_id, mounts)


# --- snapshots, purge ------------------------------------------------------------------------------------------------


@call("storage.snapshot")
def snapshot(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Take a snapshot of a volume."""
    fields.only(args, ("volume", "name"))
    snapshots.create(connection(), _volume(args), fields.identifier(args, "name"))
    return {}


@call("storage.rotate_snapshots")
def rotate_snapshots(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Take and drop many snapshots, a few at a time; each stands for itself."""
    fields.only(args, ("take", "drop"))
    cluster = connection()
    done: List[Dict[str, str]] = []
    failed: List[Dict[str, str]] = []
    work = [(snapshots.create, one) for one in fields.list_of(args, "take", _snapshot)]
    work += [(snapshots.drop, one) for one in fields.list_of(args, "drop", _snapshot)]

    def perform(item: Any) -> None:
        verb, one = item
        try:
            verb(cluster, one["volume"], one["name"])
            done.append(one)
        except AgentError as error:
            failed.append({**one, "reason": error.reason})
        context.progress({"done": len(done), "of": len(work)})

    for start in range(0, len(work), SNAPSHOTS_AT_ONCE):
        each(perform, work[start : start + SNAPSHOTS_AT_ONCE])
    return {"done": done, "failed": failed}


def _snapshot(spec: Dict[str, Any], key: str) -> Dict[str, str]:
    value = fields.record(spec, key, ("volume", "name"))
    return {"volume": _volume(value), "name": fields.identifier(value, "name")}


@call("storage.list_snapshots", parallel=True)
def list_snapshots(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """The snapshots of a volume."""
    fields.only(args, ("volume",))
    return {"snapshots": snapshots.listing(connection(), _volume(args))}


@call("storage.drop_snapshot")
def drop_snapshot(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Delete a snapshot of a volume."""
    fields.only(args, ("volume", "name"))
    snapshots.drop(connection(), _volume(args), fields.identifier(args, "name"))
    return {}


@call("storage.clone")
def clone(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Begin, or ask after, the making of a new volume from a snapshot."""
    fields.only(args, ("volume", "name", "target", "epoch"))
    epoch = fields.integer(args, "epoch", 1, EPOCHS)
    name, target = fields.identifier(args, "name"), _volume(args, "target")
    with lock.held(context.paths.lock):
        return snapshots.clone(connection(), _volume(args), name, target, epoch)


@call("storage.purge")
def purge(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Delete a trashed volume for good."""
    fields.only(args, ("volume", "epoch"))
    name, epoch = _volume(args), fields.integer(args, "epoch", 1, EPOCHS)
    with lock.held(context.paths.lock):
        volumes.purge(connection(), name, epoch)
        entry = Entry("volume", name, epoch, "removed", "purged")
        context.store.finish("", [("volume", name, epoch, None, entry)])
    return {"purged": True}
