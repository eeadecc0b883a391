"""systemd's part: the two servers as services of this host."""

from __future__ import annotations

import os
import time
from typing import Callable

from .. import commands
from ..errors import Failed

_WANTS = "/etc/systemd/system/multi-user.target.wants"


def is_active(unit: str) -> bool:
    return commands.run(["systemctl", "is-active", unit], ok=(0, 1, 3, 4)).strip() == "active"


def is_enabled(unit: str) -> bool:
    """Whether it starts at boot."""
    return os.path.islink(f"{_WANTS}/{unit}")


def restart(unit: str, enable: str, timeout: float = 180.0) -> None:
    """Make it run with the settings as they are now, and start it at boot from now on (by the unit ``enable``)."""
    commands.run(["systemctl", "daemon-reload"])
    commands.run(["systemctl", "reset-failed", unit], ok=(0, 1))
    commands.run(["systemctl", "restart", unit], timeout=timeout, reason=f"{unit} does not start")
    if not is_enabled(enable):
        commands.run(["systemctl", "enable", "--quiet", enable])


def wait(what: str, answers: Callable[[], object], timeout: float = 60.0) -> None:
    """Until it answers without an error. Raises Failed with the last one."""
    deadline, pause = time.monotonic() + timeout, 0.02
    while True:
        try:
            answers()
            return
        except Failed as error:
            if time.monotonic() > deadline:
                raise Failed(f"{what} does not answer", f"{error.reason}\n{error.output}".strip()) from None
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)


def drop_in(unit: str) -> str:
    """Where our addition to a package's unit stands."""
    return f"/etc/systemd/system/{unit}.d/controlpanel.conf"


def render_drop_in(python: str, zipapp: str) -> str:
    return (
        "# Written by the control panel's agent: nobody is let in before the packet filter is there, and the host's\n"
        "# address must be, or the server could not listen on it.\n"
        "[Unit]\nWants=network-online.target\nAfter=network-online.target\n\n"
        f"[Service]\nExecStartPre=+{python} -I {zipapp} database-boot\n"
    )
