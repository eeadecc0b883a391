"""What a host says of itself."""

from __future__ import annotations

import os
import platform
import socket
from typing import Any, Dict

from .web import paths


def boot_id() -> str:
    """Another one after each boot."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def gather() -> Dict[str, Any]:
    """Operating system, processors, memory, disk: ``{"os", "kernel", "python", "cpus", "memory_mb", "disk_mb", …}``.

    "php" is the release of PHP that its sites run, where there is one.
    """
    disk = os.statvfs("/")
    php = paths.php_version()
    return {
        **({"php": php} if php else {}),
        "os": _operating_system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "host_name": socket.gethostname(),
        "cpus": os.cpu_count() or 1,
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "disk_mb": disk.f_frsize * disk.f_blocks // 2**20,
        "disk_free_mb": disk.f_frsize * disk.f_bavail // 2**20,
    }


def _operating_system() -> str:
    try:
        with open("/etc/os-release", encoding="utf-8") as file:
            for line in file:
                key, _, value = line.strip().partition("=")
                if key == "PRETTY_NAME":
                    return value.strip('"')
    except OSError:
        pass
    return "unknown"
