"""Fixtures for all tests."""

from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from controlpanel.fleet import channel
from tests.panel import Panel


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


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What drives real hosts comes first and stays in one process, so that ``make test`` does the rest beside it.

    It gets a second try, told as RERUN in the summary: find out why, it is a bug. The try is there so that one of
    several hundred scenes of power cuts does not hide what the others have to say.
    """
    for item in items:
        if _needs_hosts(item):
            item.add_marker(pytest.mark.flaky(reruns=1))
            item.add_marker(pytest.mark.xdist_group("hosts"))
    items.sort(key=lambda item: not _needs_hosts(item))


def _needs_hosts(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("lab", "browser"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Why each first try failed, so that its cause can be found."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.section(f"first try of {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)
