"""A host is lost in the middle of its step of a new site: the change waits, says for whom, and ends well."""

from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.panel import Panel, fresh_name, lab, wait_until

from . import places
from .conftest import Create

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]

#: A member's click is answered from the database; seconds, with room for a busy machine.
AT_ONCE = 1.0

LOST = [
    pytest.param("dir1", id="directory", marks=pytest.mark.alone),
    pytest.param("store1", id="storage"),
    pytest.param("web", id="web"),
    pytest.param("edge1", id="edge"),
]


def delayed(where: str) -> AbstractContextManager[None]:
    """Steps on that host do not get to their end."""
    if where == "dir1":
        return places.frozen("dir1", "slapd.service")
    return places.held(*(places.WEB_HOSTS if where == "web" else [where]))


def step_under_way(panel: Panel, answer: dict[str, Any], where: str) -> str:
    """Wait until the step of that host has been handed to it; returns the host's name."""
    host = answer["host"] if where == "web" else where

    def running() -> bool:
        steps = panel.member.operation(answer)["steps"]
        # The directory's step names no host: it goes to whichever server answers.
        return any(step["state"] == "running" and step["host"] == ("" if where == "dir1" else host) for step in steps)

    wait_until(running, 30, every=0.05, what=f"a step on {host} is running")
    return str(host)


def assert_alive_once(panel: Panel, answer: dict[str, Any], name: str) -> None:
    """The site is on both edges, and of all that it is made of there is one."""
    site = panel.member.get(f"sites/{answer['site']['id']}/")
    assert site["state"] == "active"
    for edge in panel.edges:
        page = panel.fetch(edge, name)
        assert (page.status_code, name in page.text) == (200, True)
    operation = panel.member.operation(answer)
    assert {step["state"] for step in operation["steps"]} == {"succeeded"}
    number, host, volume = site["id"], site["host"], f"v{site['volume']}"
    assert places.hosts_with_mount(number) == places.hosts_with_vhost(number) == places.keys_of(volume) == [host]
    assert [dn.partition(",")[0] for dn in places.directory_entries(f"site{number}")] == [
        f"cn=site{number}",
        f"uid=site{number}",
    ]
    assert places.edges_with_route(name) == list(places.EDGES)


@pytest.mark.parametrize(("blow", "remedy"), [("cut", "rejoin"), ("power-off", "power-on")])
@pytest.mark.parametrize("where", LOST)
def test_host_lost_in_the_middle_of_its_step(panel: Panel, create: Create, where: str, blow: str, remedy: str) -> None:
    name = fresh_name("lost")
    with delayed(where):
        answer = create(name, wait=False)
        host = step_under_way(panel, answer, where)
        lab(blow, host)
    panel.member.wait(answer, "waiting", seconds=60)

    waiting = [step for step in panel.member.operation(answer)["steps"] if step["state"] == "waiting"]
    assert [step["detail"] for step in waiting]
    for step in waiting:
        assert ("directory" if where == "dir1" else host) in step["detail"].lower()
    assert places.quickest(lambda: panel.member.get("sites/")) < AT_ONCE
    assert places.quickest(lambda: panel.member.operation(answer)) < AT_ONCE

    lab(remedy, host)
    panel.member.wait(answer, seconds=90)
    assert_alive_once(panel, answer, name)
