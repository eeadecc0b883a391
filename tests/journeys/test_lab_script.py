"""A script creates, changes and removes a site and a database with a token, and waits for each operation."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.panel import Api, Panel, fresh_name, wait_until

pytestmark = pytest.mark.lab


@pytest.fixture
def script(panel: Panel) -> Iterator[Api]:
    """With a token of its own, which ends tomorrow and opens one order only; its owner revokes it at the end."""
    owner = panel.member
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    made = owner.post(
        "tokens/",
        {"name": f"deploy {uuid4().hex[:6]}", "expires": tomorrow, "scope": "write", "orders": [owner.first_order()]},
        expect=201,
    )
    yield Api(panel.url, made["token"])
    owner.request("DELETE", f"tokens/{made['id']}/", 204)


def test_a_site_and_a_database_come_change_and_go(script: Api, panel: Panel) -> None:
    order, name, second = script.first_order(), fresh_name("script"), fresh_name("second")

    # Asked twice with one key, as a script does whose connection broke: it is made once.
    key = {"Idempotency-Key": uuid4().hex}
    body = {"order": order, "kind": "php", "domains": [name]}
    answer = script.post("sites/", body, headers=key)
    assert script.post("sites/", body, headers=key)["operation"]["id"] == answer["operation"]["id"]
    script.wait(answer)
    site = f"sites/{answer['id']}/"
    assert all(name in panel.fetch(edge, name).text for edge in panel.edges)

    made = script.post("databases/", {"order": order, "engine": "postgresql", "site": answer["id"]})
    assert made["password"]
    script.wait(made)
    database = f"databases/{made['id']}/"
    assert script.get(database)["host_name"].startswith(made["name"])
    script.wait(script.post(f"{database}rotate/"))

    script.wait(script.patch(site, {"domains": [name, second]}))
    assert script.get(site)["domains"] == [name, second]
    assert all(panel.fetch(edge, second).status_code == 200 for edge in panel.edges)

    script.wait(script.delete(database), seconds=90)
    script.wait(script.delete(site))
    assert script.get(site)["state"] == "deleted"
    wait_until(lambda: all(panel.fetch(edge, name).status_code == 404 for edge in panel.edges), 10)


def test_what_is_not_its_own_is_not_there(script: Api, panel: Panel) -> None:
    other = panel.api(panel.members[1]).first_order()

    answer = script.request("POST", "sites/", json={"order": other, "kind": "php", "domains": [fresh_name()]})

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
