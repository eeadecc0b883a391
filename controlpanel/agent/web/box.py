"""The root of every site's PHP: what they all may see of the host, mounted once for all of them.

Half of what a start of PHP takes was systemd mounting the same things for each. What is one site's own stands in its
unit (``php.py``) and is mounted on top of this, in a namespace of its own.
"""

from __future__ import annotations

import os
from typing import List

from .. import commands
from ..mounts import table
from . import paths

UNIT = "controlpanel-box.service"

#: Of the host, read-only. (On Debian /bin, /lib and /sbin are links into /usr.)
SEEN = ("/usr", "/etc")
_LINKS = ("bin", "lib", "lib64", "sbin")
#: Directories on which something is mounted, each after the one that it is in.
_DIRECTORIES = (
    "dev", "etc", "proc", "run", "run/systemd", "run/systemd/resolve", "srv", "srv/sites", "sys", "tmp", "usr", "var",
    "var/tmp",
)  # fmt: skip
#: A file on which another is mounted.
_FILES = ("run/systemd/notify",)
#: What nobody needs to see of that: the agent, the host's own secrets, and what other sites are called.
HIDDEN = (
    "/usr/local/lib/controlpanel", "/etc/ceph", "/etc/ssh", "/etc/nslcd.conf", "/etc/nginx", "/etc/sudoers.d",
    "/etc/controlpanel",
)  # fmt: skip

#: What is seen in the place of what is hidden; of ours, only the file that certifies databases is mounted again.
_NOTHING = os.path.dirname(paths.BOX) + "/nothing"
_NO_DIRECTORY, _NO_FILE, _OURS = f"{_NOTHING}/directory", f"{_NOTHING}/file", f"{_NOTHING}/controlpanel"

_UNIT = """\
# Written by the control panel's agent.
[Unit]
Description=What PHP of every site sees of this host

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={command}
ExecStop=-/bin/umount --recursive --lazy {box}
"""


def unit(command: str) -> str:
    """The unit that prepares it; PHP's units want it and wait for it."""
    return _UNIT.format(command=command, box=paths.BOX)


def prepare() -> None:
    """Mount it anew. PHP that runs keeps what it was started in. Raises Failed."""
    while os.path.ismount(paths.BOX):
        commands.run(["umount", "--recursive", "--lazy", paths.BOX])
    _make_places()
    # Private: what happens to it later must not happen to those who were started in it.
    commands.run(["mount", "--bind", "--make-private", paths.BOX, paths.BOX])
    for path in SEEN:
        _show(path, paths.BOX + path)
    for path in HIDDEN:
        if os.path.lexists(path):
            _show(_substitute(path), paths.BOX + path)


def missing() -> List[str]:
    """What should be mounted in it and is not; also what came to this host since, and should be hidden."""
    mounted = table.by_path(table.read())
    wanted = [*SEEN, *(path for path in HIDDEN if os.path.lexists(path))]
    return [path for path in wanted if paths.BOX + path not in mounted]


def _make_places() -> None:
    for name in ("", *_DIRECTORIES):
        os.makedirs(f"{paths.BOX}/{name}", mode=0o755, exist_ok=True)
    for name in _LINKS:
        place = f"{paths.BOX}/{name}"
        if os.path.isdir(place) and not os.path.islink(place):
            os.rmdir(place)  # of an earlier version
        if not os.path.lexists(place):
            os.symlink(f"usr/{name}", place)
    for name in _FILES:
        _touch(f"{paths.BOX}/{name}", 0o644)
    os.makedirs(_OURS, exist_ok=True)
    os.makedirs(_NO_DIRECTORY, exist_ok=True)
    os.chmod(_NO_DIRECTORY, 0)
    _touch(_NO_FILE, 0)
    _touch(f"{_OURS}/ca.pem", 0o644)


def _touch(path: str, mode: int) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_CLOEXEC, mode))


def _substitute(path: str) -> str:
    if path == "/etc/controlpanel":
        return _OURS
    return _NO_DIRECTORY if os.path.isdir(path) else _NO_FILE


def _show(source: str, place: str) -> None:
    commands.run(["mount", "--bind", "--make-private", source, place])
    commands.run(["mount", "--options", "remount,bind,ro", place])
