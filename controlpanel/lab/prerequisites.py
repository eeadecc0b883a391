"""What the lab needs of the machine."""

import os
import shutil
from pathlib import Path

from .errors import LabError
from .process import run
from .progress import Progress

#: Program: the Debian package that has it.
_PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "nsenter": "util-linux",
}
#: Each host's systemd watches about ten things, and Linux allows root 128 on the whole machine: too few for two labs.
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
_INOTIFY_LEAST = 1024

#: Limits of the kernel that all hosts of all labs share, with the least that makes room for some dozen. Raised only.
_LIMITS = {
    "/proc/sys/fs/inotify/max_user_instances": 8192,
    "/proc/sys/fs/inotify/max_user_watches": 524288,
    "/proc/sys/fs/aio-max-nr": 1048576,
}


def ensure(progress: Progress) -> None:
    """Check the machine, and install the missing programs. Raises LabError that says what is needed."""
    if os.geteuid() != 0:
        raise LabError("The lab needs root: it boots hosts and builds networks. Try again with sudo.")
    if not Path("/etc/debian_version").exists():
        raise LabError("The lab needs a machine that runs Debian 12 or later: it is made of Debian's own tools.")
    if not Path("/dev/fuse").exists():
        raise LabError("/dev/fuse is missing: the machine's kernel has no FUSE, which hosts mount volumes with.")
    if missing := sorted({package for program, package in _PROGRAMS.items() if not shutil.which(program)}):
        progress(f"installing {' '.join(missing)}")
        run(["apt-get", "update", "--quiet"], timeout=300)
        run(["apt-get", "install", "--yes", "--no-install-recommends", *missing], timeout=900)
    for path, least in _LIMITS.items():
        limit = Path(path)
        if limit.exists() and int(limit.read_text()) < least:
            limit.write_text(str(least))
    _allow_many_watches(progress)


def _allow_many_watches(progress: Progress) -> None:
    """Raise the machine's limit of inotify instances where it is low; a host over it does not boot at all."""
    try:
        if int(_INOTIFY.read_text()) >= _INOTIFY_LEAST:
            return
        _INOTIFY.write_text(f"{_INOTIFY_LEAST}\n")
        progress(f"raised fs.inotify.max_user_instances to {_INOTIFY_LEAST} (until the machine restarts)")
    except (OSError, ValueError):  # not ours to set: then it suffices, or the host's console says what is missing
        return
