"""A creation that waits for a host is cancelled: nothing of it is left, and its name is free again."""

from typing import Any

import pytest

from tests.panel import Panel, cut_off, fresh_name, kill_workers, wait_until

from . import places
from .conftest import Create

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]


def assert_nothing_left(panel: Panel, answer: dict[str, Any], name: str) -> None:
    number = answer["site"]["id"]
    volume = panel.api().get(f"volumes/{answer['site']['volume']}/")
    assert (volume["state"], volume["hosts"]) == ("trashed", [])
    assert places.keys_of(f"v{volume['id']}") == []
    assert places.hosts_with_mount(number) == places.hosts_with_vhost(number) == []
    assert places.directory_entries(f"site{number}") == []
    assert places.edges_with_route(name) == []


def assert_name_is_free(panel: Panel, name: str) -> None:
    """For anybody: another member creates a site with it."""
    other = panel.api(panel.members[1])
    answer = other.create_site(name)
    other.wait(other.delete(f"sites/{answer['site']['id']}/"))


def test_cancelled_while_it_waits_for_a_host_that_has_heard_of_it(panel: Panel, create: Create) -> None:
    """What that host may have done is taken back when it is there again."""
    name = fresh_name("cancel")
    with places.held(*places.WEB_HOSTS):
        answer = create(name, wait=False)
        host = answer["host"]

        def running() -> bool:
            return any(
                step["state"] == "running" and step["host"] == host for step in panel.member.operation(answer)["steps"]
            )

        wait_until(running, 30, every=0.05)
        with cut_off(host):
            panel.member.wait(answer, "waiting", seconds=60)
            panel.member.post(f"operations/{answer['operation']['id']}/cancel/")
    panel.member.wait(answer, "cancelled", seconds=90)
    assert_nothing_left(panel, answer, name)
    assert_name_is_free(panel, name)


def test_cancelled_while_it_waits_for_a_host_that_never_heard_of_it(panel: Panel, create: Create) -> None:
    """Nothing was ever sent there, so the end does not wait for that host."""
    name = fresh_name("cancel")
    with cut_off("edge1"):
        kill_workers()  # new ones have no open line, into which a call could still be sent
        answer = create(name, wait=False)

        def tried_twice() -> bool:
            steps = panel.member.operation(answer)["steps"]
            return any(step["host"] == "edge1" and step["attempts"] >= 2 for step in steps)

        wait_until(tried_twice, 60)
        panel.member.post(f"operations/{answer['operation']['id']}/cancel/")
        panel.member.wait(answer, "cancelled", seconds=30)
        assert_nothing_left(panel, answer, name)
    assert_name_is_free(panel, name)
