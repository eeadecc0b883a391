"""A database's host is cut off in the middle of what is done with the database: it goes on when the host is back."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.hosting.live import LiveSite
from tests.hosting.live_databases import ENGINES, LiveDatabase
from tests.panel import Panel, lab, wait_until

from . import database_moves, places

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]


@pytest.mark.parametrize("engine", ENGINES)
def test_created_changed_and_deleted_while_its_host_is_lost(panel: Panel, engine: str) -> None:
    api, site = panel.member, LiveSite.create(panel)

    def through_a_cut(start: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The answer of what was started: the host had begun with its step when the cable was pulled."""
        with places.held(*database_moves.HOSTS):
            answer = start()
            host = wait_until(lambda: working(api.operation(answer)), 30, what="a step has begun on the database host")
            lab("cut", host)
        wait_until(lambda: api.operation(answer)["state"] == "waiting", 60, what="it waits for the host")
        lab("rejoin", host)
        api.wait(answer, seconds=90)
        return answer

    made = through_a_cut(
        lambda: api.post("databases/", {"order": api.first_order(), "engine": engine, "site": site.id})
    )
    database = LiveDatabase(panel, api, made["database"]["id"], made["password"], site)
    database.install()
    database.done("make")
    assert database.done("write", n=1) == "ok 1"

    fresh = through_a_cut(lambda: api.post(f"{database.path}rotate/", {}))["password"]
    assert database.ask("list").status_code == 500
    database.install(fresh)
    assert database.rows() == {1}

    through_a_cut(lambda: api.delete(database.path))
    assert database.read()["state"] == "deleted"
    assert not lets_in(database)
    site.delete()


def working(operation: dict[str, Any]) -> str:
    """The database host that has a step of it in its hands."""
    steps = [step for step in operation["steps"] if step["host"] in database_moves.HOSTS]
    return next((str(step["host"]) for step in steps if step["state"] == "running"), "")


def lets_in(database: LiveDatabase) -> bool:
    """Whether its user still gets in."""
    try:
        return database.ask("list").status_code == 200
    except requests.RequestException:
        return False
