"""Volumes of our own on the running lab's hosts: far away from those of the panel's sites, and purged afterwards."""

import random
import shlex
import time
from typing import Any

from controlpanel.fleet import channel
from controlpanel.fleet.models import Host
from controlpanel.operations.errors import StepError
from tests.panel import on_host

MIB = 1024**2
#: Numbers of volumes that no panel reaches, and that no earlier run has used.
_numbers = iter(range(random.randrange(10**8, 9 * 10**8), 10**9))


def ask(target: Host, call: str, /, **args: Any) -> dict[str, Any]:
    """A call's answer. Raises StepError."""
    return channel.call(target, call, args, timeout=90).result(100)


def apply(host: Host, *resources: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    """The items of a batch's answer."""
    items: list[dict[str, Any]] = ask(host, "apply", operation=None, items=list(resources), **options)["items"]
    return items


def shell(host: Host, command: str) -> str:
    """Both outputs of a shell command on the host."""
    return on_host(host.name, "bash", "-c", f"exec 2>&1; {command}", check=False).strip()


class LabVolume:
    """One volume, spoken of to the agents directly."""

    def __init__(self, store: Host, size: int = 64 * MIB) -> None:
        self.store = store
        self.size = size
        self.number = next(_numbers)
        self.name = f"v{self.number}"
        self.path = f"/srv/sites/{self.number}"
        self.uid = self.number
        self.epoch = 0
        self.hosts: set[str] = set()
        self.users: dict[str, Host] = {}
        self.credentials: dict[str, dict[str, Any]] = {}

    def resource(self, *hosts: Host, epoch: int, trashed: bool = False) -> dict[str, Any]:
        names = [host.name for host in hosts]
        spec = {"size": self.size, "uid": self.uid, "gid": 33, "access": names, "epoch": epoch, "trashed": trashed}
        return {"kind": "volume", "id": self.name, "revision": epoch, "state": "present", "spec": spec}

    def give(self, *hosts: Host, **options: Any) -> dict[str, Any]:
        """Let exactly these hosts have it; the answer's item."""
        self.epoch += 1
        [item] = apply(self.store, self.resource(*hosts, epoch=self.epoch, **options))
        self.credentials.update(item.get("answer", {}).get("credentials", {}))
        return item

    def attachment(self, host: Host, **changes: Any) -> dict[str, Any]:
        spec = {"driver": "cephfs", "path": self.path, "epoch": self.epoch, "uid": self.uid, "gid": 33}
        spec = {**spec, **self.credentials.get(host.name, {}), **changes}
        return {"kind": "attachment", "id": self.name, "revision": self.epoch, "state": "present", "spec": spec}

    def attach(self, host: Host, **changes: Any) -> dict[str, Any]:
        self.users[host.name] = host
        [item] = apply(host, self.attachment(host, **changes))
        return item

    def is_attached(self, host: Host) -> bool:
        """Whether it can be attached, or was ("unchanged")."""
        return self.attach(host)["status"] in ("ok", "unchanged")

    def detach(self, host: Host) -> dict[str, Any]:
        absent = {"kind": "attachment", "id": self.name, "revision": self.epoch, "state": "absent", "spec": {}}
        [item] = apply(host, absent)
        return item

    def mount(self, host: Host) -> None:
        """Give it to the host alone and mount it there, as a move would."""
        assert self.give(host)["status"] == "ok"
        item = self.attach(host)
        assert item["status"] == "ok", item

    def who_has(self) -> dict[str, Any]:
        return ask(self.store, "storage.who_has", volumes=[self.name])["volumes"][self.name]  # type: ignore[no-any-return]

    def fence(self, host: Host) -> dict[str, Any]:
        self.epoch += 1
        return ask(self.store, "storage.fence_volume", volume=self.name, host=host.name, epoch=self.epoch)

    def write(self, host: Host, file: str, text: str) -> str:
        """Written for certain: empty when it went well."""
        target = shlex.quote(f"{self.path}/{file}")
        return shell(host, f"printf %s {shlex.quote(text)} > {target} && sync {target}")

    def read(self, host: Host, file: str) -> str:
        return shell(host, f"cat {shlex.quote(f'{self.path}/{file}')}")

    def throw_away(self) -> None:
        """From all hosts and from the storage."""
        for host in self.users.values():
            self.detach(host)
        self.give(trashed=True)
        ask(self.store, "storage.purge", volume=self.name, epoch=self.epoch)


_WRITER = """
import os, sys, time
path, tag, turn = sys.argv[1], sys.argv[2], 0
while True:
    turn += 1
    try:
        first = os.open(path + "/data", os.O_RDWR | os.O_CREAT)
        os.pwrite(first, b"%s %08d" % (tag.encode(), turn), 0)
        second = os.open(path + "/lines", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(second, b"%s %d\\n" % (tag.encode(), turn))
        if turn % 3 == 0:  # so that most of it is still in memory when it is cut off
            os.fsync(first)
            os.fsync(second)
        os.close(first)
        os.close(second)
    except OSError:
        pass  # it does not want to stop
    time.sleep(0.01)
"""


class Writer:
    """A process on a host that writes to a volume, and goes on whatever happens."""

    def __init__(self, volume: LabVolume, host: Host) -> None:
        self.volume, self.host = volume, host
        self.unit = f"writer-{volume.number}"
        arguments = ["python3", "-c", _WRITER, volume.path, host.name]
        on_host(host.name, "systemd-run", "--quiet", f"--unit={self.unit}", *arguments)
        time.sleep(0.6)
        assert volume.read(host, "lines").startswith(host.name)

    def is_running(self) -> bool:
        return shell(self.host, f"systemctl is-active {self.unit}") == "active"

    def stop(self) -> None:
        shell(self.host, f"systemctl stop {self.unit}; systemctl reset-failed {self.unit}")


def is_refused(call: Any, code: str) -> bool:
    """Whether the call raises StepError with that code."""
    try:
        call()
    except StepError as error:
        assert error.code == code, error
        return True
    return False
