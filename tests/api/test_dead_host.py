"""Recover and readmit over REST: for staff, with a preview that changes nothing, once per key."""

from typing import Any

import pytest

from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation
from members.models import Login
from tests import factories as make
from tests.api.problem import assert_problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def dead() -> Host:
    make.HostFactory(name="web2")
    host: Host = make.HostFactory(name="web1", reachable=False)
    make.SiteFactory(host=host, placed=True)
    return host


def test_a_preview_says_what_would_happen_and_changes_nothing(api_of: Any, staff_login: Login, dead: Host) -> None:
    answer = api_of(staff_login).post(f"/api/v1/hosts/{dead.pk}/recover/?preview=1")

    assert answer.status_code == 200
    body = answer.json()
    assert body["recovery"]["targets"] == {"web2": 1}
    assert body["recovery"]["lost"]
    assert [step["title"] for step in body["operation"]["steps"]]
    assert not Operation.objects.exists()
    dead.refresh_from_db()
    assert dead.state == HostState.ACTIVE


def test_the_word_is_accepted_once_a_key(api_of: Any, staff_login: Login, dead: Host) -> None:
    client = api_of(staff_login)
    address = f"/api/v1/hosts/{dead.pk}/recover/"

    first, again = (client.post(address, headers={"Idempotency-Key": "tonight"}) for _ in range(2))

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["operation"]["id"] == again.json()["operation"]["id"]
    assert first.json()["state"] == "fenced"


def test_a_host_that_answers_needs_force(api_of: Any, staff_login: Login, dead: Host) -> None:
    Host.objects.update(reachable=True)
    client = api_of(staff_login)
    address = f"/api/v1/hosts/{dead.pk}/recover/"

    assert_problem(client.post(address), 409)
    assert client.post(address, {"force": True}, format="json").status_code == 202


def test_what_is_not_fenced_is_not_readmitted(api_of: Any, staff_login: Login, dead: Host) -> None:
    assert api_of(staff_login).post(f"/api/v1/hosts/{dead.pk}/readmit/").status_code == 409


@pytest.mark.parametrize("deed", ["recover", "readmit"])
def test_to_members_there_are_no_hosts(api_of: Any, login: Login, dead: Host, deed: str) -> None:
    assert api_of(login).post(f"/api/v1/hosts/{dead.pk}/{deed}/").status_code == 404
    assert not Operation.objects.exists()
