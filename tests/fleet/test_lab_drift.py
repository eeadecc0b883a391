"""A file edited by hand is found by ``drift`` and mended by ``resync``; the host's journal tells by which operation."""

import json
import subprocess
import sys
from typing import Any

import pytest

from controlpanel.fleet import channel
from tests.panel import ROOT, cut_off, on_host

from .hosts import running

pytestmark = pytest.mark.lab

FILE = "/etc/nslcd.conf"


def manage(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """``manage.py …`` against the running panel's database."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)


def differences(name: str) -> list[dict[str, Any]]:
    done = manage("drift", name, "--json")
    [report] = json.loads(done.stdout)
    assert done.returncode == (1 if report["differences"] or report["error"] else 0)
    assert report["error"] == ""
    return [item for item in report["differences"] if item["kind"] == "nss"]


@pytest.fixture
def name() -> str:
    return running("web")[-1].name


def test_found_and_mended(name):
    original = on_host(name, "cat", FILE)
    try:
        assert differences(name) == []
        on_host(name, "sh", "-c", f"echo '# edited by hand' >> {FILE}")
        [found] = differences(name)
        assert found["problem"] == "edited" and FILE in found["detail"]
        assert on_host(name, "cat", FILE).endswith("# edited by hand\n"), "comparing changes nothing"
        done = manage("resync", name)
        assert done.returncode == 0, done.stdout + done.stderr
        assert differences(name) == []
        assert on_host(name, "cat", FILE) == original
    finally:
        if on_host(name, "cat", FILE) != original:
            manage("resync", name)


def test_the_journal_says_which_operation(name):
    host = running("web")[-1]
    on_host(name, "rm", "-f", FILE)
    done = manage("resync", name)
    assert done.returncode == 0, done.stdout + done.stderr
    last = channel.call(host, "journal", {"limit": 0}, timeout=20).result()["last"]
    entries = channel.call(host, "journal", {"after": max(0, last - 50), "limit": 100}, timeout=20).result()["entries"]
    mended = [entry for entry in entries if entry["outcome"] == "mended" and FILE in entry["detail"]]
    assert mended and mended[-1]["operation"].isdigit() and mended[-1]["time"] > 0


def test_a_host_that_is_away_is_no_host_without_differences(name):
    with cut_off(name):
        done = manage("drift", name)
        assert done.returncode == 1
        assert f"{name}: could not be compared" in done.stdout
