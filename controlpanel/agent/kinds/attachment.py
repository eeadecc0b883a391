"""A network volume on this host, mounted at its path: present means mounted and verified, absent means let go."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from .. import facts, fields
from ..calls import Context, call
from ..errors import AgentError, Failed, Invalid
from ..mounts import cephfuse, limited, points, release, table, verify
from .base import File, Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction

_KEY = re.compile(r"\A[A-Za-z0-9+/]{20,120}={0,2}\Z")
_PATH = re.compile(r"\A/srv/[a-z][a-z0-9-]{0,30}/[a-z0-9][a-z0-9-]{0,62}\Z")
_KEYS = ("driver", "path", "epoch", "uid", "gid", "client", "key", "monitors", "fs", "subvolume_path")
#: Seconds for a volume to answer while it is looked at.
PATIENCE = 10.0


class Attachment(Kind):
    """A volume's place on this host. One that cannot be brought about fails alone; its mount point stays empty."""

    name = "attachment"
    roles = frozenset({"web"})
    order = 30
    secrets = frozenset({"key"})

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        fields.identifier({"id": id}, "id")
        fields.only(spec, _KEYS)
        client = fields.identifier(spec, "client")
        if not client.startswith(id + ".") or client.count(".") != 1:
            raise Invalid("client: not an identity for this volume")
        path = fields.text(spec, "path", 100)
        if not _PATH.match(path):
            raise Invalid("path: not a place for a volume")
        key = fields.text(spec, "key", 124)
        if not _KEY.match(key):
            raise Invalid("key: not a key")
        return {
            "driver": fields.one_of(spec, "driver", ("cephfs",)),
            "path": path,
            "epoch": fields.integer(spec, "epoch", 1, 2**53),
            "uid": fields.integer(spec, "uid", 1, 2**31),
            "gid": fields.integer(spec, "gid", 1, 2**31),
            "client": client,
            "key": key,
            "monitors": fields.list_of(spec, "monitors", fields.ip_address, min=1, max=9),
            "fs": fields.identifier(spec, "fs"),
            "subvolume_path": fields.path_below(spec, "subvolume_path", "/volumes/"),
        }

    def files(self, id: str, spec: Dict[str, Any]) -> List[File]:
        return cephfuse.files(id, spec)

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        tx.mkdir(cephfuse.DIRECTORY, mode=0o700)
        if tx.write(cephfuse.unit_file()):
            tx.run(["systemctl", "daemon-reload"])
        for item in items:
            for file in self.files(item.id, item.spec):
                tx.write(file)
        self._move(tx, items)
        attach(tx, [item for item in items if item.failure is None])

    def _move(self, tx: "Transaction", items: List[Item]) -> None:
        """Let go of what is to be mounted at another path from now on."""
        moved = {
            item.id: item.previous["path"]
            for item in items
            if item.previous is not None and item.previous["path"] != item.spec["path"]
        }
        failures = let_go(moved) if moved else {}
        for item in items:
            item.failure = failures.get(item.id)

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        places = {item.id: self._path(item) for item in items}
        failures = let_go(places)
        gone = [item for item in items if item.id not in failures]
        for item in items:
            item.failure = failures.get(item.id)

        def again() -> None:
            attach(
                None, [Item(item.kind, item.id, item.revision, True, item.previous) for item in gone if item.previous]
            )

        tx.on_rollback(again)
        for item in gone:
            for path in cephfuse.paths(item.id):
                tx.remove(path)

    @staticmethod
    def _path(item: Item) -> str:
        """Where it is, or was to be when a crash or a failure came between."""
        spec = item.previous or item.spec
        return spec["path"] if spec else cephfuse.remembered_path(item.id)

    def boot(self, tx: "Transaction", items: List[Item]) -> None:
        """Storage decides: what this host may no longer have is not mounted, and its mount point stays empty."""
        self.apply(tx, items)

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        found = table.by_path(table.read())
        problems: Dict[str, str] = {}
        present = []
        for id, spec in specs.items():
            try:
                verify.place(found.get(spec["path"]), id, spec["path"])
                present.append(id)
            except verify.Wrong as error:
                problems[id] = error.reason
        looks = limited.each(present, lambda id: verify.identity(specs[id]["path"], id, specs[id]["uid"]), PATIENCE)
        problems.update((id, result.reason) for id, result in looks.items() if isinstance(result, AgentError))
        return problems


# --- attaching -------------------------------------------------------------------------------------------------------


def attach(tx: "Optional[Transaction]", items: List[Item]) -> None:
    """Mount what is not mounted, replace what is dead, verify all; who fails gets its ``failure``."""
    specs = {item.id: item.spec for item in items}
    before = table.by_path(table.read())
    ready = _verified([item.id for item in items if item.spec["path"] in before], specs)
    missing = [item for item in items if ready.get(item.id, True) is not None]
    stale = {item.id: item.spec["path"] for item in missing if item.id in ready}
    failures: Dict[str, AgentError] = dict(_replace(stale, ready))
    todo: List[Item] = []
    for item in missing:
        if item.id not in failures:
            try:
                item.answer["guard"] = _prepare(item.spec["path"])
                todo.append(item)
            except Failed as error:
                failures[item.id] = error
    if tx is not None and todo:
        fresh = {item.id: item.spec["path"] for item in todo}
        tx.on_rollback(lambda: _give_back(fresh))
    failures.update(cephfuse.start([item.id for item in todo]))
    checks = _verified([item.id for item in todo if item.id not in failures], specs)
    wrong = {id: error for id, error in checks.items() if error is not None}
    failures.update(wrong)
    let_go({id: specs[id]["path"] for id in wrong})
    for item in items:
        item.failure = failures.get(item.id)


def _verified(ids: List[str], specs: Dict[str, Dict[str, Any]]) -> "Dict[str, Optional[AgentError]]":
    """By id None when the right volume is mounted and alive, otherwise what is wrong."""
    found = table.by_path(table.read())

    def look(id: str) -> None:
        path = specs[id]["path"]
        verify.place(found.get(path), id, path)
        verify.content(path, id, specs[id]["uid"])

    return limited.each(ids, look, PATIENCE)


def _replace(stale: Dict[str, str], why: "Dict[str, Optional[AgentError]]") -> Dict[str, AgentError]:
    """Make room where something is mounted that does not work; by id those where that must not be done, and why."""
    kept: Dict[str, AgentError] = {}
    for id, path in stale.items():
        error = why[id]
        if isinstance(error, verify.Wrong):
            kept[id] = error  # a person has to look: it is somebody's, and we do not know whose
        elif isinstance(error, limited.NoAnswer) and not release.dead(id, path):
            kept[id] = error  # it may come back, with what it still has to write
        elif isinstance(error, verify.CutOff):
            release.kill(id)
    kept.update(release.release({id: path for id, path in stale.items() if id not in kept}))
    return kept


def _prepare(path: str) -> str:
    guard = points.prepare(path)
    if guard != "immutable":
        # Loud on purpose: root itself can still write into the bare directory there.
        print(f"controlpanel: {path} cannot be made immutable, only its mode protects it", file=sys.stderr)
    return guard


def let_go(volumes: Dict[str, str]) -> Dict[str, AgentError]:
    """Detach (name to path) and take the mount points away; by name those that could not be, and why."""
    volumes = {id: path for id, path in volumes.items() if path}
    failures: Dict[str, AgentError] = dict(release.release(volumes))
    for id, path in volumes.items():
        if id not in failures and path not in table.by_path(table.read()):
            with contextlib.suppress(Failed):  # something is in it: it stays, and the next attach says so
                points.drop(path)
    return failures


def _give_back(volumes: Dict[str, str]) -> None:
    failures = let_go(volumes)
    if failures:
        raise Failed("; ".join(f"{id}: {error.reason}" for id, error in failures.items()))


def is_attached(path: str) -> bool:
    """Whether a volume of ours is mounted at the path: nothing of a site may start where this is not so."""
    mount = table.by_path(table.read()).get(path)
    return mount is not None and bool(mount.volume)


# --- calls -----------------------------------------------------------------------------------------------------------


@call("attachment.list", parallel=True)
def listing(args: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """Everything on this host that can write to network storage, ours or not: the proof that a fenced host gives.

    ``uptime`` is in seconds, since the host (or the container that it is) was booted.
    """
    fields.only(args, ())
    mounts = [f"{mount.source} {mount.path}" for mount in table.read() if mount.volume or mount.fstype in table.NETWORK]
    daemons = [f"ceph-fuse {name or 'of somebody else'}" for name in cephfuse.daemons()]
    return {"boot_id": facts.boot_id(), "uptime": _uptime(), "mounts": sorted(mounts + daemons)}


def _uptime() -> float:
    with open("/proc/uptime", encoding="ascii") as file:
        machine = float(file.read().split()[0])
    with open("/proc/1/stat", encoding="utf-8", errors="replace") as file:
        began = int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return round(max(0.0, machine - began), 1)
