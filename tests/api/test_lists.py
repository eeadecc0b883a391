"""Pages, order and filters, the same in every collection."""

import pytest
from rest_framework.test import APIClient

from members.models import Login
from tests import factories as make
from tests.api.endpoints import LISTS, Endpoint
from tests.api.problem import assert_problem
from tests.api.world import OWN_ONLY, World


@pytest.mark.parametrize("endpoint", LISTS, ids=str)
def test_a_page_has_count_next_previous_and_results(endpoint: Endpoint, api: APIClient) -> None:
    assert api.get(endpoint.path).json().keys() == {"count", "next", "previous", "results"}


def test_pages_hold_fifty_rows_unless_asked_for_more_and_500_at_most(api: APIClient, login: Login) -> None:
    order = make.HostingOrderFactory(member=login.member)
    make.HostingOrderFactory.create_batch(520, member=order.member)

    sizes = [len(api.get("/api/v1/orders/", {"page_size": size}).json()["results"]) for size in ("", "3", "900")]

    assert sizes == [50, 3, 500]


def test_pages_follow_each_other_without_overlap_whatever_the_order(api: APIClient, login: Login) -> None:
    for _ in range(5):
        make.HostingOrderFactory(member=login.member, name="the same")
    seen, address = [], "/api/v1/orders/?ordering=name&page_size=2"
    while address:
        page = api.get(address).json()
        seen += [row["id"] for row in page["results"]]
        address = page["next"]

    assert seen == sorted(set(seen)) and len(seen) == 5


@pytest.mark.parametrize("endpoint", LISTS, ids=str)
def test_every_order_that_is_offered_works_both_ways(endpoint: Endpoint, api: APIClient) -> None:
    for name in endpoint.view.ordering_fields:
        for term in (name, f"-{name}"):
            assert api.get(endpoint.path, {"ordering": term}).status_code == 200


@pytest.mark.parametrize("endpoint", LISTS, ids=str)
def test_every_filter_survives_nonsense(endpoint: Endpoint, staff_api: APIClient) -> None:
    for name in getattr(getattr(endpoint.view, "filterset_class", None), "base_filters", {}):
        for value in (
            "",
            "x",
            "0",
            "-1",
            "9" * 30,
            "1e400",
            "NaN",
            "ñ'\"\\%00",
            "\x00",
            "2026-01-01",
            "0001-01-01T00:00:00-17:40",
        ):
            assert staff_api.get(endpoint.path, {name: value}).status_code in (200, 400), (name, value)


def test_lists_can_be_narrowed(staff_api: APIClient) -> None:
    site = make.SiteFactory(kind="php", domain="wanted.example.org")
    other = make.SiteFactory(state="failed")
    host = site.host.name

    def ids(path: str, **query: object) -> list[int]:
        return [row["id"] for row in staff_api.get(f"/api/v1/{path}/", query).json()["results"]]

    assert ids("sites", domain="WANTED.example.org") == [site.pk]
    assert ids("sites", kind="php") == [site.pk]
    assert ids("sites", state="failed") == [other.pk]
    assert ids("sites", state=["failed", "active"], ordering="id") == [site.pk, other.pk]
    assert ids("sites", host=host) == [site.pk]
    assert ids("sites", order=site.order_id) == [site.pk]
    assert ids("domains", site=other.pk) == [other.domains.get().pk]
    assert ids("routes", host=host) == [make.Route.objects.get(backend__site_id=site.pk).pk]
    assert ids("volumes", pool=other.volume.pool.name) == [other.volume_id]
    assert ids("hosts", role="web", name=host) == [site.host_id]
    assert ids("orders", member=site.order.member_id) == [site.order_id]


def test_of_every_row_some_fields_can_be_asked_for(staff_api: APIClient) -> None:
    world = World()
    for endpoint in LISTS:
        full = staff_api.get(endpoint.path).json()["results"]
        names = list(full[0] if full else ["id"])[:4:3]
        thin = staff_api.get(endpoint.path, {"fields": ", ".join(names)}).json()["results"]
        assert thin == [{name: row[name] for name in names} for row in full], endpoint
        if endpoint.collection not in OWN_ONLY:
            pk = world.row_of(endpoint.model).pk
            assert staff_api.get(f"{endpoint.path}{pk}/", {"fields": "id"}).json() == {"id": pk}, endpoint


def test_a_field_that_there_is_not_is_an_error_that_names_those_that_there_are(staff_api: APIClient) -> None:
    body = assert_problem(staff_api.get("/api/v1/members/", {"fields": "id,colour"}), 400, "fields")
    assert "name" in body["errors"]["fields"][0]
