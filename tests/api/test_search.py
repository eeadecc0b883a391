"""One question over everything that a login may see."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from members.models import Login
from tests import factories as make
from tests.api.problem import assert_problem

pytestmark = pytest.mark.django_db
URL = "/api/v1/search/"


def _found(client: APIClient, q: str) -> list[tuple[str, str]]:
    answer = client.get(URL, {"q": q})
    assert answer.status_code == 200, answer.content
    return [(hit["kind"], hit["title"]) for hit in answer.json()["results"]]


def test_each_kind_is_found(api_of: Any, login: Login) -> None:
    order = make.HostingOrderFactory(member=login.member, name="Needlework")
    site = make.SiteFactory(order=order, domain="needle.example.org")
    make.DomainFactory(site=site, name="www.needle.example.org")
    make.LoginFactory(member=login.member, username="needles")
    database = make.DatabaseFactory(order=order)
    operation = make.OperationFactory(scopes=order.scopes)
    client = api_of(login)

    assert _found(client, "needle") == [
        ("site", "needle.example.org"), ("order", "Needlework"), ("login", "needles")
    ]  # fmt: skip
    assert ("database", database.name) in _found(client, database.name)
    assert ("operation", operation.title) in _found(client, f"#{operation.pk}")


def test_a_hit_says_where_it_is_read(api_of: Any, login: Login) -> None:
    site = make.SiteFactory(order__member=login.member, domain="needle.example.org")
    client = api_of(login)
    hit = client.get(URL, {"q": "needle"}).json()["results"][0]
    assert hit["id"] == site.pk
    assert client.get(hit["url"]).json()["id"] == site.pk


def test_a_name_is_found_with_its_accents_and_without_its_punycode(api_of: Any, login: Login) -> None:
    make.SiteFactory(order__member=login.member, domain="xn--caf-dma.example.org")
    assert _found(api_of(login), "café.example") == [("site", "café.example.org")]


def test_nothing_of_others_is_found(api: APIClient) -> None:
    site = make.SiteFactory(domain="needle.example.org", order__name="needle", order__member__name="needle")
    make.DatabaseFactory(order=site.order)
    make.MemberAdminFactory(username="needle", member=site.order.member)
    operation = make.OperationFactory(scopes=site.order.scopes)
    for q in ("needle", "needle.example", "db", "mariadb", f"#{operation.pk}"):
        assert _found(api, q) == []


def test_staff_find_everybodys(staff_api: APIClient) -> None:
    make.SiteFactory(domain="needle.example.org")
    assert ("site", "needle.example.org") in _found(staff_api, "needle")


def test_strangers_are_not_answered(nobody_api: APIClient) -> None:
    assert_problem(nobody_api.get(URL, {"q": "x"}), 401)


@pytest.mark.parametrize("q", ["", "   ", "x" * 101])
def test_a_question_has_something_in_it_and_an_end(api: APIClient, q: str) -> None:
    assert_problem(api.get(URL, {"q": q}), 400, "q")


@pytest.mark.parametrize("q", ["%", "_", "\\", "'", '"; DROP', "<b>", "9" * 90, "#", "db", "\x00a", "ñ", "*."])
def test_odd_questions_find_nothing_and_break_nothing(api: APIClient, q: str) -> None:
    make.SiteFactory()
    answer = api.get(URL, {"q": q})
    assert answer.status_code in (200, 400)
    assert answer.status_code == 400 or answer.json()["results"] == []


def test_many_hits_are_cut_and_said_so(api_of: Any, login: Login) -> None:
    order = make.HostingOrderFactory(member=login.member)
    for number in range(10):
        make.SiteFactory(order=order, domain=f"needle{number}.example.org")
    answer = api_of(login).get(URL, {"q": "needle"}).json()
    assert len(answer["results"]) == 8
    assert answer["more"] == ["site"]


def test_it_costs_the_same_for_any_number_of_hits(api_of: Any, login: Login) -> None:
    client = api_of(login)
    order = make.HostingOrderFactory(member=login.member, name="needle")
    make.SiteFactory(order=order, domain="needle.example.org")
    make.LoginFactory(member=login.member, username="needle")
    client.get(URL, {"q": "needle"})
    with CaptureQueriesContext(connection) as few:
        client.get(URL, {"q": "needle"})
    for number in range(6):
        site = make.SiteFactory(order=order, domain=f"needle{number}.example.org")
        make.DomainFactory(site=site, name=f"needle-{number}.example.org")
        make.LoginFactory(member=login.member, username=f"needle{number}")
    with CaptureQueriesContext(connection) as many:
        client.get(URL, {"q": "needle"})
    assert len(many) == len(few) <= 12
