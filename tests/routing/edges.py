"""Real edges, met from both sides: as a visitor by HTTP, and as the panel by the agent's own protocol.

The tests put their own resources on edges, beside whatever is there, under names that no site has. They speak to the
agent directly, so they need the hosts of a lab and nothing else of the panel.
"""

import http.client
import itertools
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tests.panel import ROOT, lab

DOMAIN = "routing-test.example"
#: Answered by every web host, whatever the name.
ALIVE = "/.well-known/controlpanel-host"
_numbers = itertools.count()


class AgentError(Exception):
    """The agent answered with an error."""


class Agent:
    """An agent of its own on a host, spoken to as the panel does."""

    def __init__(self, host: str) -> None:
        self.host = host
        command = [sys.executable, "-m", "controlpanel.lab", "exec", host, "--"]
        self.process = subprocess.Popen(
            [*command, "python3", "/usr/local/lib/controlpanel/agent.pyz", "serve"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.lock = threading.Lock()
        assert "hello" in self._read()

    def _read(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        assert line, f"the agent of {self.host} has gone"
        return json.loads(line)

    def call(self, call: str, /, **args: Any) -> dict[str, Any]:
        with self.lock:
            request = {"id": next(_numbers), "call": call, "args": args}
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
            answer = self._read()
            while "progress" in answer:
                answer = self._read()
        if "error" in answer:
            raise AgentError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)


@dataclass
class Edge:
    """An edge with what the tests have put there."""

    name: str
    address: str
    agent: Agent
    put: dict[tuple[str, str], int] = field(default_factory=dict)

    def apply(self, *resources: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Apply, and remember what is to be taken away at the end. Fails on any refusal."""
        for resource in resources:
            self.put[resource["kind"], resource["id"]] = resource["revision"]
        answer = self.agent.call("apply", operation="test", items=list(resources), **options)
        bad = [item for item in answer["items"] if item["status"] not in ("ok", "unchanged")]
        assert not bad, bad
        return answer

    def clean(self) -> None:
        revision = now()
        items = [absent(kind, id, revision) for kind, id in self.put if kind != "edge"]
        if items:
            self.agent.call("apply", operation="test", items=items)
        self.put.clear()

    def drift(self, *resources: dict[str, Any]) -> list[dict[str, Any]]:
        """What differs from these resources on the edge; what others have there does not count."""
        answer = self.agent.call("apply", operation=None, items=list(resources), check=True)
        return [item for item in answer["differences"] if item["problem"] != "unexpected"]

    def get(self, name: str, path: str = ALIVE, **options: Any) -> "Answer":
        return get(self.address, name, path, **options)


@dataclass
class Answer:
    status: int
    body: str
    headers: dict[str, str]


def get(
    address: str,
    name: str,
    path: str = ALIVE,
    *,
    headers: dict[str, str] | None = None,
    trust: str = "",
    tls: bool = False,
    method: str = "GET",
) -> Answer:
    """What a visitor gets. ``trust``: PEM of the authority that must have signed; ``tls`` alone trusts everybody."""
    connection = http.client.HTTPConnection(address, 443 if tls or trust else 80, timeout=10)
    try:
        if tls or trust:
            connection.sock = context(trust).wrap_socket(
                socket.create_connection((address, 443), timeout=10), server_hostname=name
            )
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for key, value in {"Host": name, **(headers or {})}.items():
            connection.putheader(key, value)
        connection.endheaders()
        response = connection.getresponse()
        return Answer(
            response.status,
            response.read().decode(),
            {key.lower(): value for key, value in response.getheaders()},
        )
    finally:
        connection.close()


def context(trust: str) -> ssl.SSLContext:
    """A client that trusts only that authority; without one, everybody."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trust:
        client.load_verify_locations(cadata=trust)
    else:
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    return client


def now() -> int:
    """A revision that is newer than any before."""
    return time.time_ns() // 1000


def present(kind: str, id: str, spec: dict[str, Any], revision: int = 0) -> dict[str, Any]:
    return {"kind": kind, "id": id, "revision": revision or now(), "state": "present", "spec": spec}


def absent(kind: str, id: str, revision: int = 0) -> dict[str, Any]:
    return {"kind": kind, "id": id, "revision": revision or now(), "state": "absent", "spec": {}}


def site_number() -> int:
    """An id that no real site has."""
    return 900_000_000_000 + now() % 10**12


def fresh(label: str) -> str:
    return f"{label}-{now()}.{DOMAIN}"


def lab_hosts(role: str) -> list[tuple[str, str]]:
    """Name and address of the running hosts with that role."""
    hosts = json.loads(lab("status", "--json").stdout)["hosts"]
    return [(host["name"], host["address"]) for host in hosts if role in host["roles"] and host["state"] == "running"]
