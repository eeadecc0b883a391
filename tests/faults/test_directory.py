"""slapd is down: who is in stays in, who comes is told why not, and new sites wait for it."""

import pytest

from tests.panel import Panel, fresh_name

from . import places
from .conftest import Create, Pages

pytestmark = [pytest.mark.lab, pytest.mark.alone, pytest.mark.usefixtures("hosts_as_found")]


def test_sessions_and_tokens_go_on(panel: Panel, pages: Pages) -> None:
    with places.stopped("dir1", "slapd.service"):
        assert pages.get("/orders/").status_code == 200
        assert panel.member.get("sites/")["count"] >= 0


def test_login_says_why(panel: Panel) -> None:
    visitor = Pages(panel.url, panel.members[1])
    with places.stopped("dir1", "slapd.service"):
        answer = visitor.log_in()
        assert answer.status_code == 503
        assert "directory" in answer.text.lower()
        assert "password is not right" not in answer.text.lower()
    assert visitor.log_in().status_code == 302


def test_new_site_waits_for_it(panel: Panel, create: Create) -> None:
    name = fresh_name("slapd")
    with places.stopped("dir1", "slapd.service"):
        answer = create(name, wait=False)
        panel.member.wait(answer, "waiting", seconds=30)
        (step,) = [step for step in panel.member.operation(answer)["steps"] if step["state"] == "waiting"]
        assert "directory" in step["detail"].lower()
    panel.member.wait(answer, seconds=60)
    for edge in panel.edges:
        assert name in panel.fetch(edge, name).text


def test_sites_are_served_meanwhile(panel: Panel, create: Create) -> None:
    name = fresh_name("served")
    create(name)
    with places.stopped("dir1", "slapd.service"):
        for edge in panel.edges:
            assert name in panel.fetch(edge, name).text
