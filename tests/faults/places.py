"""Hosts of the lab in trouble, and what is on them: looked up there, not asked of the panel."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.panel import ROOT, descendants, lab, on_host, pid_of

WEB_HOSTS = ("web1", "web2", "web3")
EDGES = ("edge1", "edge2")
STORAGE, DIRECTORY = "store1", "dir1"
#: The agent holds it while it changes its host.
LOCK = "/run/controlpanel/lock"


# --- trouble -------------------------------------------------------------------------------------------------------


def bring_back() -> None:
    """Every host running and connected, whatever was done to it."""
    for host in json.loads(lab("status", "--json").stdout)["hosts"]:
        if host["state"] in ("off", "cut"):
            lab({"off": "power-on", "cut": "rejoin"}[host["state"]], host["name"])


@contextmanager
def held(*hosts: str) -> Iterator[None]:
    """Another change is under way on these hosts: whatever the panel applies there waits in the middle of its step."""
    enter = [sys.executable, "-m", "controlpanel.lab", "exec"]
    holders = [
        subprocess.Popen(
            [*enter, host, "--", "flock", LOCK, "sh", "-c", "echo held; cat"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for host in hosts
    ]
    try:
        for holder in holders:
            assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        yield
    finally:
        for holder in holders:
            assert holder.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # its host has lost its power
                holder.stdin.close()
            holder.wait(20)


@contextmanager
def frozen(host: str, unit: str) -> Iterator[None]:
    """The service accepts connections (the kernel does that) and says nothing, as when its disk hangs."""
    on_host(host, "systemctl", "kill", "--signal=STOP", unit)
    try:
        yield
    finally:
        on_host(host, "systemctl", "kill", "--signal=CONT", unit, check=False)  # the host may be off


#: A full file system of its own in the place of the directory, with the same files.
_FILL = """set -e; d=/etc/nginx/controlpanel/sites; mkdir -p /run/full
mount -t tmpfs -o size=1m tmpfs /run/full; cp -a "$d/." /run/full/
dd if=/dev/zero of=/run/full/filler bs=1k 2>/dev/null || true
mount --bind /run/full "$d" """
_MAKE_ROOM = "umount /etc/nginx/controlpanel/sites && umount /run/full"


@contextmanager
def no_room_for_sites(host: str) -> Iterator[None]:
    """The web host's disk is full where it would write down another site."""
    on_host(host, "sh", "-c", _FILL)
    try:
        yield
    finally:
        on_host(host, "sh", "-c", _MAKE_ROOM)


@contextmanager
def stopped(host: str, unit: str) -> Iterator[None]:
    on_host(host, "systemctl", "stop", unit)
    try:
        yield
    finally:
        on_host(host, "systemctl", "start", unit)


@contextmanager
def panel_silent() -> Iterator[None]:
    """The panel's worker says nothing to any host."""
    pids = [pid_of("worker"), *descendants(pid_of("worker"))]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


# --- what is there of a site ---------------------------------------------------------------------------------------


def in_storage(volume: str) -> bool:
    """Whether the volume exists and is not in the trash."""
    rows = json.loads(on_host(STORAGE, "ceph", "fs", "subvolume", "ls", "web", "sites", "--format=json"))
    return volume in [row["name"] for row in rows] and bool(keys_of(volume))


def keys_of(volume: str) -> list[str]:
    """The hosts that storage lets have the volume."""
    rows = json.loads(on_host(STORAGE, "ceph", "auth", "ls", "--format=json"))["auth_dump"]
    return [row["entity"].rpartition(".")[2] for row in rows if row["entity"].startswith(f"client.{volume}.")]


def directory_entries(name: str) -> list[str]:
    """DNs of that name's user and group."""
    text = on_host(DIRECTORY, "slapcat", "-o", "ldif-wrap=no", "-a", f"(|(uid={name})(cn={name}))")
    return sorted(line.partition(" ")[2] for line in text.splitlines() if line.startswith("dn: "))


def hosts_with_vhost(site: int) -> list[str]:
    return [host for host in WEB_HOSTS if _is_so(host, "test", "-e", f"/etc/nginx/controlpanel/sites/{site}.conf")]


def hosts_with_mount(site: int) -> list[str]:
    return [host for host in WEB_HOSTS if _is_so(host, "findmnt", "--mountpoint", f"/srv/sites/{site}")]


def edges_with_route(name: str) -> list[str]:
    """Edges whose map files name it, each as often as they do."""
    found = []
    for edge in EDGES:
        lines = on_host(edge, "cat", "/etc/haproxy/controlpanel/maps/hosts.map").splitlines()
        found += [edge for line in lines if line.split()[:1] == [name]]
    return found


def _is_so(host: str, *command: str) -> bool:
    return lab("exec", host, "--", *command, check=False).returncode == 0


def lab_home() -> Path:
    """Where the lab keeps its keys."""
    return ROOT / "var" / os.environ.get("LAB_NAME", "lab")


def panel_setting(name: str) -> str:
    """A setting of the panel, as the lab wrote it for it."""
    lines = (lab_home() / "panel.env").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith(f"{name}="))


# --- time and commands ---------------------------------------------------------------------------------------------


def quickest(call: Callable[[], Any], tries: int = 5) -> float:
    """Seconds of the quickest of some calls: what the panel needs, whatever else the machine is doing."""
    times = []
    for _ in range(tries):
        start = time.monotonic()
        call()
        times.append(time.monotonic() - start)
    return min(times)


def manage(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """``manage.py …`` as staff type it, with its exit code."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=180, check=False
    )
