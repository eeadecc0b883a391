"""Members see and change what is theirs, and cannot find out that anything else exists. Walks every endpoint."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from members.models import Login
from tests import factories as make
from tests.api.endpoints import ALL, LISTS, OF_ONE_ROW, Endpoint, schema
from tests.api.problem import assert_problem
from tests.api.world import OWN_ONLY, World, is_owned_id

pytestmark = pytest.mark.django_db


@pytest.fixture
def other() -> World:
    return World()


@pytest.mark.parametrize("endpoint", ALL, ids=str)
def test_nobody_gets_nothing(endpoint: Endpoint, nobody_api: APIClient, other: World) -> None:
    url = endpoint.url(other.row_of(endpoint.model))

    assert_problem(nobody_api.generic(endpoint.method, url, "{}", content_type="application/json"), 401)


@pytest.mark.parametrize("endpoint", OF_ONE_ROW, ids=str)
def test_others_ids_are_not_found(endpoint: Endpoint, api: APIClient, other: World) -> None:
    url = endpoint.url(other.row_of(endpoint.model))

    assert_problem(api.generic(endpoint.method, url, "{}", content_type="application/json"), 404)


@pytest.mark.parametrize("endpoint", OF_ONE_ROW, ids=str)
def test_a_login_without_any_access_finds_nothing(endpoint: Endpoint, api_of: Any, other: World) -> None:
    url = endpoint.url(other.row_of(endpoint.model))
    client = api_of(make.LoginFactory(member=other.member))  # belongs to the member, but administers nothing

    assert_problem(client.generic(endpoint.method, url, "{}", content_type="application/json"), 404)


@pytest.mark.parametrize("endpoint", LISTS, ids=str)
def test_lists_hold_only_ones_own(endpoint: Endpoint, api: APIClient, other: World) -> None:
    foreign = other.row_of(endpoint.model).pk

    assert foreign not in [row["id"] for row in api.get(endpoint.path).json()["results"]]


@pytest.mark.parametrize("endpoint", LISTS, ids=str)
def test_ones_own_is_listed_and_read(endpoint: Endpoint, api_of: Any, other: World) -> None:
    own = api_of(other.login)
    row = other.row_of(endpoint.model)
    hidden = endpoint.collection == "hosts"  # members neither see nor choose servers

    assert (row.pk in [found["id"] for found in own.get(endpoint.path).json()["results"]]) is not hidden
    assert own.get(f"{endpoint.path}{row.pk}/").status_code == (404 if hidden else 200)


@pytest.mark.parametrize("endpoint", LISTS, ids=str)
def test_staff_see_all(endpoint: Endpoint, staff_api: APIClient, other: World) -> None:
    row = other.row_of(endpoint.model)
    hidden = endpoint.collection in OWN_ONLY

    assert (row.pk in [found["id"] for found in staff_api.get(endpoint.path).json()["results"]]) is not hidden
    assert staff_api.get(f"{endpoint.path}{row.pk}/").status_code == (404 if hidden else 200)


def _bodies() -> list[tuple[str, str, str, dict[str, Any]]]:
    """Each (method, path, name of an id in its body, example body), from the schema."""
    document = schema()
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            if not body:
                continue
            properties = _resolve(document, body).get("properties", {})
            example = {name: _example(document, part) for name, part in properties.items()}
            owned = [name for name in properties if is_owned_id(name, example[name])]
            found += [(method.upper(), path, name, example) for name in owned]
    assert found
    return found


def _resolve(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in part:
        return _resolve(document, document["components"]["schemas"][part["$ref"].rsplit("/", 1)[1]])
    for several in ("allOf", "oneOf"):
        if several in part:
            return _resolve(document, part[several][0])
    return part


def _example(document: dict[str, Any], part: dict[str, Any]) -> Any:
    part = _resolve(document, part)
    if "enum" in part:
        return part["enum"][0]
    if part.get("type") == "array":
        return [_example(document, part["items"])]
    if part.get("type") == "integer":
        return part.get("minimum", 1)
    return {"email": "a@example.org", "date-time": "2030-01-01T00:00:00Z"}.get(part.get("format", ""), "name.test")


#: Once for all tests that walk them.
BODIES = _bodies()


@pytest.mark.parametrize("body", BODIES, ids=lambda body: f"{body[0]} {body[1]} {body[2]}")
def test_others_ids_in_bodies_are_not_found(
    body: tuple[str, str, str, dict[str, Any]], api_of: Any, login: Login, other: World
) -> None:
    method, path, name, example = body
    own = World()
    ids = own.ids_in(example)
    url = own.url_of(path)

    def status_with(ids: dict[str, Any]) -> Any:
        body = json.dumps({**example, **ids})
        return api_of(own.login).generic(method, url, body, content_type="application/json")

    with_own = status_with(ids).status_code
    assert with_own != 404
    # Who may not do it at all, whatever the id, learns nothing from hearing that.
    with_others = status_with({**ids, name: other.ids_in(example)[name]})
    if isinstance(example[name], list) and with_others.status_code == 400:
        return  # of several things one is not among those that there are to choose from
    assert_problem(with_others, 403 if with_own == with_others.status_code == 403 else 404)
