"""What a web host does for its sites by the clock: logs into archives, and WordPress' scheduled work."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List

from ..errors import AgentError
from . import fastcgi, paths, rotation, wordpress

UNIT = "controlpanel-tend"

_SERVICE = """\
# Written by the control panel's agent.
[Unit]
Description=Control panel: logs and scheduled work of this host's sites

[Service]
Type=oneshot
ExecStart={command}
Nice=10
IOSchedulingClass=idle
TimeoutStartSec=240
"""

_TIMER = """\
# Written by the control panel's agent.
[Unit]
Description=Control panel: logs and scheduled work of this host's sites

[Timer]
OnCalendar=*:0/5
# Not on all hosts at once.
RandomizedDelaySec=90
AccuracySec=10s

[Install]
WantedBy=timers.target
"""


def service(command: str) -> str:
    """The unit that does it once."""
    return _SERVICE.format(command=command)


def timer() -> str:
    return _TIMER


def run(sites: Dict[str, Dict[str, Any]]) -> List[str]:
    """Once for all sites of this host (number to spec). Returns what went wrong, in words."""
    here = {site: spec for site, spec in sites.items() if os.path.ismount(paths.root(site))}
    troubles = rotation.tend(here, time.time())
    due = [site for site, spec in here.items() if _has_cron(site, spec)]
    with ThreadPoolExecutor(max_workers=2) as pool:
        troubles += [trouble for trouble in pool.map(lambda site: _cron(site, here[site]), due) if trouble]
    return troubles


def _has_cron(site: str, spec: Dict[str, Any]) -> bool:
    """A WordPress that is installed and runs (its socket is away while it is disabled or locked up)."""
    if spec["kind"] != "wordpress" or not spec["enabled"] or not spec["domains"]:
        return False
    return os.path.exists(paths.php_socket(site)) and os.path.lexists(wordpress.config_of(site))


def _cron(site: str, spec: Dict[str, Any]) -> str:
    try:
        status, _body = fastcgi.ask(site, f"{wordpress.CORE}/wp-cron.php", spec["domains"][0], "/wp-cron.php")
    except AgentError as error:
        return error.reason
    return "" if status == 200 else f"site {site}: wp-cron.php answers {status}"
