"""The panel's processes under `make run`: restarted when they die, gone with all their children when stopped."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlpanel.lab.cgroups import Group
from controlpanel.lab.instance import Lab
from controlpanel.lab.process import wait_until
from controlpanel.lab.progress import Progress
from controlpanel.lab.services import Service

pytestmark = pytest.mark.lab

#: A program that starts another one in a session of its own, as the worker does with its cluster.
PARENT = """
import subprocess, time
subprocess.Popen(["sleep", "300"], start_new_session=True)
time.sleep(300)
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab("labservices", Lab.from_environment().network, tmp_path)
    yield lab
    Group("labservices.panel").kill()
    Group("labservices.panel").remove()


@pytest.fixture
def service(lab: Lab) -> Iterator[Service]:
    service = Service(lab, "parent", [sys.executable, "-c", PARENT])
    service.start()
    yield service
    service.stop()


def pid_of(lab: Lab) -> int:
    return int((lab.home / "run/parent.pid").read_text())


def processes() -> list[int]:
    return Group("labservices.panel", "parent").pids()


def wait_for_child() -> None:
    wait_until("the child is there", lambda: len(processes()) == 2, timeout=10)


def test_its_pid_is_in_a_file_while_it_runs(lab: Lab, service: Service) -> None:
    os.kill(pid_of(lab), 0)
    service.stop()
    assert not (lab.home / "run/parent.pid").exists()


def test_one_that_died_is_started_again_and_says_so(
    lab: Lab, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    wait_for_child()
    orphan = next(pid for pid in processes() if pid != pid_of(lab))
    first = pid_of(lab)
    os.kill(first, signal.SIGKILL)

    def revived() -> bool:
        service.revive(Progress())
        return pid_of(lab) != first

    wait_until("it is started again", revived, timeout=10)
    assert "parent ended by itself (SIGKILL)" in capsys.readouterr().out
    assert orphan not in processes()


def test_stop_ends_what_it_started_too(service: Service) -> None:
    wait_for_child()
    service.stop()
    assert processes() == []


def test_start_ends_what_a_killed_run_left(lab: Lab, service: Service) -> None:
    wait_for_child()
    left = set(processes())
    again = Service(lab, "parent", [sys.executable, "-c", PARENT])
    again.start()
    assert left.isdisjoint(processes())
    again.stop()
