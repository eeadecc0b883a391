"""Sites over REST: what scripts rely on, field by field. Nothing here waits for a host: that is the point."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from controlpanel.operations.models import Operation
from hosting.models import Site
from members.models import Login
from tests import factories as make
from tests.api.problem import assert_problem

SITE_FIELDS = {"id", "kind", "state", "domains", "host", "volume", "order", "shield", "quarantined"}


@pytest.fixture
def order(login: Login) -> Any:
    return make.HostingOrderFactory(member=login.member)


@pytest.fixture
def hosts(db: None) -> None:
    """Enough of a data centre for placement."""
    make.HostFactory(name="web1")
    make.HostFactory(name="edge1", roles=["edge"])
    make.PoolFactory(name="pool")


@pytest.fixture
def site(order: Any, hosts: None) -> Site:
    site: Site = make.SiteFactory(order=order, domain="mine.example.org", placed=True)
    return site


def _create(api: APIClient, order: Any, **more: Any) -> Any:
    body = {"order": order.pk, "kind": "static", "domains": ["a.test", "www.a.test"], **more}
    return api.post("/api/v1/sites/", body, format="json")


# --- create ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hosts")
def test_a_new_site_is_accepted_with_the_operation_to_watch(api: APIClient, order: Any) -> None:
    response = _create(api, order)

    assert response.status_code == 202
    body = response.json()
    operation = Operation.objects.get()
    assert body["operation"] == {
        "id": operation.pk,
        "url": f"http://testserver/api/v1/operations/{operation.pk}/",
        "state": "queued",
    }
    assert response["Location"] == body["operation"]["url"]
    assert body["site"].keys() >= SITE_FIELDS
    assert {field: body[field] for field in SITE_FIELDS} == {field: body["site"][field] for field in SITE_FIELDS}
    assert body["domains"] == ["a.test", "www.a.test"]
    assert (body["kind"], body["order"], body["state"], body["host"]) == ("static", order.pk, "creating", "web1")
    assert (body["shield"], body["quarantined"]) == ("off", False)


@pytest.mark.usefixtures("hosts")
def test_its_operation_lists_the_steps_to_come(api: APIClient, order: Any) -> None:
    operation = api.get(_create(api, order).json()["operation"]["url"]).json()

    assert operation["kind"] == "hosting.create_site"
    assert operation["steps"]
    for step in operation["steps"]:
        assert step.keys() >= {"title", "state", "host", "started", "finished", "detail"}
        assert step["title"]
        assert (step["state"], step["started"], step["finished"], step["detail"]) == ("planned", None, None, "")


@pytest.mark.usefixtures("hosts")
def test_a_preview_tells_the_steps_and_does_nothing(api: APIClient, order: Any) -> None:
    body = {"order": order.pk, "kind": "static", "domains": ["a.test"]}

    response = api.post("/api/v1/sites/?preview=1", body, format="json")

    assert response.status_code == 200
    planned = response.json()["operation"]
    assert response.json()["preview"] is True
    assert (planned["id"], planned["url"], planned["state"]) == (None, None, "planned")
    assert [step["host"] for step in planned["steps"]].count("web1") >= 1
    assert not Site.objects.exists() and not Operation.objects.exists() and not make.Volume.objects.exists()


@pytest.mark.usefixtures("hosts")
def test_a_preview_is_what_happens(api: APIClient, order: Any) -> None:
    body = {"order": order.pk, "kind": "php", "domains": ["a.test"], "redirects": ["b.test"]}

    planned = api.post("/api/v1/sites/?preview=1", body, format="json").json()["operation"]["steps"]
    done = api.post("/api/v1/sites/", body, format="json").json()["operation"]

    steps = api.get(done["url"]).json()["steps"]
    assert [(step["stage"], step["host"]) for step in steps] == [(step["stage"], step["host"]) for step in planned]


@pytest.mark.usefixtures("hosts")
def test_a_preview_that_is_neither_yes_nor_no_does_nothing(api: APIClient, order: Any) -> None:
    body = {"order": order.pk, "kind": "static", "domains": ["a.test"]}

    assert_problem(api.post("/api/v1/sites/?preview=please", body, format="json"), 400, "preview")
    assert not Operation.objects.exists()


@pytest.mark.usefixtures("hosts")
def test_the_same_key_is_the_same_site(api: APIClient, order: Any) -> None:
    body = {"order": order.pk, "kind": "static", "domains": ["a.test"]}
    first, second = (
        api.post("/api/v1/sites/", body, format="json", HTTP_IDEMPOTENCY_KEY="once-only") for _ in range(2)
    )

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["operation"]["id"] == second.json()["operation"]["id"]
    assert Site.objects.count() == Operation.objects.count() == 1


@pytest.mark.usefixtures("hosts")
def test_a_key_used_for_something_else_is_a_conflict(api: APIClient, order: Any, site: Site) -> None:
    api.post(f"/api/v1/sites/{site.pk}/disable/", HTTP_IDEMPOTENCY_KEY="once-only")

    response = api.post(f"/api/v1/sites/{site.pk}/enable/", HTTP_IDEMPOTENCY_KEY="once-only")

    assert "idempotency-key-reused" in assert_problem(response, 409)["type"]


@pytest.mark.usefixtures("hosts")
def test_a_key_that_cannot_be_kept_is_refused(api: APIClient, order: Any) -> None:
    response = api.post("/api/v1/sites/", {}, format="json", HTTP_IDEMPOTENCY_KEY="x" * 81)

    assert response.status_code == 400


@pytest.mark.usefixtures("hosts")
def test_what_is_missing_is_named(api: APIClient) -> None:
    assert_problem(api.post("/api/v1/sites/", {}, format="json"), 400, "order", "kind", "domains")


@pytest.mark.usefixtures("hosts")
@pytest.mark.parametrize(
    "name",
    [
        "a b.test",
        "a\nb.test",
        "../etc",
        '"; rm -rf',
        "a..test",
        "x" * 10_000,
        "https://a.test/",
        "1.2.3.4",
        "*.a.test",
        "",
    ],
    ids=lambda name: name[:12],
)
def test_a_bad_name_is_told_beside_its_field(api: APIClient, order: Any, name: str) -> None:
    assert_problem(_create(api, order, domains=[name]), 400, "domains")
    assert not Site.objects.exists()


@pytest.mark.usefixtures("hosts")
def test_an_international_name_is_kept_as_punycode(api: APIClient, order: Any) -> None:
    assert _create(api, order, domains=["Müsli.example"]).json()["domains"] == ["xn--msli-0ra.example"]


@pytest.mark.usefixtures("hosts")
def test_a_name_of_another_member_is_refused_without_saying_whose(api: APIClient, order: Any) -> None:
    theirs = make.SiteFactory(domain="theirs.example.org")

    response = _create(api, order, domains=["theirs.example.org"])

    body = assert_problem(response, 409, "domains")
    assert "domain-taken" in body["type"]
    assert theirs.order.member.name not in response.content.decode()
    assert theirs.order.name not in response.content.decode()


@pytest.mark.usefixtures("hosts")
def test_another_members_order_is_not_found(api: APIClient) -> None:
    assert_problem(_create(api, make.HostingOrderFactory()), 404)


@pytest.mark.usefixtures("hosts")
def test_a_full_order_is_a_conflict(api: APIClient, login: Login) -> None:
    full = make.HostingOrderFactory(member=login.member, max_sites=0)

    assert "order-full" in assert_problem(_create(api, full), 409)["type"]


def test_without_any_web_host_it_is_503_and_nothing_is_left(api: APIClient, order: Any) -> None:
    assert_problem(_create(api, order), 503)
    assert not Site.objects.exists()


@pytest.mark.usefixtures("hosts")
def test_members_do_not_choose_the_host(api: APIClient, order: Any) -> None:
    make.HostFactory(name="web9", state="draining")

    assert _create(api, order, host="web9").json()["host"] == "web1"


@pytest.mark.usefixtures("hosts")
def test_the_order_administrator_creates_too(api_of: Any, order: Any) -> None:
    volunteer = make.LoginFactory(administers_order=order)

    assert _create(api_of(volunteer), order).status_code == 202


# --- read and change ---------------------------------------------------------------------------------------------


def test_a_site_reads_back_the_contracts_fields(api: APIClient, site: Site) -> None:
    body = api.get(f"/api/v1/sites/{site.pk}/").json()

    assert body.keys() >= SITE_FIELDS
    assert body["host"] == site.host.name
    assert body["volume"] == site.volume_id
    assert body["domains"] == ["mine.example.org"]
    assert body["state"] == "active"


def test_names_and_workers_are_changed(api: APIClient, site: Site) -> None:
    body = {"domains": ["new.example.org", "mine.example.org"], "redirects": ["old.example.org"], "php_workers": 7}

    response = api.patch(f"/api/v1/sites/{site.pk}/", body, format="json")

    assert response.status_code == 202
    read = api.get(f"/api/v1/sites/{site.pk}/").json()
    assert {name: read[name] for name in body} == body
    assert read["state"] == "updating"


def test_what_is_left_out_stays(api: APIClient, site: Site) -> None:
    api.patch(f"/api/v1/sites/{site.pk}/", {"php_workers": 2}, format="json")

    assert api.get(f"/api/v1/sites/{site.pk}/").json()["domains"] == ["mine.example.org"]


def test_a_change_made_from_an_older_reading_is_a_conflict(api: APIClient, site: Site) -> None:
    old = api.get(f"/api/v1/sites/{site.pk}/").json()["revision"]
    api.patch(f"/api/v1/sites/{site.pk}/", {"php_workers": 2}, format="json")

    response = api.patch(f"/api/v1/sites/{site.pk}/", {"php_workers": 3, "revision": old}, format="json")

    assert "stale" in assert_problem(response, 409)["type"]


@pytest.mark.parametrize("workers", [0, -1, 1000, 10**12, "many", None, 1.5])
def test_a_wrong_number_of_workers_is_told_beside_its_field(api: APIClient, site: Site, workers: Any) -> None:
    response = api.patch(f"/api/v1/sites/{site.pk}/", {"php_workers": workers}, format="json")

    assert_problem(response, 400, "php_workers")


@pytest.mark.parametrize(("action", "kind"), [("disable", "hosting.disable_site"), ("enable", "hosting.enable_site")])
def test_it_is_switched_off_and_on(api: APIClient, site: Site, action: str, kind: str) -> None:
    response = api.post(f"/api/v1/sites/{site.pk}/{action}/")

    assert response.status_code == 202
    operation = api.get(response["Location"]).json()
    assert operation["kind"] == kind
    assert api.get(f"/api/v1/sites/{site.pk}/").json()["enabled"] is (action == "enable")


def test_it_is_deleted_and_says_how_long_its_data_is_kept(api: APIClient, site: Site) -> None:
    response = api.delete(f"/api/v1/sites/{site.pk}/")

    assert response.status_code == 202
    assert response.json()["state"] == "deleting"
    assert response.json()["purge_after"]
    assert_problem(api.delete(f"/api/v1/sites/{site.pk}/"), 409)


def test_a_site_that_is_not_deleted_is_not_restored(api: APIClient, site: Site) -> None:
    assert_problem(api.post(f"/api/v1/sites/{site.pk}/restore/", {}, format="json"), 409)
