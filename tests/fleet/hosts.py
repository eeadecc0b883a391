"""Real hosts of the running lab, for tests marked lab. They stay enrolled, and as they were."""

import json
from copy import copy
from functools import cache

import pytest

from controlpanel.fleet.models import Host
from tests.panel import lab, on_host


def running(role: str) -> list[Host]:
    """The lab's running hosts of a role, each as the panel would know it (not stored anywhere)."""
    return [copy(host) for host in _running(role)]


@cache
def _running(role: str) -> list[Host]:
    status = json.loads(lab("status", "--json").stdout)
    found = []
    for host in status["hosts"]:
        if role in host["roles"] and host["state"] == "running":
            key = on_host(host["name"], "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
            found.append(Host(name=host["name"], address=host["address"], roles=host["roles"], host_key=key.strip()))
    if not found:
        pytest.skip(f"no {role} host is running")
    return found
