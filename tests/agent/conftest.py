"""Fixtures for the agent's tests: no Django, no database, no root needed."""

from pathlib import Path

import pytest

from .toy import Agent


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path.resolve())
