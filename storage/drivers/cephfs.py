"""CephFS: a subvolume a volume, a cephx identity a volume and host, spoken to through the storage host's agent."""

import json
from collections.abc import Collection, Sequence

from controlpanel.fleet.actions import Call
from controlpanel.fleet.desired import Resource
from controlpanel.fleet.models import Host

from ..models import Attachment, Snapshot, Volume
from .base import Driver


class CephFS(Driver):
    name = "cephfs"

    def volume(self, volume: Volume, access: Collection[str], *, epoch: int, trashed: bool) -> Resource:
        spec = {
            "size": volume.size_bytes,
            "uid": volume.uid,
            "gid": volume.gid,
            "access": sorted(access),
            "epoch": epoch,
            "trashed": trashed,
        }
        return Resource("volume", volume.name, epoch, spec)

    def attachment(self, attachment: Attachment, *, present: bool = True) -> Resource:
        volume = attachment.volume
        if not present:
            return Resource("attachment", volume.name, attachment.epoch, {}, present=False)
        if not attachment.credential:
            raise ValueError(f"storage has not let {attachment.host} have {volume} yet")
        spec = {
            "driver": self.name,
            "path": attachment.path,
            "epoch": attachment.epoch,
            "uid": volume.uid,
            "gid": volume.gid,
            **json.loads(attachment.credential),
        }
        return Resource("attachment", volume.name, attachment.epoch, spec)

    def probe(self) -> Call:
        return Call("storage.probe", timeout=20)

    def usage(self) -> Call:
        return Call("storage.usage", timeout=60)

    def list(self) -> Call:
        return Call("storage.list", timeout=30)

    def who_has(self, volumes: Sequence[Volume]) -> Call:
        return Call("storage.who_has", {"volumes": [volume.name for volume in volumes]}, timeout=30)

    def fence_volume(self, volume: Volume, host: Host) -> Call:
        args = {"volume": volume.name, "host": host.name, "epoch": volume.epoch}
        return Call("storage.fence_volume", args, timeout=90)

    def fence_host(self, host: Host) -> Call:
        args = {"host": host.name, "addresses": [str(host.address)], "boot_id": host.boot_id}
        return Call("storage.fence_host", args, timeout=120)

    def sessions(self, host: Host) -> Call:
        return Call("storage.sessions", {"host": host.name}, timeout=30)

    def reap(self, host: Host, sessions: Sequence[int]) -> Call:
        return Call("storage.reap", {"host": host.name, "sessions": sorted(sessions)}, timeout=60)

    def unfence_host(self, host: Host, *, boot_id: str, mounts: Sequence[str]) -> Call:
        args = {"host": host.name, "boot_id": boot_id, "mounts": sorted(mounts)}
        return Call("storage.unfence_host", args, timeout=60)

    def snapshot(self, volume: Volume, name: str) -> Call:
        return Call("storage.snapshot", {"volume": volume.name, "name": name})

    def rotate_snapshots(self, take: Sequence[Snapshot], drop: Sequence[Snapshot]) -> Call:
        args = {
            word: [{"volume": snapshot.volume.name, "name": snapshot.name} for snapshot in snapshots]
            for word, snapshots in (("take", take), ("drop", drop))
        }
        return Call("storage.rotate_snapshots", args, timeout=300)

    def list_snapshots(self, volume: Volume) -> Call:
        return Call("storage.list_snapshots", {"volume": volume.name})

    def drop_snapshot(self, volume: Volume, name: str) -> Call:
        return Call("storage.drop_snapshot", {"volume": volume.name, "name": name})

    def clone(self, volume: Volume, snapshot: str, target: Volume) -> Call:
        args = {"volume": volume.name, "name": snapshot, "target": target.name, "epoch": target.epoch}
        return Call("storage.clone", args)

    def purge(self, volume: Volume) -> Call:
        return Call("storage.purge", {"volume": volume.name, "epoch": volume.epoch}, timeout=120)

    def mounts(self) -> Call:
        return Call("attachment.list", timeout=20)
