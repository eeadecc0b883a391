"""A small lab of its own, on which tests may be rough: killing and half-starting it disturbs nobody."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlpanel.lab.cgroups import Group
from controlpanel.lab.instance import CHECKOUT

NAME, NETWORK = "labcheck", "10.77.9.0/24"


class RoughLab:
    """`manage.py lab` for that lab, as a person would type it."""

    name = NAME
    home = CHECKOUT / "var" / NAME
    bridge = f"cp-{NAME}"
    core1 = "10.77.9.5"

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "controlpanel.lab", *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name != "LAB_TAKE_OVER"}
        return {**inherited, "LAB_NAME": NAME, "LAB_NETWORK": NETWORK, **more}

    def __call__(
        self, *arguments: str, input: str | None = None, environment: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.command(*arguments),
            cwd=CHECKOUT,
            env=environment or self.environment(),
            input=input,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )

    def ok(self, *arguments: str, input: str | None = None) -> str:
        """Standard output of a command that must succeed."""
        result = self(*arguments, input=input)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def exec(self, host: str, *command: str) -> str:
        return self.ok("exec", host, "--", *command).strip()

    def state(self, host: str) -> str:
        hosts: list[dict[str, Any]] = json.loads(self.ok("status", "--json"))["hosts"]
        return next(entry["state"] for entry in hosts if entry["name"] == host)

    def boot_id(self, host: str) -> str:
        return self.exec(host, "cat", "/proc/sys/kernel/random/boot_id")

    def processes(self) -> list[int]:
        return Group(NAME).pids()

    def leftovers(self) -> list[str]:
        """Everything of the lab that the machine still knows, files aside."""
        links = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
        routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
        mounts = Path("/proc/self/mountinfo").read_text()
        return [
            *(f"process {pid}" for pid in self.processes()),
            *(f"group {folder}" for folder in Group(NAME).folders if folder.exists()),
            *(f"mount {line}" for line in mounts.splitlines() if str(self.home) in line),
            *(f"link {line}" for line in links.splitlines() if line.startswith((self.bridge, NAME))),
            *(f"route {line}" for line in routes.splitlines() if "10.77.9." in line),
        ]


@pytest.fixture(scope="session")
def rough_lab_session() -> Iterator[RoughLab]:
    lab = RoughLab()
    yield lab
    lab("down", "--purge")
    shutil.rmtree(lab.home, ignore_errors=True)


@pytest.fixture
def rough_lab(rough_lab_session: RoughLab) -> RoughLab:
    """The lab with core1 up, whatever the test before did to it."""
    rough_lab_session.ok("up", "core1")
    return rough_lab_session
