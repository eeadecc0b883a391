"""Whatever happened to a lab, `down` leaves nothing of it and `up` mends it."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from controlpanel.lab import claims
from controlpanel.lab.instance import CHECKOUT

from .conftest import RoughLab

pytestmark = pytest.mark.lab


def works(lab: RoughLab) -> bool:
    return lab.exec("core1", "systemctl", "is-active", "postgresql@17-main", "redis-server") == "active\nactive"


def test_down_leaves_no_process_mount_bridge_or_route(rough_lab: RoughLab) -> None:
    assert rough_lab.leftovers()
    rough_lab.ok("down")
    assert rough_lab.leftovers() == []


def test_down_twice_is_no_error(rough_lab: RoughLab) -> None:
    rough_lab.ok("down")
    rough_lab.ok("down")
    assert rough_lab.leftovers() == []


def test_down_finds_the_network_that_the_lab_was_brought_up_on(rough_lab: RoughLab) -> None:
    elsewhere = rough_lab.environment(LAB_NETWORK="10.77.10.0/24")
    result = rough_lab("down", "--purge", environment=elsewhere)
    assert result.returncode == 0, result.stderr
    assert rough_lab.leftovers() == []


def test_up_mends_a_lab_whose_processes_were_all_killed(rough_lab: RoughLab) -> None:
    for pid in rough_lab.processes():
        os.kill(pid, signal.SIGKILL)
    rough_lab.ok("up", "core1")
    assert works(rough_lab)


def test_down_clears_a_lab_whose_processes_were_all_killed(rough_lab: RoughLab) -> None:
    for pid in rough_lab.processes():
        os.kill(pid, signal.SIGKILL)
    rough_lab.ok("down")
    assert rough_lab.leftovers() == []


def test_up_mends_a_lab_that_lost_its_bridge_without_restarting_its_hosts(rough_lab: RoughLab) -> None:
    before = rough_lab.boot_id("core1")
    subprocess.run(["ip", "link", "delete", rough_lab.bridge], check=True)
    rough_lab.ok("up", "core1")
    assert rough_lab.boot_id("core1") == before
    assert rough_lab.state("core1") == "running"


def test_up_mends_a_host_that_was_cut(rough_lab: RoughLab) -> None:
    rough_lab.ok("cut", "core1")
    rough_lab.ok("up", "core1")
    assert rough_lab.state("core1") == "running"


def test_a_half_made_host_is_made_anew(rough_lab: RoughLab) -> None:
    rough_lab.exec("core1", "rm", "-rf", "/etc/postgresql")
    (rough_lab.home / "hosts/core1/made-from.json").unlink()  # as if `up` had been interrupted before the end
    rough_lab.ok("up", "core1")
    assert works(rough_lab)


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.0])
def test_up_interrupted_in_the_middle_is_mended_by_the_next(rough_lab: RoughLab, seconds: float) -> None:
    rough_lab.ok("down", "--purge")
    process = subprocess.Popen(
        rough_lab.command("up", "core1"), cwd=CHECKOUT, env=rough_lab.environment(), stdout=subprocess.DEVNULL
    )
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    rough_lab.ok("up", "core1")
    assert works(rough_lab)


def test_down_after_an_interrupted_up_leaves_nothing(rough_lab: RoughLab) -> None:
    rough_lab.ok("down", "--purge")
    process = subprocess.Popen(
        rough_lab.command("up", "core1"), cwd=CHECKOUT, env=rough_lab.environment(), stdout=subprocess.DEVNULL
    )
    time.sleep(0.6)
    process.kill()
    process.wait(30)
    rough_lab.ok("down")
    assert rough_lab.leftovers() == []


def test_a_changed_image_makes_the_lab_anew(rough_lab: RoughLab) -> None:
    rough_lab.exec("core1", "touch", "/root/mark")
    rough_lab.ok("down")
    record = rough_lab.home / "hosts/core1/made-from.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "image": "an older one"}))
    assert "making the whole lab anew" in rough_lab.ok("up", "core1")
    assert rough_lab("exec", "core1", "--", "test", "-e", "/root/mark").returncode == 1


def test_a_running_lab_of_another_checkout_is_not_touched_unless_asked_to(rough_lab: RoughLab, tmp_path: Path) -> None:
    before = rough_lab.boot_id("core1")
    record = claims.RECORDS / f"{rough_lab.name}.json"
    record.write_text(json.dumps({"home": str(tmp_path), "network": "10.77.9.0/24"}))
    refused = rough_lab("up", "core1")
    assert refused.returncode == 1 and str(tmp_path) in refused.stderr
    assert rough_lab("exec", "core1", "--", "true").returncode == 1
    rough_lab.ok("down")
    assert rough_lab.processes()

    rough_lab_taken = rough_lab("up", "core1", environment=rough_lab.environment(LAB_TAKE_OVER="1"))
    assert rough_lab_taken.returncode == 0, rough_lab_taken.stderr
    assert rough_lab.boot_id("core1") != before


def test_what_a_dead_lab_of_another_checkout_left_is_cleared(rough_lab: RoughLab, tmp_path: Path) -> None:
    rough_lab.ok("down")
    point = tmp_path / "hosts/core1/root"
    point.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(point)], check=True)
    subprocess.run(["ip", "link", "add", rough_lab.bridge, "type", "bridge"], check=True)
    claims.RECORDS.mkdir(exist_ok=True)
    (claims.RECORDS / f"{rough_lab.name}.json").write_text(
        json.dumps({"home": str(tmp_path), "network": "10.77.10.0/24"})
    )
    rough_lab.ok("up", "core1")
    assert works(rough_lab)
    assert str(point) not in Path("/proc/self/mountinfo").read_text()


def test_a_network_that_another_lab_has_is_refused(rough_lab: RoughLab) -> None:
    refused = rough_lab("up", "core1", environment=rough_lab.environment(LAB_NAME="labcheck2"))
    assert refused.returncode == 1
    assert rough_lab.bridge in refused.stderr
    shutil.rmtree(rough_lab.home.with_name("labcheck2"), ignore_errors=True)
