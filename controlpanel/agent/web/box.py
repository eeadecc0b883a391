"""The root of every site's PHP: what they all see of the host, mounted once for all of them.

Half of what a start of PHP takes is systemd mounting things. What is the same for all sites is therefore mounted here,
once per boot; what is one site's own, and what is hidden from it, stands in its unit (``php.py``), for a directory that
something is mounted on in the host's own namespace could not be renamed or removed any more, under whatever path.
"""

from __future__ import annotations

import os

from . import paths

UNIT = "controlpanel-box.service"

#: On Debian these are links into /usr.
_LINKS = ("bin", "lib", "lib64", "sbin")
#: Directories on which something is mounted, each after the one that it is in.
_DIRECTORIES = ("dev", "etc", "proc", "run", "srv", "srv/sites", "sys", "tmp", "usr", "var", "var/tmp")

#: Private: what happens to these mounts later must not happen to those who were started in them.
_UNIT = """\
# Written by the control panel's agent.
[Unit]
Description=What PHP of every site sees of this host

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStartPre=-/bin/umount --recursive --lazy {box}
ExecStart=/bin/mount --bind --make-private {box} {box}
ExecStart=/bin/mount --bind --make-private /usr {box}/usr
ExecStart=/bin/mount --options remount,bind,ro {box}/usr
ExecStart=/bin/mount --bind --make-private /etc {box}/etc
ExecStart=/bin/mount --options remount,bind,ro {box}/etc
ExecStop=-/bin/umount --recursive --lazy {box}
"""


def unit() -> str:
    """The unit that mounts it; PHP's units want it and wait for it, and what runs keeps what it was started in."""
    return _UNIT.format(box=paths.BOX)


def make_places() -> None:
    """The empty directories that it is mounted on. (Whose mode is left alone: by now some may be the host's own.)"""
    for name in ("", *_DIRECTORIES):
        os.makedirs(f"{paths.BOX}/{name}", mode=0o755, exist_ok=True)
    for name in _LINKS:
        place = f"{paths.BOX}/{name}"
        if os.path.isdir(place) and not os.path.islink(place):
            os.rmdir(place)  # of an earlier version
        if not os.path.lexists(place):
            os.symlink(f"usr/{name}", place)
