"""A database on the lab's real hosts, and a page of a site that uses it as an application would."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.hosting.live import PAGES, LiveSite
from tests.panel import Api, Panel

ENGINES = ("mariadb", "postgresql")


@dataclass
class LiveDatabase:
    """One database, its password, and a site whose page writes to it."""

    panel: Panel
    api: Api
    id: int
    password: str
    site: LiveSite

    @classmethod
    def create(cls, panel: Panel, engine: str, site: LiveSite | None = None) -> "LiveDatabase":
        site = site or LiveSite.create(panel)
        api = panel.member
        answer = api.post("databases/", {"order": api.first_order(), "engine": engine, "site": site.id})
        assert answer["password"]
        api.wait(answer)
        database = cls(panel, api, answer["database"]["id"], answer["password"], site)
        database.install()
        return database

    @property
    def path(self) -> str:
        return f"databases/{self.id}/"

    def read(self) -> dict[str, Any]:
        return self.api.get(self.path)  # type: ignore[no-any-return]

    def install(self, password: str = "") -> None:
        """The page, and what it needs to know."""
        read = self.read()
        known = {key: read[key] for key in ("host_name", "name", "port")} | {"password": password or self.password}
        self.site.put("files/database.json", json.dumps(known), mode="600")
        self.site.put("web/db.php", (Path(PAGES) / f"{read['engine']}.php").read_text())

    def ask(self, do: str, timeout: float = 60, **query: Any) -> requests.Response:
        """One request to the page, through the first edge."""
        params = "&".join(f"{key}={value}" for key, value in {"do": do, **query}.items())
        return self.panel.fetch(self.panel.edges[0], self.site.name, f"/db.php?{params}", timeout=timeout)

    def done(self, do: str, **query: Any) -> str:
        answer = self.ask(do, **query)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        return answer.text

    def rows(self) -> set[int]:
        return {int(line) for line in self.done("list").split()}

    def other_host(self) -> str:
        return "db2" if self.read()["host"] == "db1" else "db1"

    def move(self, host: str = "", state: str = "succeeded", seconds: float = 120) -> dict[str, Any]:
        staff = self.panel.api()
        answer = staff.post(f"{self.path}move/", {"host": host or self.other_host()})
        return staff.wait(answer, state, seconds)

    def delete(self) -> None:
        self.api.wait(self.api.delete(self.path), seconds=90)


@dataclass
class Writer:
    """Clients that open a connection for each row, one after the other, and note what was acknowledged."""

    database: LiveDatabase
    clients: int = 2
    pause: float = 0.02
    acknowledged: set[int] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    longest: float = 0.0

    def __enter__(self) -> "Writer":
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=[number]) for number in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _write(self, number: int) -> None:
        n = int(time.time()) * 100_000 + number
        while not self._stop.is_set():
            n += 10
            began = time.monotonic()
            try:
                answer = self.database.ask("write", n=n)
                text = answer.text if answer.status_code == 200 else f"{answer.status_code} {answer.text[:200]}"
            except requests.RequestException as error:
                text = repr(error)
            self.longest = max(self.longest, time.monotonic() - began)
            if text == f"ok {n}":
                self.acknowledged.add(n)
            else:
                self.failed.append(text)
            time.sleep(self.pause)


def hold_window(operation: dict[str, Any]) -> float:
    """Seconds from the first gate that was told to hold to the last that was told to go on."""
    from datetime import datetime

    def at(text: str) -> float:
        return datetime.fromisoformat(text).timestamp()

    steps = operation["steps"]
    held = [step for step in steps if step["title"].startswith("Let new connections wait")]
    went = [step for step in steps if step["title"].startswith("Lead connections")]
    return max(at(step["finished"]) for step in went) - min(at(step["started"]) for step in held)
