"""What a host should hold is what the apps say, once each, in a fixed order."""

import pytest

from controlpanel.fleet import desired
from controlpanel.fleet.choices import Role
from controlpanel.fleet.desired import Inspector, Resource, desired_state, inspector, inspectors_of, provider
from controlpanel.fleet.models import Host


@pytest.fixture(autouse=True)
def _only_ours(monkeypatch):
    monkeypatch.setattr(desired, "_providers", {})
    monkeypatch.setattr(desired, "_inspectors", {})


def host(*roles: str) -> Host:
    return Host(name="h", roles=list(roles))


def test_every_role_contributes_and_the_order_is_fixed():
    @provider(Role.WEB)
    def sites(host):
        yield Resource("site", "2", 1, {})
        yield Resource("site", "12", 1, {})

    @provider(Role.WEB, Role.EDGE)
    def base(host):
        return [Resource("base", "x", 1, {"name": host.name})]

    assert [(r.kind, r.id) for r in desired_state(host("web", "edge"))] == [
        ("base", "x"),
        ("site", "12"),
        ("site", "2"),
    ]
    assert [r.kind for r in desired_state(host("edge"))] == ["base"]
    assert desired_state(host("mail")) == []


def test_two_providers_may_not_claim_the_same():
    @provider(Role.WEB)
    def one(host):
        return [Resource("site", "1", 1, {})]

    @provider(Role.WEB)
    def two(host):
        return [Resource("site", "1", 2, {})]

    with pytest.raises(ValueError, match="site 1 of h is provided twice"):
        desired_state(host("web"))


def test_on_the_wire():
    assert Resource("site", "1", 3, {"a": 1}).wire() == {
        "kind": "site",
        "id": "1",
        "revision": 3,
        "state": "present",
        "spec": {"a": 1},
    }
    assert Resource("site", "1", 3, {}, present=False).wire()["state"] == "absent"


def test_inspectors_of_a_role_once_each():
    @inspector(Role.DIRECTORY, Role.MAIL)
    class Tree(Inspector):
        pass

    assert [type(found) for found in inspectors_of(host("directory", "mail"))] == [Tree]
    assert inspectors_of(host("web")) == []
