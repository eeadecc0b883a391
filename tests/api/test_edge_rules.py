"""Edge rules over REST: read, replaced as a whole or in parts, planned, and never a password read back."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from controlpanel.operations.models import Operation
from hosting.models import Site
from members.models import Login
from routing.models import EdgeRules
from tests import factories as make
from tests.api.problem import assert_problem

DOOR = {"path": "/staff", "users": [{"name": "ana"}, {"name": "bo", "password": "a long one: yes!"}]}


@pytest.fixture
def site(login: Login) -> Site:
    make.HostFactory(name="edge1", roles=["edge"])
    order = make.HostingOrderFactory(member=login.member)
    return make.SiteFactory(order=order, host=make.HostFactory(name="web1"), placed=True, state="active")


def send(api: APIClient, site: Site, method: str, query: str = "", **body: Any) -> Any:
    return getattr(api, method)(f"/api/v1/sites/{site.pk}/edge-rules/{query}", body, format="json")


def test_what_is_read_can_be_sent_back_and_changes_nothing(api: APIClient, site: Site) -> None:
    answer = send(
        api, site, "put",
        https={"policy": "hsts", "max_age": 60},
        redirects=[{"path": "/old", "target": "/new"}],
        addresses=[{"path": "/x", "action": "deny", "networks": ["192.0.2.0/24"]}],
        protected=[DOOR],
        notice={"en": "Soon", "networks": ["192.0.2.1"]},
    )  # fmt: skip
    assert answer.status_code == 202, answer.json()
    body = answer.json()
    assert body["operation"]["id"] == Operation.objects.get().pk
    assert [(one["user"], len(one["password"])) for one in body["passwords"]] == [("ana", 24)]
    read = send(api, site, "get").json()
    assert read == body["edge_rules"]
    assert read["protected"][0]["users"] == [{"name": "ana"}, {"name": "bo"}]
    again = send(api, site, "put", **read).json()
    assert (again["passwords"], again["edge_rules"]) == ([], read)


def test_a_patch_changes_what_it_names_and_a_put_the_rest_too(api: APIClient, site: Site) -> None:
    send(api, site, "put", redirects=[{"path": "/old", "target": "/new"}], protected=[DOOR])
    send(api, site, "patch", redirects=[])
    rules = EdgeRules.objects.get()
    assert (rules.redirects, len(rules.protected)) == ([], 1)
    assert_problem(send(api, site, "patch", redirects=[], revision=rules.revision - 1), 409)
    send(api, site, "put")
    assert EdgeRules.objects.get().protected == []


def test_a_preview_tells_the_steps_and_neither_changes_nor_tells_passwords(api: APIClient, site: Site) -> None:
    answer = send(api, site, "put", "?preview=1", protected=[DOOR])
    assert (answer.status_code, answer.json()["passwords"]) == (200, [])
    assert [step["title"] for step in answer.json()["operation"]["steps"]] == ["Set the edge rules on edge1"]
    assert not EdgeRules.objects.exists()
    assert not Operation.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"redirects": [{"path": "/a", "target": "/a"}]}, "redirects"),
        ({"redirects": [{"path": "a", "target": "/b"}]}, "redirects"),
        ({"redirects": [{"target": "/b"}]}, "redirects"),
        ({"redirects": "all"}, "redirects"),
        ({"addresses": [{"path": "/", "action": "deny", "networks": ["x"]}]}, "addresses"),
        ({"protected": [{"path": "/a", "users": []}]}, "protected"),
        ({"https": {"policy": "x"}}, "https"),
        ({"https": {"policy": "hsts", "max_age": 2**31 - 1}}, "max_age"),
        ({"notice": {"until": "yesterday"}}, "notice"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field(api: APIClient, site: Site, body: Any, field: str) -> None:
    answer = send(api, site, "patch", **body)
    assert_problem(answer, 400, field)


def test_another_member_s_rules_are_not_found(stranger_api: APIClient, nobody_api: APIClient, site: Site) -> None:
    for method in ("get", "put", "patch"):
        assert_problem(send(stranger_api, site, method), 404)
        assert_problem(send(nobody_api, site, method), 401)
