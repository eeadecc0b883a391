"""One host of the lab: a Debian under systemd-nspawn, with a disk, a power switch and a network cable."""

import json
import os
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv4Address
from typing import NoReturn

from . import files, mounts, network
from .cgroups import Group
from .errors import LabError
from .hosts import HOSTS, Blueprint
from .images import Image
from .instance import Lab
from .process import CLEAN_ENVIRONMENT, namespace_pids, own_namespace_depth, run, wait_until
from .recipes import BOOKWORM

#: Seconds that a host may take to shut down by itself.
_SHUTDOWN = 45


class Machine:
    """A host by its place in the lab. It may be running, off, or not made yet; every method says what it needs."""

    def __init__(self, lab: Lab, blueprint: Blueprint) -> None:
        self.lab = lab
        self.blueprint = blueprint
        self.name = blueprint.name
        self.home = lab.home / "hosts" / blueprint.name
        self.root = self.home / "root"
        self.image = Image(blueprint.recipe)
        self._group = Group(lab.name, blueprint.name)

    @property
    def address(self) -> IPv4Address:
        return self.lab.network[self.blueprint.offset]

    @property
    def more_addresses(self) -> list[IPv4Address]:
        return [self.lab.network[offset] for offset in self.blueprint.more_offsets]

    # --- what it is --------------------------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether it has a disk, running or not."""
        return (self.home / "disk").exists()

    @property
    def is_running(self) -> bool:
        return self._init() is not None

    @property
    def is_connected(self) -> bool:
        return network.is_connected(self.lab, self.name)

    @property
    def memory_bytes(self) -> int | None:
        return self._group.memory_bytes() if self.is_running else None

    @property
    def is_provisioned(self) -> bool:
        """Whether it was handed over whole; a half-made host is thrown away and made again."""
        return self._made_from() is not None

    @property
    def is_outdated(self) -> bool:
        """Whether it was made from another image or in another way than it would be made now."""
        return self.is_provisioned and self._made_from() != self._wanted()

    def mark_provisioned(self) -> None:
        files.write(self.home / "made-from.json", json.dumps(self._wanted()))

    def _made_from(self) -> object:
        try:
            return json.loads((self.home / "made-from.json").read_text())
        except FileNotFoundError:
            return None

    def _wanted(self) -> dict[str, object]:
        return {"image": self.image.build_id, "version": self.blueprint.version, "network": str(self.lab.network)}

    # --- power -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Boot it and return when its sshd answers. Whatever an earlier run left of it is cleared first."""
        self.clear()
        mounts.overlay(self.image.root, self.home / "disk", self.home / "work", self.root)
        if not self.is_provisioned:
            self._prepare_disk()
        self._group.create()
        supervisor = self._launch()

        def is_up() -> bool:
            if supervisor.poll() is not None:
                raise LabError(f"{self.name} did not start:\n{self._console_tail()}")
            return self._says_ssh()

        network.plug_in(self.lab, self.name)
        wait_until(f"{self.name} answers by ssh (its console: {self.home / 'console.log'})", is_up, timeout=60)

    def shut_down(self) -> None:
        """Shut it down as its power button would, and leave no process or mount of it. Its disk stays."""
        if self.is_running:
            self._signal_supervisor(signal.SIGTERM)
            with suppress(LabError):  # when it hangs, clear() ends it as a person would: by the plug
                wait_until(f"{self.name} has shut down", lambda: not self._group.pids(), timeout=_SHUTDOWN)
        self.clear()

    def power_off(self) -> None:
        """Pull the plug: its processes are gone at once, nothing is flushed or closed. Its disk stays."""
        self.clear()

    def clear(self) -> None:
        """End every process of it and unmount its disk, in whatever state it is."""
        if (init := self._init()) is not None:
            with suppress(ProcessLookupError):
                os.kill(init, signal.SIGKILL)  # takes the whole process namespace with it
        self._group.kill()
        self._group.remove()
        network.unplug(self.lab, self.name)
        mounts.clear(self.home)

    def erase(self) -> None:
        """Throw its disk away (it must be off); its SSH host key stays, so it keeps its identity when made again."""
        for name in ("disk", "work", "root"):
            if (self.home / name).exists():
                # Agents make empty mount points immutable, and nobody can remove those.
                run(["chattr", "-R", "-f", "-i", str(self.home / name)], check=False)
                shutil.rmtree(self.home / name)
        (self.home / "made-from.json").unlink(missing_ok=True)

    # --- network -----------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Take its network cable out. It runs on, and does not know."""
        self._require_running()
        network.cut(self.lab, self.name)

    def rejoin(self) -> None:
        """Put its network cable back."""
        self._require_running()
        network.rejoin(self.lab, self.name, self.address, *self.more_addresses)

    def reconnect(self) -> None:
        """Put its cable into the bridge, which may be a new one, and return when its sshd answers."""
        self.rejoin()
        wait_until(f"{self.name} answers by ssh", self._says_ssh, timeout=20)

    # --- inside it ---------------------------------------------------------------------------------------------------

    def run(self, argv: Sequence[str], *, input: str | None = None, timeout: float = 60, check: bool = True) -> str:
        """Standard output of a command run in it as root. Raises LabError when the command fails."""
        try:
            return run([*self._enter(), *argv], input=input, timeout=timeout, check=check)
        except LabError as error:
            raise LabError(f"{self.name}: {error}") from None

    def write(self, path: str, content: str, *, mode: int = 0o644, owner: str = "root:root") -> None:
        """Write a file in it. ``owner`` is a user and group of the host."""
        user, group = owner.split(":")
        self.run(["install", "-D", f"--mode={mode:o}", f"--owner={user}", f"--group={group}", "/dev/null", path])
        self.run(["tee", path], input=content)

    def wait_until_booted(self) -> None:
        """Return when every unit that starts with it has started, or failed."""
        self.run(["systemctl", "is-system-running", "--wait"], check=False, timeout=120)

    def has(self, path: str) -> bool:
        """Whether there is a file at that path."""
        return self.run(["sh", "-c", 'test -e "$1" && echo yes', "test", path], check=False) == "yes\n"

    def exec(self, argv: Sequence[str]) -> NoReturn:
        """Become a command in it: standard streams, signals and exit code are the command's own."""
        environment: Mapping[str, str] = {"TERM": os.environ.get("TERM", "dumb"), **CLEAN_ENVIRONMENT}
        command = [*self._enter(), *argv]
        os.execvpe(command[0], command, environment)  # noqa: S606  # no shell is what we want

    def _enter(self) -> list[str]:
        init = self._require_running()
        namespaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd")
        return ["nsenter", f"--target={init}", *namespaces, "--"]

    def _require_running(self) -> int:
        init = self._init()
        if init is None:
            raise LabError(f"{self.name} is not running; `manage.py lab power-on {self.name}` starts it.")
        return init

    # --- pieces ------------------------------------------------------------------------------------------------------

    def _prepare_disk(self) -> None:
        """Give the copy of the image an identity: name, address, host key, and a way in for the enrolment."""
        prefix_length = self.lab.network.prefixlen
        names = [(self.lab.network[host.offset], host.name) for host in HOSTS]
        etc = self.root / "etc"
        files.write(etc / "hostname", f"{self.name}\n", mode=0o644)
        files.write(etc / "machine-id", f"{uuid.uuid4().hex}\n", mode=0o444)
        files.write(
            etc / "hosts",
            "127.0.0.1 localhost\n"
            + f"{self.lab.gateway} panel\n"
            + "".join(f"{address} {name}\n" for address, name in names),
            mode=0o644,
        )
        files.write(
            etc / "systemd/network/10-host0.network",
            "[Match]\nName=host0\n\n[Network]\n"
            + "".join(f"Address={address}/{prefix_length}\n" for address in (self.address, *self.more_addresses))
            +
            # A cut is to be noticed by silence, as behind a broken switch, not by an address that vanishes.
            "LinkLocalAddressing=no\nIPv6AcceptRA=no\nConfigureWithoutCarrier=yes\nIgnoreCarrierLoss=yes\n",
            mode=0o644,
        )
        for suffix, mode in (("", 0o600), (".pub", 0o644)):
            name = f"ssh_host_ed25519_key{suffix}"
            files.write(etc / "ssh" / name, (self.home / name).read_text(), mode=mode)
        sshd = "HostKey /etc/ssh/ssh_host_ed25519_key\nMaxStartups 100\n"
        if self.blueprint.recipe is not BOOKWORM:  # OpenSSH of Debian 12 does not know penalties yet
            sshd += f"PerSourcePenaltyExemptList {self.lab.network}\n"
        files.write(etc / "ssh/sshd_config.d/lab.conf", sshd, mode=0o644)
        ssh = self.root / "root/.ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        files.write(ssh / "authorized_keys", (self.lab.home / "bootstrap_key.pub").read_text())
        if self.blueprint.services:
            run(["chroot", str(self.root), "systemctl", "enable", *self.blueprint.services])

    def _launch(self) -> "subprocess.Popen[bytes]":
        command = [
            "systemd-nspawn",
            "--quiet",
            "--boot",
            f"--directory={self.root}",
            f"--machine={self.lab.name}-{self.name}",
            "--register=no",  # the machine may have no systemd of its own to register with
            "--keep-unit",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            f"--network-veth-extra={self.lab.interface(self.name)}:host0",
            "--capability=CAP_SYS_ADMIN,CAP_NET_ADMIN",  # mounts, and firewalls, are a host's daily bread
            "--bind=/dev/fuse",
        ]
        with (self.home / "console.log").open("wb") as console:
            return subprocess.Popen(
                self._group.entering(command),
                env={**CLEAN_ENVIRONMENT, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,  # it outlives the shell that said `lab up`, and a Ctrl-C there
            )

    def _init(self) -> int | None:
        """Its process number 1, as this machine numbers it."""
        depth = own_namespace_depth()
        for pid in self._group.pids():
            numbers = namespace_pids(pid)
            if len(numbers) == depth + 1 and numbers[-1] == 1:
                return pid
        return None

    def _signal_supervisor(self, signal_number: int) -> None:
        depth = own_namespace_depth()
        for pid in self._group.pids():
            if len(namespace_pids(pid)) == depth:
                os.kill(pid, signal_number)

    def _says_ssh(self) -> bool:
        try:
            with socket.create_connection((str(self.address), 22), timeout=1) as connection:
                connection.settimeout(2)
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def _console_tail(self) -> str:
        return (self.home / "console.log").read_text(errors="replace")[-2000:]
