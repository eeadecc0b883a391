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
#: Limits of the kernel that the hosts of all labs share, and the least that some dozen need. With the 128 inotify
#: instances that Linux allows root on a whole machine, the hosts of a second lab do not boot.
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
        _raise_limit(Path(path), least, progress)


def _raise_limit(limit: Path, least: int, progress: Progress) -> None:
    try:
        if int(limit.read_text()) < least:
            limit.write_text(str(least))
            progress(f"raised {limit} to {least}, until the machine restarts")
    except OSError:  # not ours to set: then it suffices, or the host's console says what is missing
        return
