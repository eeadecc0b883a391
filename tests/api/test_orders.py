"""Hosting orders over REST: members read theirs, staff make and change them."""

import pytest
from rest_framework.test import APIClient

from members.models import Login
from tests import factories as make
from tests.api.problem import assert_problem


def test_an_order_counts_the_sites_that_count(api: APIClient, login: Login) -> None:
    order = make.HostingOrderFactory(member=login.member)
    make.SiteFactory(order=order)
    make.SiteFactory(order=order, state="deleted")

    body = api.get(f"/api/v1/orders/{order.pk}/").json()

    assert (body["member"], body["name"], body["site_count"]) == (login.member_id, order.name, 1)


def test_staff_make_and_change_orders(staff_api: APIClient) -> None:
    member = make.MemberFactory()

    made = staff_api.post("/api/v1/orders/", {"member": member.pk, "name": " Radio  station "}, format="json")
    assert (made.status_code, made.json()["name"], made.json()["member"]) == (201, "Radio station", member.pk)

    changed = staff_api.patch(f"/api/v1/orders/{made.json()['id']}/", {"max_sites": 2}, format="json")
    assert (changed.status_code, changed.json()["max_sites"], changed.json()["name"]) == (200, 2, "Radio station")


def test_members_make_and_change_none(api: APIClient, login: Login) -> None:
    order = make.HostingOrderFactory(member=login.member)

    assert_problem(api.post("/api/v1/orders/", {"member": login.member_id, "name": "x"}, format="json"), 403)
    assert_problem(api.patch(f"/api/v1/orders/{order.pk}/", {"max_sites": 999}, format="json"), 403)


@pytest.mark.parametrize(("field", "value"), [("max_sites", -1), ("max_sites", 10**9), ("site_size_bytes", 1)])
def test_silly_limits_are_told_beside_their_field(staff_api: APIClient, field: str, value: int) -> None:
    order = make.HostingOrderFactory()

    assert_problem(staff_api.patch(f"/api/v1/orders/{order.pk}/", {field: value}, format="json"), 400, field)
