"""A token opens no more than it says: one that reads changes nothing, a narrowed one finds nothing else.

Walks every endpoint, so that a new one is bound by it too.
"""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.permissions import SAFE_METHODS
from rest_framework.test import APIClient

from controlpanel.operations.models import Operation
from hosting.models import Site
from members.models import Access, Login, Token
from tests import factories as make
from tests.api.endpoints import ALL, LISTS, OF_ONE_ROW, Endpoint
from tests.api.problem import assert_problem
from tests.api.test_scope import BODIES
from tests.api.world import World

pytestmark = pytest.mark.django_db

WRITES = [endpoint for endpoint in ALL if endpoint.method not in SAFE_METHODS]


@pytest.fixture
def world() -> World:
    return World()


def client_with(**token: Any) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make.TokenFactory(**token).text}")
    return client


def ask(client: APIClient, endpoint: Endpoint, world: World) -> Any:
    url = endpoint.url(world.row_of(endpoint.model))
    return client.generic(endpoint.method, url, "{}", content_type="application/json")


# --- reading only ------------------------------------------------------------------------------------------------


def test_one_that_reads_changes_nothing(world: World) -> None:
    make.AccessFactory(login=world.login, role="staff", member=None)  # not even staff's
    client = client_with(login=world.login, scope="read")

    for endpoint in WRITES:
        answer = ask(client, endpoint, world)
        assert answer.status_code == 403, f"{endpoint} answers {answer.status_code} to a token that only reads"
        assert answer.json()["type"] == "urn:controlpanel:problem:read-only-token"


def test_one_that_reads_reads(world: World) -> None:
    client = client_with(login=world.login, scope="read")

    for endpoint in LISTS:
        assert client.get(endpoint.path).status_code == 200, endpoint


# --- narrowed ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["member", "staff"])
def elsewhere(request: Any, world: World) -> APIClient:
    """The client of a token of the world's login that is only for another order of the same member."""
    if request.param == "staff":
        make.AccessFactory(login=world.login, role="staff", member=None)
    return client_with(login=world.login, only=[make.HostingOrderFactory(member=world.member)])


def test_a_narrowed_one_finds_nothing_else(world: World, elsewhere: APIClient) -> None:
    for endpoint in OF_ONE_ROW:
        status = ask(elsewhere, endpoint, world).status_code
        allowed: tuple[int, ...] = (404,)
        if endpoint.model is Login:  # it knows whose it is, and can do nothing about them (an empty PATCH is nothing)
            allowed = (200,) if endpoint.method in ("GET", "PATCH") else (400, 403)
        assert status in allowed, f"{endpoint} answers {status} about what the token is not for"


def test_a_narrowed_one_lists_nothing_else(world: World, elsewhere: APIClient) -> None:
    for endpoint in LISTS:
        if endpoint.model is not Login:
            found = [row["id"] for row in elsewhere.get(endpoint.path).json()["results"]]
            assert world.row_of(endpoint.model).pk not in found, f"{endpoint} shows what the token is not for"


def test_a_narrowed_one_names_nothing_else_in_bodies(world: World, elsewhere: APIClient) -> None:
    for method, path, name, example in BODIES:
        body = json.dumps({**example, **world.ids_in(example)})
        status = elsewhere.generic(method, world.url_of(path), body, content_type="application/json").status_code
        assert status in (403, 404), f"{method} {path} with another {name} answers {status}"
    assert not Operation.objects.exclude(pk=world.operation.pk).exists()


@pytest.mark.parametrize("staff", [False, True])
@pytest.mark.parametrize("only", ["member", "order", "site"])
def test_a_narrowed_one_works_where_it_may(world: World, only: str, staff: bool) -> None:
    if staff:
        Access.objects.update(role="staff", member=None)
    client = client_with(login=world.login, only=[getattr(world, only)])
    make.SiteFactory()

    def ids(collection: str) -> list[int]:
        return [row["id"] for row in client.get(f"/api/v1/{collection}/").json()["results"]]

    assert ids("members") == ([world.member.pk] if only == "member" else [])
    assert ids("orders") == ([world.order.pk] if only != "site" else [])
    assert ids("sites") == [world.site.pk]
    assert ids("domains") == [world.site.domains.get().pk]
    assert ids("databases") == [world.database.pk]
    assert ids("volumes") == [world.site.volume_id]
    assert ids("hosts") == []
    Site.objects.update(placed=True)
    accepted = client.post(f"/api/v1/sites/{world.site.pk}/disable/")
    assert accepted.status_code == 202, accepted.content
    assert client.get(f"/api/v1/operations/{accepted.json()['operation']['id']}/").status_code == 200
    assert_problem(client.post(f"/api/v1/sites/{world.site.pk}/move/", {}, format="json"), 403)


def test_an_access_that_was_taken_away_is_gone_for_tokens_too(world: World) -> None:
    client = client_with(login=world.login, only=[world.site])
    assert client.get(f"/api/v1/sites/{world.site.pk}/").status_code == 200
    Access.objects.all().delete()
    assert_problem(client.get(f"/api/v1/sites/{world.site.pk}/"), 404)


def test_one_narrowed_to_nothing_opens_nothing(world: World) -> None:
    assert client_with(login=world.login, limits=[]).get("/api/v1/sites/").json()["results"] == []


def test_a_narrowed_one_does_not_widen_itself(world: World) -> None:
    client = client_with(login=world.login, only=[world.member])
    own = f"/api/v1/logins/{world.login.pk}/"

    assert_problem(client.post("/api/v1/tokens/", {"name": "all"}, format="json"), 403)
    assert_problem(client.patch(own, {"ssh_keys": []}, format="json"), 403)
    assert_problem(client.post(f"{own}password/", {"password": "a", "old_password": "b"}, format="json"), 403)
    assert_problem(client.post(f"{own}sign-out/"), 403)


# --- making them -------------------------------------------------------------------------------------------------


def test_a_script_makes_a_narrowed_one(api_of: Any, world: World) -> None:
    body = {"name": "deploy", "scope": "read", "orders": [world.order.pk], "sites": [world.site.pk]}

    made = api_of(world.login).post("/api/v1/tokens/", body, format="json").json()

    assert (made["scope"], made["narrowed"], made["members"]) == ("read", True, [])
    assert (made["orders"], made["sites"]) == ([world.order.pk], [world.site.pk])
    assert made["expires"] is not None


@pytest.mark.parametrize("name", ["members", "orders", "sites"])
def test_nobody_narrows_one_to_what_is_not_theirs(api: APIClient, world: World, name: str) -> None:
    body = {"name": "x", name: [world.id_named(name.removesuffix("s"))]}

    assert_problem(api.post("/api/v1/tokens/", body, format="json"), 404)
    assert not Token.objects.filter(name="x").exists()


def test_one_narrowed_to_no_thing_at_all_is_not_made(api: APIClient) -> None:
    assert_problem(api.post("/api/v1/tokens/", {"name": "x", "sites": []}, format="json"), 400, "non_field_errors")


def test_it_is_valid_for_a_year_unless_asked_otherwise(api: APIClient, login: Login) -> None:
    api.post("/api/v1/tokens/", {"name": "year"}, format="json")
    api.post("/api/v1/tokens/", {"name": "ever", "expires": None}, format="json")

    year, ever = Token.objects.get(name="year"), Token.objects.get(name="ever")
    assert 364 <= (year.expires - year.created).days <= 365
    assert ever.expires is None


def test_a_token_makes_none_that_outlives_it(world: World) -> None:
    soon = timezone.now() + timedelta(days=1)
    client = client_with(login=world.login, expires=soon)

    made = client.post("/api/v1/tokens/", {"name": "x", "expires": None}, format="json").json()

    assert Token.objects.get(pk=made["id"]).expires == soon
