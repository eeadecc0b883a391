"""What each verb of `manage.py lab` promises."""

import json
import socket
import subprocess

import pytest

from .conftest import RoughLab

pytestmark = pytest.mark.lab


def answers(address: str, port: int = 22) -> bool:
    try:
        socket.create_connection((address, port), timeout=2).close()
    except OSError:
        return False
    return True


def test_up_leaves_a_running_host_alone(rough_lab: RoughLab) -> None:
    before = rough_lab.boot_id("core1")
    rough_lab.ok("up", "core1")
    assert rough_lab.boot_id("core1") == before


def test_status_tells_each_hosts_address_roles_and_state(rough_lab: RoughLab) -> None:
    hosts = {host["name"]: host for host in json.loads(rough_lab.ok("status", "--json"))["hosts"]}
    assert hosts["core1"]["address"] == rough_lab.core1
    assert hosts["core1"]["state"] == "running"
    assert hosts["web1"]["roles"] == ["web"]
    assert hosts["web3"]["state"] == "absent"


def test_exec_passes_input_output_and_exit_code(rough_lab: RoughLab) -> None:
    result = rough_lab("exec", "core1", "--", "sh", "-c", "hostname; cat; echo trouble >&2; exit 7", input="said\n")
    assert (result.stdout, result.stderr, result.returncode) == ("core1\nsaid\n", "trouble\n", 7)


def test_exec_passes_arguments_as_they_are(rough_lab: RoughLab) -> None:
    assert rough_lab.exec("core1", "printf", "%s|", "--help", "a b", "$HOME", "--", "'") == "--help|a b|$HOME|--|'|"


def test_exec_runs_as_root_with_a_clean_environment(rough_lab: RoughLab) -> None:
    environment = rough_lab.environment(SECRET_OF_MINE="1")
    result = rough_lab("exec", "core1", "--", "sh", "-c", "id -u; env", environment=environment)
    assert result.stdout.startswith("0\n")
    assert "SECRET_OF_MINE" not in result.stdout


def test_power_off_ends_everything_at_once_and_power_on_brings_the_data_back(rough_lab: RoughLab) -> None:
    rough_lab.exec("core1", "sh", "-c", "echo kept >/root/note")
    before = rough_lab.boot_id("core1")
    rough_lab.ok("power-off", "core1")
    assert rough_lab.state("core1") == "off"
    assert not rough_lab.processes()
    assert not answers(rough_lab.core1)
    rough_lab.ok("power-on", "core1")
    assert rough_lab.boot_id("core1") != before
    assert rough_lab.exec("core1", "cat", "/root/note") == "kept"
    assert answers(rough_lab.core1, 5432)


def test_cut_isolates_a_host_that_runs_on_until_it_rejoins(rough_lab: RoughLab) -> None:
    before = rough_lab.boot_id("core1")
    rough_lab.ok("cut", "core1")
    assert rough_lab.state("core1") == "cut"
    assert not answers(rough_lab.core1)
    assert rough_lab.boot_id("core1") == before
    rough_lab.ok("rejoin", "core1")
    assert answers(rough_lab.core1)
    assert rough_lab.state("core1") == "running"


def test_data_survives_down_and_up(rough_lab: RoughLab) -> None:
    psql = ("runuser", "-u", "postgres", "--", "psql", "--quiet", "--tuples-only", "--no-align", "--command")
    rough_lab.exec("core1", *psql, "CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (42)")
    key = rough_lab.exec("core1", "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
    rough_lab.ok("down")
    rough_lab.ok("up", "core1")
    assert "42" in rough_lab.exec("core1", *psql, "SELECT n FROM kept")
    assert rough_lab.exec("core1", "cat", "/etc/ssh/ssh_host_ed25519_key.pub") == key


def test_purge_gives_a_host_as_new_with_its_old_host_key(rough_lab: RoughLab) -> None:
    rough_lab.exec("core1", "touch", "/root/mark")
    key = rough_lab.exec("core1", "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
    rough_lab.ok("down", "core1", "--purge")
    assert rough_lab.state("core1") == "absent"
    rough_lab.ok("up", "core1")
    assert rough_lab("exec", "core1", "--", "test", "-e", "/root/mark").returncode == 1
    assert rough_lab.exec("core1", "cat", "/etc/ssh/ssh_host_ed25519_key.pub") == key


def test_hosts_do_not_share_control_groups(rough_lab: RoughLab) -> None:
    rough_lab.ok("up", "web1", "web2")
    rough_lab.exec("web1", "systemctl", "kill", "--signal=KILL", "nginx.service")
    rough_lab.exec("web1", "systemctl", "stop", "nginx.service")
    assert rough_lab.exec("web2", "systemctl", "is-active", "nginx.service") == "active"


def test_an_unknown_host_is_named_with_those_there_are(rough_lab: RoughLab) -> None:
    result = rough_lab("power-off", "web9")
    assert result.returncode == 1
    assert "'web9'" in result.stderr and "web1" in result.stderr


def test_a_host_that_is_off_says_so(rough_lab: RoughLab) -> None:
    rough_lab.ok("down", "web1")
    result = rough_lab("exec", "web1", "--", "true")
    assert result.returncode == 1
    assert "web1 is not running" in result.stderr


def test_without_root_it_says_what_it_needs_and_does_nothing(rough_lab: RoughLab) -> None:
    command = ["unshare", "--user", "--", *rough_lab.command("up", "core1")]
    result = subprocess.run(
        command, env=rough_lab.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 1
    assert "needs root" in result.stderr
