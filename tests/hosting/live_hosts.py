"""Hosts of the running panel, as tests speak of them: given up, taken back, and chosen for new sites."""

import contextlib
from collections.abc import Iterator
from typing import Any

from tests.panel import Api, Panel, lab, wait_until


class LiveHost:
    """A host by its name."""

    def __init__(self, api: Api, name: str) -> None:
        self.api, self.name = api, name
        self.pk = next(row["id"] for row in api.get("hosts/", page_size=100)["results"] if row["name"] == name)

    def read(self) -> dict[str, Any]:
        return self.api.get(f"hosts/{self.pk}/")  # type: ignore[no-any-return]

    def recover(self, **data: Any) -> dict[str, Any]:
        """Staff say that it is dead."""
        return self.api.post(f"hosts/{self.pk}/recover/", {"force": True, **data})  # type: ignore[no-any-return]

    def readmit(self, state: str = "succeeded") -> dict[str, Any]:
        return self.api.wait(self.api.post(f"hosts/{self.pk}/readmit/"), state, seconds=180)

    def restart(self) -> None:
        """Power off and on, however it is now; returns when the panel hears from it."""
        lab("power-off", self.name, check=False)
        lab("power-on", self.name)
        self.answers()

    def answers(self) -> None:
        wait_until(lambda: self.read()["reachable"], 60, every=0.5, what=f"{self.name} answers")

    def take_back(self, restart: bool = True) -> None:
        """However far its recovery came, it serves again. What mounts volumes is clean after a restart only."""
        self.answers()
        if self.read()["state"] == "fenced":
            if restart:
                self.restart()
            self.readmit()


@contextlib.contextmanager
def only(panel: Panel, host: str) -> Iterator[None]:
    """New sites go to that host."""
    api = panel.api()
    others = [row for row in api.get("hosts/", role="web", page_size=100)["results"] if row["name"] != host]
    for row in others:
        api.post(f"hosts/{row['id']}/drain/", expect=200)
    try:
        yield
    finally:
        for row in others:
            api.post(f"hosts/{row['id']}/undrain/", expect=200)
