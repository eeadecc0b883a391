"""The same wish sent twice, or from a page that is out of date."""

import re
import threading
import uuid
from typing import Any

import pytest

from tests.panel import Panel, fresh_name

from .conftest import Create, Pages

pytestmark = pytest.mark.lab


def test_same_key_at_the_same_instant_is_one_operation(panel: Panel, create: Create) -> None:
    name, key, order = fresh_name("twice"), uuid.uuid4().hex, panel.member.first_order()
    data = {"order": order, "kind": "static", "domains": [name]}
    barrier = threading.Barrier(6)
    answers: list[dict[str, Any]] = []

    def click() -> None:
        api = panel.member
        barrier.wait()
        answers.append(api.post("sites/", data, headers={"Idempotency-Key": key}))

    together([click] * 6)
    assert len({answer["operation"]["id"] for answer in answers}) == 1
    assert len({answer["site"]["id"] for answer in answers}) == 1
    panel.member.wait(answers[0])
    assert [site["domains"] for site in sites_named(panel, name)] == [[name]]
    panel.member.wait(panel.member.delete(f"sites/{answers[0]['site']['id']}/"))


def test_double_click_is_one_operation(panel: Panel, pages: Pages) -> None:
    """Both clicks send the form that the page was made with."""
    name, path = fresh_name("double"), f"/orders/{panel.member.first_order()}/sites/new/"
    key = value_of("idempotency_key", pages.get(path).text)
    data = {"kind": "static", "domains": name, "idempotency_key": key}
    places: list[str] = []
    together([lambda: places.append(pages.post(path, data).headers["Location"])] * 2)
    assert len(places) == 2
    assert len(set(places)) == 1
    (site,) = sites_named(panel, name)
    panel.member.wait({"operation": {"id": int(re.findall(r"\d+", places[0])[0])}})
    panel.member.wait(panel.member.delete(f"sites/{site['id']}/"))


def test_same_name_at_the_same_instant_goes_to_one(panel: Panel) -> None:
    """Two members want it: one gets it, the other is told."""
    name, apis = fresh_name("race"), [panel.api(member) for member in panel.members[:2]]
    orders = [api.first_order() for api in apis]
    barrier = threading.Barrier(2)
    statuses: list[int] = []

    def want(number: int) -> None:
        barrier.wait()
        data = {"order": orders[number], "kind": "static", "domains": [name]}
        statuses.append(apis[number].request("POST", "sites/", json=data).status_code)

    together([lambda: want(0), lambda: want(1)])
    assert sorted(statuses) == [202, 409]
    (site,) = sites_named(panel, name)
    creation = panel.api().get("operations/", kind="hosting.create_site", ordering="-id")["results"][0]
    panel.api().wait({"operation": creation})
    panel.api().wait(panel.api().delete(f"sites/{site['id']}/"))


def test_stale_form_overwrites_nothing(panel: Panel, create: Create, pages: Pages) -> None:
    name = fresh_name("stale")
    site = create(name, kind="static")["site"]["id"]
    path = f"/sites/{site}/edit/"
    revision = value_of("revision", pages.get(path).text)
    panel.member.wait(panel.member.patch(f"sites/{site}/", {"domains": [name, f"www.{name}"]}))
    answer = pages.post(path, {"domains": name, "redirects": "", "revision": revision})
    assert answer.status_code == 422
    assert "has been changed since" in answer.text
    assert panel.member.get(f"sites/{site}/")["domains"] == [name, f"www.{name}"]
    panel.member.patch(f"sites/{site}/", {"domains": [name], "revision": int(revision)}, expect=409)


def test_key_of_something_else_is_refused(panel: Panel, create: Create) -> None:
    key = uuid.uuid4().hex
    order = panel.member.first_order()
    first = panel.member.post(
        "sites/", {"order": order, "kind": "static", "domains": [fresh_name()]}, headers={"Idempotency-Key": key}
    )
    panel.member.wait(first)
    panel.member.post(f"sites/{first['site']['id']}/disable/", expect=409, headers={"Idempotency-Key": key})
    panel.member.wait(panel.member.delete(f"sites/{first['site']['id']}/"))


def together(calls: list[Any]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def value_of(field: str, page: str) -> str:
    (tag,) = re.findall(rf'<input[^>]*name="{field}"[^>]*>', page)
    return re.findall(r'value="([^"]*)"', tag)[0]


def sites_named(panel: Panel, name: str) -> list[dict[str, Any]]:
    sites = panel.api().get("sites/", ordering="-id", page_size=100)["results"]
    return [site for site in sites if name in site["domains"]]
