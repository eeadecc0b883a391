"""A one-node Ceph cluster with a file system, run by Debian's own units."""

import uuid
from typing import TYPE_CHECKING

from ..process import wait_until

if TYPE_CHECKING:
    from ..machine import Machine

#: Size of the one disk, a sparse file.
_DISK_BYTES = 20 * 1024**3
_FILE_SYSTEM = "web"
_SUBVOLUME_GROUP = "sites"

# One copy of the data is enough for a lab. Old clients that could steal a session id are refused as in production.
_CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = [v2:{address}:3300,v1:{address}:6789]
mon initial members = a
public network = {network}
public addr = {address}
ms bind ipv6 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd crush initial weight = 1
mon allow pool size one = true
mon warn on pool no redundancy = false
mon data avail warn = 2
mon data avail crit = 1
mgr initial modules = volumes status
osd memory target = 939524096
bluestore block size = {disk_bytes}
mds cache memory limit = 268435456
# Monitors gather changes for a second, which is for clusters of thousands of disks: here somebody waits for each key
# that is given and for each host that is cut off.
paxos propose interval = 0.1
# Numbers for files that only kernel clients make use of; of each session that is evicted, hundreds of objects that were
# never there would be deleted.
mds client delegate inos pct = 0
# After a power cut clients that are gone for good would else hold everybody up for 45 seconds.
mds reconnect timeout = 10
# A disk without neighbours learns of new maps only by asking; when it misses one at its start, half a minute later.
osd mon heartbeat interval = 3
"""

_UNITS = (
    "ceph.target",
    "ceph-mon.target",
    "ceph-mgr.target",
    "ceph-osd.target",
    "ceph-mds.target",
    "ceph-mon@a.service",
    "ceph-mgr@a.service",
    "ceph-osd@0.service",
    "ceph-mds@a.service",
)
_STORE = "/var/lib/ceph"
_ADMIN_KEYRING = "/etc/ceph/ceph.client.admin.keyring"
_AS_CEPH = ("runuser", "-u", "ceph", "--")


def provision(machine: "Machine") -> None:
    """Monitor, manager, one disk, metadata server; then the file system and the group that sites' volumes go in."""
    fsid = str(uuid.uuid4())
    configuration = _CONFIGURATION.format(
        fsid=fsid, address=machine.address, network=machine.lab.network, disk_bytes=_DISK_BYTES
    )
    machine.write("/etc/ceph/ceph.conf", configuration)
    _monitor(machine, fsid)
    _manager(machine)
    _disk(machine)
    _metadata_server(machine)
    machine.run(["systemctl", "enable", *_UNITS])
    _file_system(machine)


def wait_until_ready(machine: "Machine") -> None:
    """Ready means that the manager answers about volumes: it is the last to come, and needs all others."""
    listing = ["ceph", "--connect-timeout", "5", "fs", "subvolume", "ls", _FILE_SYSTEM, _SUBVOLUME_GROUP]
    wait_until("Ceph answers about volumes", lambda: "[" in machine.run(listing, check=False), timeout=120)
    wait_until("Ceph's file system is served", lambda: _serves(machine), timeout=60)


def _monitor(machine: "Machine", fsid: str) -> None:
    monitor_keyring, map_file = "/etc/ceph/ceph.mon.keyring", "/etc/ceph/monmap"
    everything = ["--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mds", "allow *"]
    _keyring(machine, monitor_keyring, "mon.", ["--cap", "mon", "allow *"])
    _keyring(machine, _ADMIN_KEYRING, "client.admin", [*everything, "--cap", "mgr", "allow *"])
    machine.run(["ceph-authtool", monitor_keyring, "--import-keyring", _ADMIN_KEYRING])
    addresses = f"[v2:{machine.address}:3300,v1:{machine.address}:6789]"
    machine.run(["monmaptool", "--create", "--addv", "a", addresses, "--fsid", fsid, map_file])
    machine.run(["chown", "ceph:ceph", monitor_keyring, map_file])
    machine.run([*_AS_CEPH, "ceph-mon", "--mkfs", "-i", "a", "--monmap", map_file, "--keyring", monitor_keyring])
    machine.run(["rm", monitor_keyring, map_file])
    machine.run(["systemctl", "start", "ceph-mon@a.service"])
    wait_until("Ceph's monitor answers", lambda: "quorum" in _ceph(machine, "mon", "stat", check=False), timeout=60)


def _manager(machine: "Machine") -> None:
    _daemon_key(machine, "mgr.a", "mgr/ceph-a", "mon", "allow profile mgr", "osd", "allow *", "mds", "allow *")
    machine.run(["systemctl", "start", "ceph-mgr@a.service"])


def _disk(machine: "Machine") -> None:
    folder = f"{_STORE}/osd/ceph-0"
    machine.run(["install", "-d", "-o", "ceph", "-g", "ceph", folder])
    machine.run([*_AS_CEPH, "truncate", f"--size={_DISK_BYTES}", f"{folder}/block"])
    disk_id = str(uuid.uuid4())
    _ceph(machine, "osd", "new", disk_id)
    _daemon_key(
        machine, "osd.0", "osd/ceph-0", "mgr", "allow profile osd", "mon", "allow profile osd", "osd", "allow *"
    )
    machine.run([*_AS_CEPH, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk_id], timeout=120)
    machine.run(["systemctl", "start", "ceph-osd@0.service"])


def _metadata_server(machine: "Machine") -> None:
    capabilities = ("mon", "allow profile mds", "mgr", "allow profile mds", "osd", "allow rwx", "mds", "allow *")
    _daemon_key(machine, "mds.a", "mds/ceph-a", *capabilities)
    machine.run(["systemctl", "start", "ceph-mds@a.service"])


def _file_system(machine: "Machine") -> None:
    metadata, data = f"{_FILE_SYSTEM}_metadata", f"{_FILE_SYSTEM}_data"
    for pool in (metadata, data):
        _ceph(machine, "osd", "pool", "create", pool, "8")
    _ceph(machine, "fs", "new", _FILE_SYSTEM, metadata, data)
    wait_until("Ceph's file system is served", lambda: _serves(machine), timeout=60)
    group = ("fs", "subvolumegroup", "create", _FILE_SYSTEM, _SUBVOLUME_GROUP)
    listing = ("fs", "subvolumegroup", "ls", _FILE_SYSTEM)

    def group_exists() -> bool:
        _ceph(machine, *group, check=False)  # refused until the manager has loaded its modules
        return _SUBVOLUME_GROUP in _ceph(machine, *listing, check=False)

    wait_until("Ceph's manager answers about volumes", group_exists, timeout=60)


def _ceph(machine: "Machine", *arguments: str, check: bool = True) -> str:
    return machine.run(["ceph", "--connect-timeout", "5", *arguments], check=check)


def _serves(machine: "Machine") -> bool:
    return "up:active" in _ceph(machine, "mds", "stat", check=False)


def _keyring(machine: "Machine", path: str, name: str, capabilities: list[str]) -> None:
    machine.run(["ceph-authtool", "--create-keyring", path, "--gen-key", "-n", name, *capabilities])


def _daemon_key(machine: "Machine", name: str, folder: str, *capabilities: str) -> None:
    """Let the monitor make a daemon's key, and put it where the daemon looks for it."""
    keyring = _ceph(machine, "auth", "get-or-create", name, *capabilities)
    machine.run(["install", "-d", "-o", "ceph", "-g", "ceph", f"{_STORE}/{folder}"])
    machine.write(f"{_STORE}/{folder}/keyring", keyring, mode=0o600, owner="ceph:ceph")
