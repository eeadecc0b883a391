"""Sites of the running panel, as tests handle them: made by REST, opened through the edges, looked at on their host."""

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.panel import ROOT, Api, Panel, fresh_name, on_host, wait_until

PAGES = Path(__file__).with_name("pages")


@dataclass
class LiveSite:
    """A site that is there."""

    panel: Panel
    api: Api
    id: int
    name: str
    operations: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def create(cls, panel: Panel, *names: str, kind: str = "php", api: Api | None = None, **extra: Any) -> "LiveSite":
        api = api or panel.member
        names = names or (fresh_name(),)
        data = {"order": api.first_order(), "kind": kind, "domains": list(names), **extra}
        answer = api.post("sites/", data)
        site = cls(panel, api, answer["site"]["id"], names[0])
        api.wait(answer)
        return site

    # --- by REST -------------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        return f"sites/{self.id}/"

    def read(self) -> dict[str, Any]:
        return self.api.get(self.path)  # type: ignore[no-any-return]

    def do(self, action: str, data: Any = None, state: str = "succeeded") -> dict[str, Any]:
        """Disable, enable, restore: wait for the end."""
        return self.api.wait(self.api.post(f"{self.path}{action}/", data), state)

    def edit(self, state: str = "succeeded", **changes: Any) -> dict[str, Any]:
        return self.api.wait(self.api.patch(self.path, changes), state)

    def delete(self) -> dict[str, Any]:
        return self.api.wait(self.api.delete(self.path))

    # --- as a visitor --------------------------------------------------------------------------------------------

    def open(self, path: str = "/", name: str = "", **kwargs: Any) -> list[requests.Response]:
        """The answer of every edge."""
        return [self.panel.fetch(edge, name or self.name, path, **kwargs) for edge in self.panel.edges]

    def shows(self, text: str, path: str = "/", name: str = "", timeout: float = 15) -> bool:
        """Whether every edge answers 200 with that text."""
        try:
            answers = self.open(path, name, timeout=timeout)
            return all(answer.status_code == 200 and text in answer.text for answer in answers)
        except requests.RequestException:
            return False

    def statuses(self, path: str = "/", name: str = "", timeout: float = 15) -> set[int]:
        return {answer.status_code for answer in self.open(path, name, timeout=timeout)}

    # --- on its host ---------------------------------------------------------------------------------------------

    @property
    def host(self) -> str:
        return str(self.read()["host"])

    @property
    def root(self) -> str:
        return f"/srv/sites/{self.id}"

    @property
    def uid(self) -> int:
        return int(self.stat("%u"))

    def stat(self, form: str, path: str = "") -> str:
        return on_host(self.host, "stat", "-c", form, f"{self.root}/{path}").strip()

    def put(self, path: str, content: str, mode: str = "644") -> None:
        """A file as its owner would have uploaded it (the owner's id, below the site's directory)."""
        on_host(self.host, "sh", "-c", f"cat > {self.root}/{path}", input=content)
        on_host(self.host, "chown", f"{self.uid}:{self.uid}", f"{self.root}/{path}")
        on_host(self.host, "chmod", mode, f"{self.root}/{path}")

    def shell(self, script: str, check: bool = True) -> str:
        """A script run as the site's user, without the box that its PHP runs in: what an SSH login could do."""
        ids = [f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        command = f"cd {self.root} && exec setpriv {' '.join(ids)} sh -c {shlex.quote(script)}"
        return on_host(self.host, "sh", "-c", command, check=check)

    def pry(self, other: "LiveSite") -> dict[str, Any]:
        """What a hostile page finds out about a neighbour on the same host."""
        self.put("web/prying.php", (PAGES / "prying.php").read_text())
        pid = on_host(other.host, "systemctl", "show", "-P", "MainPID", f"site@{other.id}.service").strip()
        answer = self.open(f"/prying.php?other={other.id}&uid={other.uid}&pid={pid}", timeout=60)[0]
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text)  # type: ignore[no-any-return]


def neighbours(panel: Panel, api: Api | None = None) -> tuple[LiveSite, LiveSite]:
    """Two PHP sites of two members on one host (placement takes turns, so a few more may be made)."""
    other = panel.api(panel.members[1])
    first = LiveSite.create(panel, api=api)
    for _try in range(8):
        second = LiveSite.create(panel, api=other)
        if second.host == first.host:
            return first, second
    raise AssertionError("placement never chose the same host twice")


def in_panel(statement: str) -> str:
    """Run Python in the panel's own Django, for what no member can ask for."""
    return subprocess.run(
        [sys.executable, "manage.py", "shell", "--verbosity=0", "-c", statement],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.strip()


def comes_back(site: LiveSite, text: str, seconds: float = 90) -> None:
    # What was on its way into a host that lost power may hang, and need not be waited for.
    wait_until(
        lambda: site.shows(text, timeout=4), seconds, every=0.5, what=f"{site.name} shows {text!r} on every edge"
    )
