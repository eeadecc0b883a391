"""Hosts of databases are cut off in the middle of what is done with these: it goes on when they are back."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.hosting.live import LiveSite
from tests.hosting.live_databases import ENGINES, LiveDatabase
from tests.panel import Panel, lab, wait_until

from . import database_moves, places

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]


def test_created_changed_and_deleted_while_their_hosts_are_lost(panel: Panel) -> None:
    """One of each engine, side by side: most of it is waiting."""
    api = panel.member
    sites = {engine: LiveSite.create(panel) for engine in ENGINES}

    def through_a_cut(*starts: Callable[[], dict[str, Any]]) -> list[dict[str, Any]]:
        """The answers of what was started: the hosts had begun with their steps when the cable was pulled."""
        with places.held(*database_moves.HOSTS):
            answers = [start() for start in starts]
            hosts = {
                wait_until(lambda one=one: working(api.operation(one)), 30, what="a step has begun on a database host")
                for one in answers
            }
            for host in hosts:
                lab("cut", host)
        for one in answers:
            wait_until(lambda one=one: api.operation(one)["state"] == "waiting", 60, what="it waits for the host")
        for host in hosts:
            lab("rejoin", host)
        for one in answers:
            api.wait(one, seconds=90)
        return answers

    def create(engine: str) -> dict[str, Any]:
        wanted = {"order": api.first_order(), "engine": engine, "site": sites[engine].id}
        return api.post("databases/", wanted)  # type: ignore[no-any-return]

    made = through_a_cut(*[lambda engine=engine: create(engine) for engine in ENGINES])
    databases = [
        LiveDatabase(panel, api, one["database"]["id"], one["password"], sites[one["database"]["engine"]])
        for one in made
    ]
    for database in databases:
        database.install()
        database.done("make")
        assert database.done("write", n=1) == "ok 1"

    changed = through_a_cut(*[lambda one=one: api.post(f"{one.path}rotate/", {}) for one in databases])
    for database, answer in zip(databases, changed, strict=True):
        assert database.ask("list").status_code == 500
        database.install(answer["password"])
        assert database.rows() == {1}

    through_a_cut(*[lambda one=one: api.delete(one.path) for one in databases])
    for database in databases:
        assert database.read()["state"] == "deleted"
        assert not lets_in(database)
        database.site.delete()


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
