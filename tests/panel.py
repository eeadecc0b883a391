"""The running panel, its sites and its hosts, as people and scripts meet them: for lab and browser tests."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[1]
ENDED = ("succeeded", "failed", "cancelled")


def wait_until(true: Callable[[], Any], seconds: float = 60, every: float = 0.2, what: str = "") -> Any:
    """What ``true()`` returns once it is truthy; AssertionError when it is not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or true}"
        time.sleep(every)
    return value


def fresh_name(label: str = "site") -> str:
    """A domain name that no other test uses."""
    return f"{label}-{uuid.uuid4().hex[:10]}.test"


class Api:
    """The REST API with one login's token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/") + "/api/v1/"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: str, path: str, expect: int | None = None, **kwargs: Any) -> requests.Response:
        response = self.session.request(method, self.url + path.lstrip("/"), timeout=30, **kwargs)
        if expect is not None:
            assert response.status_code == expect, f"{method} {path}: {response.status_code} {response.text[:2000]}"
        return response

    def get(self, path: str, **params: Any) -> Any:
        return self.request("GET", path, 200, params=params).json()

    def post(self, path: str, data: Any = None, expect: int = 202, **kwargs: Any) -> Any:
        return self.request("POST", path, expect, json=data or {}, **kwargs).json()

    def patch(self, path: str, data: Any, expect: int = 202) -> Any:
        return self.request("PATCH", path, expect, json=data).json()

    def delete(self, path: str, expect: int = 202) -> Any:
        return self.request("DELETE", path, expect).json()

    def operation(self, answer: dict[str, Any]) -> dict[str, Any]:
        return self.get(f"operations/{answer['operation']['id']}/")

    def wait(self, answer: dict[str, Any], state: str = "succeeded", seconds: float = 60) -> dict[str, Any]:
        """The operation of a 202 answer once it is in ``state``; AssertionError when it ends in another."""

        def there() -> dict[str, Any] | None:
            operation = self.operation(answer)
            if operation["state"] == state:
                return operation
            assert operation["state"] not in ENDED, json.dumps(operation, indent=1)
            return None

        return wait_until(there, seconds, what=f"operation {answer['operation']['id']} {state}")  # type: ignore[no-any-return]

    def first_order(self) -> int:
        return int(self.get("orders/")["results"][0]["id"])

    def create_site(self, *domains: str, kind: str = "php", wait: bool = True, **extra: Any) -> dict[str, Any]:
        """A new site in the login's first order; the answer, once its operation has succeeded."""
        data = {"order": self.first_order(), "kind": kind, "domains": list(domains or [fresh_name()]), **extra}
        answer = self.post("sites/", data)
        if wait:
            self.wait(answer)
        return answer  # type: ignore[no-any-return]


@dataclass
class Panel:
    """What ``make run`` wrote into var/demo.json (or into the file that DEMO_JSON names)."""

    url: str
    staff: dict[str, str]
    members: list[dict[str, str]]
    edges: list[str]
    hosts: dict[str, str]

    @classmethod
    def running(cls) -> "Panel":
        demo = json.loads(Path(os.environ.get("DEMO_JSON", ROOT / "var" / "demo.json")).read_text())
        return cls(demo["panel_url"], demo["staff"], demo["members"], demo["edges"], demo["hosts"])

    def api(self, who: dict[str, str] | None = None) -> Api:
        """The API as staff, or as one of ``members``."""
        return Api(self.url, (who or self.staff)["token"])

    @property
    def member(self) -> Api:
        return self.api(self.members[0])

    def make_room(self) -> None:
        """Let each member's first order have more sites than an order of the demonstration has."""
        for member in self.members:
            self.api().patch(f"orders/{self.api(member).first_order()}/", {"max_sites": 500}, expect=200)

    def fetch(self, edge: str, name: str, path: str = "/", **kwargs: Any) -> requests.Response:
        """What a visitor of ``http://name/path`` gets from that edge. Redirects are not followed."""
        headers = {"Host": name, **kwargs.pop("headers", {})}
        return requests.get(
            f"http://{edge}{path}", headers=headers, timeout=kwargs.pop("timeout", 15), allow_redirects=False, **kwargs
        )


def lab(*arguments: str, check: bool = True, **kwargs: Any) -> "subprocess.CompletedProcess[str]":
    """``manage.py lab …``"""
    return subprocess.run(
        [sys.executable, "-m", "controlpanel.lab", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=check,
        **kwargs,
    )


def on_host(host: str, *command: str, check: bool = True, **kwargs: Any) -> str:
    """Standard output of a command run on a lab host, as root."""
    return lab("exec", host, "--", *command, check=check, **kwargs).stdout


@contextmanager
def cut_off(host: str) -> Iterator[None]:
    """The host without its network cable."""
    lab("cut", host)
    try:
        yield
    finally:
        lab("rejoin", host)


@contextmanager
def powered_off(host: str) -> Iterator[None]:
    """The host without power."""
    lab("power-off", host)
    try:
        yield
    finally:
        lab("power-on", host)


def pid_of(service: str) -> int:
    """Of the running panel's "web" or "worker" process."""
    folder = ROOT / "var" / os.environ.get("LAB_NAME", "lab") / "run"
    return int((folder / f"{service}.pid").read_text())


def descendants(pid: int) -> list[int]:
    """All processes below that one, parents first."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, todo = [], [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def kill_workers() -> None:
    """kill -9 to every process below ``manage.py worker``: nobody gets to clean up."""
    for pid in descendants(pid_of("worker")):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_panel() -> None:
    """kill -9 to the panel itself and all its workers; returns when ``make run`` has started it again and it serves."""
    web = pid_of("web")
    for pid in (web, *descendants(web)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    kill_workers()

    def serves() -> bool:
        try:
            return pid_of("web") != web and requests.get(Panel.running().url + "readyz", timeout=2).ok
        except (requests.RequestException, OSError, ValueError):
            return False

    wait_until(serves, 60, what="the panel serves again")
