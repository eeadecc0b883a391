"""Fixtures for all tests."""

import fcntl
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import translation
from xdist.scheduler import LoadScopeScheduling

from controlpanel.fleet import channel
from tests.panel import ROOT, Panel


@pytest.fixture(autouse=True)
def _nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is back is news for workers; in a test's own process it would reach for a database from a thread."""
    monkeypatch.setattr(channel, "_listeners", [])


@pytest.fixture(autouse=True)
def _as_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a test's own process what the lab's env file says beyond secrets and addresses is as it is by default: the
    panel's own authority signs, at once, and receivers of webhooks are public ones with TLS."""
    monkeypatch.setattr(settings, "ACME_DIRECTORY", "")
    monkeypatch.setattr(settings, "WEBHOOK_ALLOWED_NETWORKS", [])
    monkeypatch.setattr(settings, "WEBHOOK_ALLOW_HTTP", False)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """LocaleMiddleware leaves its language behind in the thread."""
    with translation.override("en"):
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Tests of several transactions empty all tables at their end, which the audit would refuse."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_no_truncate")


@pytest.fixture(scope="session")
def panel() -> Panel:
    """The panel that ``make test`` started, with its demo members; for tests marked lab or browser."""
    panel = Panel.running()
    panel.make_room()
    return panel


@pytest.fixture(scope="session")
def _who_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A file that all processes of this run lock while they test: shared, or alone."""
    base: Path = tmp_path_factory.getbasetemp()
    with (base.parent / "who-tests.lock").open("w") as lock:
        yield lock.fileno()


@pytest.fixture(autouse=True)
def _alone_or_together(request: pytest.FixtureRequest, _who_tests: int) -> None:
    """A test marked ``alone`` waits until the other processes have ended, and they hold their lock until then."""
    alone = request.node.get_closest_marker("alone")
    fcntl.flock(_who_tests, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need to be alone come last.

    What drives real hosts gets a second try, told as RERUN in the summary: find out why, it is a bug. It is there so
    that one of several hundred scenes of power cuts does not hide what the others have to say.
    """
    items.sort(key=lambda item: item.get_closest_marker("alone") is not None)
    for item in items:
        if any(item.get_closest_marker(name) for name in ("lab", "browser")):
            item.add_marker(pytest.mark.flaky(reruns=1))


class HostsInOneProcess(LoadScopeScheduling):
    """A file's tests stay together, and all files that drive hosts stay in one process: they share the hosts. So do
    those of the small lab that is for being rough with."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return _lab_of(file) or file


@cache
def _lab_of(file: str) -> str:
    """Whose hosts a file drives; empty when it drives none."""
    text = (ROOT / file).read_text()
    if "rough_lab" in text:
        return "rough lab"
    return "lab" if "mark.lab" in text or ("mark.browser" in text and "Panel" in text) else ""


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> HostsInOneProcess | None:
    """For ``-n 2``: one process drives the hosts, the other does meanwhile what needs only PostgreSQL."""
    return HostsInOneProcess(config, log) if config.getvalue("numprocesses") else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Why each first try failed, so that its cause can be found."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.section(f"first try of {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)
