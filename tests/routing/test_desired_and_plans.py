"""What edges are told, and how the panel takes their answers."""

from concurrent.futures import Future
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlpanel.agent.kinds.registry import Registry
from controlpanel.fleet import channel
from controlpanel.operations import services as operations
from controlpanel.operations.errors import NotNow, Refused
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import action_for
from routing import desired, plans, selectors, services
from routing.models import Backend, Route
from tests.factories import HostFactory

pytestmark = pytest.mark.django_db


def make_site(site_id: int = 1, primary: str = "a.test", serving: tuple = (), redirects: tuple = ()) -> None:
    services.set_backend(site_id, HostFactory())
    services.set_routes(site_id, primary, serving, redirects)


def by_id(resources: Any) -> dict:
    return {(resource.kind, resource.id): resource for resource in resources}


def test_a_site_is_a_certificate_a_place_and_its_names() -> None:
    make_site(redirects=("old.test",))
    found = by_id(desired.site_resources(1))
    host = Backend.objects.get().host.name
    ids = {f"route-{route.pk}" for route in Route.objects.all()}
    assert {id for kind, id in found if kind == "certificate"} == ids
    others = {key for key in found if key[0] != "certificate"}
    assert others == {("site_route", "1"), ("route", "a.test"), ("route", "old.test")}
    assert found["site_route", "1"].spec == {"backend": host, "mode": "normal"}
    assert found["route", "a.test"].spec == {"site": 1}
    assert found["route", "old.test"].spec == {"site": 1, "redirect_to": "a.test"}
    assert all(resource.present for resource in found.values())


def test_names_taken_away_are_told_as_absent() -> None:
    make_site(serving=("b.test",))
    services.set_routes(1, "a.test")
    absent = by_id(desired.site_resources(1))["route", "b.test"]
    assert (absent.present, absent.revision, absent.spec) == (False, 3, {})
    certificate = by_id(desired.site_resources(1))["certificate", f"route-{Route.objects.get(name='b.test').pk}"]
    assert (certificate.present, certificate.spec) == (False, {})


def test_a_name_that_another_site_took_is_no_longer_told_by_the_first() -> None:
    make_site(serving=("b.test",))
    services.set_routes(1, "a.test")
    make_site(2, "b.test")
    assert ("route", "b.test") not in by_id(desired.site_resources(1))


def test_a_removed_site_is_told_as_absent_and_not_desired() -> None:
    make_site()
    services.remove(1)
    assert not any(resource.present for resource in desired.site_resources(1))
    kinds = [r.kind for r in desired.edge_resources(HostFactory(roles=["edge"]))]
    assert kinds == ["edge", "packet_filter", "shield_key", "edge_rules_key"]


def test_the_whole_state_is_what_the_sites_say_one_by_one() -> None:
    make_site(1, "a.test", redirects=("old.test",))
    make_site(2, "b.test")
    services.set_mode(2, "disabled")
    edge = HostFactory(roles=["edge"])
    whole = by_id(desired.edge_resources(edge))
    keys = [desired.shield_key_resource(), desired.edge_rules_key_resource()]
    of_edge = [desired.base_resource(), desired.packet_filter_resource(edge.name), *keys]
    parts = by_id([*of_edge, *desired.site_resources(1), *desired.site_resources(2)])
    assert whole == parts


def test_the_agent_takes_every_resource_as_it_is() -> None:
    make_site(redirects=("old.test",))
    kinds = Registry(["edge"]).kinds
    for resource in desired.edge_resources(HostFactory(roles=["edge"])):
        assert kinds[resource.kind].validate(resource.id, resource.spec) == resource.spec


def test_the_whole_state_costs_the_same_queries_for_any_number_of_sites() -> None:
    edge = HostFactory(roles=["edge"])

    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            list(desired.edge_resources(edge))
        return len(queries)

    make_site(1)
    list(desired.edge_resources(edge))
    before = cost()
    for number in range(2, 12):
        backend = Backend.objects.create(site_id=number, host=Backend.objects.get(site_id=1).host)
        Route.objects.create(name=f"n{number}.test", backend=backend)
    assert cost() == before


def test_a_publish_visits_every_edge_in_one_stage() -> None:
    first, second = HostFactory(roles=["edge"]), HostFactory(roles=["edge"])
    make_site()
    (stage,) = operations.preview("routing.publish", {"site": 1})
    assert {step.host for step in stage} == {first.name, second.name}


def a_step(action: str, **args: Any) -> Step:
    edge = HostFactory(roles=["edge"])
    operation = Operation.objects.create(kind="routing.publish", params={"site": 1})
    return Step(operation=operation, stage=0, position=0, action=action, host=edge.name, args=args, attempts=1)


def test_a_publish_tells_the_web_hosts_along() -> None:
    make_site()
    call = action_for("routing.publish").request(a_step("routing.publish", site=1))
    assert call.args["items"][0]["kind"] == "edge"


def test_newer_knowledge_of_the_edge_is_no_failure() -> None:
    stale = {"status": "refused", "code": "stale_revision", "id": "x"}
    publish = action_for("routing.publish")
    newer = ("edge", "route", "edge_rules", "acme_challenge", "certificate")
    publish.check({"items": [{**stale, "kind": kind} for kind in newer]}, "edge1")
    with pytest.raises(Refused):
        publish.check({"items": [{**stale, "kind": "site_route"}]}, "edge1")


ANSWER = {"status": 200, "body": "site 1\n", "certificate": "", "error": ""}


def test_a_probe_that_sees_the_site_and_its_certificate_confirms() -> None:
    make_site()
    answer = {**ANSWER, "certificate": plans.fingerprint(selectors.certificate_of("a.test").chain_pem)}
    action_for("routing.probe").confirm(a_step("routing.probe", site=1, name="a.test"), answer)


@pytest.mark.parametrize(
    ("change", "attempts", "error", "code"),
    [
        ({"status": None, "error": "refused"}, 9, NotNow, "no_answer_yet"),
        ({"status": 503}, 9, NotNow, "no_answer_yet"),
        ({"body": "site 2\n"}, 1, NotNow, "no_answer_yet"),
        ({"body": "site 2\n"}, plans.TRIES, Refused, "wrong_answer"),
        ({"status": 404}, plans.TRIES, Refused, "wrong_answer"),
        ({"certificate": "00"}, 1, NotNow, "wrong_certificate"),  # a new one may be on its way
        ({"certificate": "00"}, 4, Refused, "wrong_certificate"),
    ],
)
def test_a_probe_that_sees_something_else(change: dict, attempts: int, error: type, code: str) -> None:
    make_site()
    step = a_step("routing.probe", site=1, name="a.test")
    step.attempts = attempts
    with pytest.raises(error) as raised:
        action_for("routing.probe").confirm(step, {**ANSWER, **change})
    assert raised.value.code == code


def test_a_probe_asks_by_tls_where_there_is_a_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def call(host: Any, name: str, args: dict, **options: Any) -> Future:
        asked.append((name, args))
        return Future()

    monkeypatch.setattr(channel, "call", call)
    make_site()
    action_for("routing.probe").submit(a_step("routing.probe", site=1, name="a.test"))
    assert asked == [("edge.probe", {"name": "a.test", "tls": True, "expect": "site 1", "wait": 5})]
