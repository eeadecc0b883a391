"""The agent's commands, as units and the panel call them."""

import pytest

from controlpanel.agent import main as commands
from controlpanel.agent.errors import Failed


def test_a_sites_own_trouble_is_told_and_is_no_failure_of_the_host(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "Store", lambda path: type("Empty", (), {"specs": lambda self, kind: {}})())
    monkeypatch.setattr(commands.tending, "run", lambda sites: ["site 7: wp-cron.php answers 500"])
    assert commands.main(["tend"]) == 0
    assert "site 7" in capsys.readouterr().err

    def broken(sites: dict) -> list[str]:
        raise Failed("nginx does not open new logs")

    monkeypatch.setattr(commands.tending, "run", broken)
    assert commands.main(["tend"]) == 1


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["destroy"]) == 2
    assert capsys.readouterr().err.startswith("usage: ")
