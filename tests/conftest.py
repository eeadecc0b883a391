"""Fixtures for all tests."""

import pytest

from tests.panel import Panel


@pytest.fixture(scope="session")
def panel() -> Panel:
    """The panel that ``make test`` started, with its demo members; for tests marked lab or browser."""
    return Panel.running()
