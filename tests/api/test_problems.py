"""Errors: always application/problem+json, whatever went wrong, and never more than the asker may know."""

from unittest import mock

import pytest
from django.db import OperationalError
from rest_framework.test import APIClient

from members import selectors
from tests.api.problem import assert_problem


def test_without_a_token_it_is_401_and_says_how(nobody_api: APIClient) -> None:
    response = nobody_api.get("/api/v1/members/")

    assert_problem(response, 401)
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_bad_token_is_401(nobody_api: APIClient) -> None:
    nobody_api.credentials(HTTP_AUTHORIZATION="Bearer cp_not-a-token")

    assert_problem(nobody_api.get("/api/v1/members/"), 401)


def test_a_path_that_is_no_endpoint_is_404(nobody_api: APIClient) -> None:
    for method in (nobody_api.get, nobody_api.post, nobody_api.delete, nobody_api.options):
        assert_problem(method("/api/v1/nothing/here/"), 404)


def test_a_line_break_in_a_path_is_404(api: APIClient) -> None:
    assert_problem(api.get("/api/v1/sites/%0A1/"), 404)


def test_a_missing_slash_is_explained(api: APIClient) -> None:
    assert "slash" in assert_problem(api.get("/api/v1/members"), 404)["detail"]


def test_an_unknown_id_is_404(api: APIClient) -> None:
    for number in ("999999", "0", "9" * 18, "9" * 40):
        assert_problem(api.get(f"/api/v1/members/{number}/"), 404)


def test_a_page_that_does_not_exist_is_404(api: APIClient) -> None:
    assert_problem(api.get("/api/v1/members/?page=99"), 404)


def test_a_method_that_is_not_offered_is_405(api: APIClient) -> None:
    response = api.put("/api/v1/operations/")

    assert_problem(response, 405)
    assert "GET" in response["Allow"]


def test_a_body_that_is_not_json_is_400(staff_api: APIClient) -> None:
    assert_problem(staff_api.post("/api/v1/members/", "{", content_type="application/json"), 400)


@pytest.mark.parametrize("body", ["[]", '"text"', "5", "null", "[[]]"])
def test_json_of_another_form_is_400(staff_api: APIClient, body: str) -> None:
    response = staff_api.post("/api/v1/members/", body, content_type="application/json")

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_another_content_type_is_415(staff_api: APIClient) -> None:
    assert_problem(staff_api.post("/api/v1/members/", "name=x", content_type="text/plain"), 415)


def test_only_json_is_offered(api: APIClient) -> None:
    assert_problem(api.get("/api/v1/members/", HTTP_ACCEPT="text/html"), 406)


def test_errors_stand_beside_their_fields(staff_api: APIClient) -> None:
    response = staff_api.post("/api/v1/members/", {"name": "x" * 200, "kind": "church"}, format="json")

    assert_problem(response, 400, "name", "kind")


def test_an_unknown_order_is_an_error_that_names_the_choices(api: APIClient) -> None:
    body = assert_problem(api.get("/api/v1/members/?ordering=colour"), 400, "ordering")

    assert "name" in body["errors"]["ordering"][0]


def test_a_filter_that_makes_no_sense_is_an_error(api: APIClient) -> None:
    assert_problem(api.get("/api/v1/members/?state=happy"), 400, "state")


def test_an_unexpected_error_tells_nothing(api: APIClient) -> None:
    api.raise_request_exception = False
    with mock.patch.object(selectors, "members_for", side_effect=RuntimeError("secret internals")):
        response = api.get("/api/v1/members/")

    assert_problem(response, 500)
    assert b"secret" not in response.content


def test_a_database_that_is_away_is_503(api: APIClient) -> None:
    with mock.patch.object(selectors, "members_for", side_effect=OperationalError("server closed the connection")):
        response = api.get("/api/v1/members/")

    assert_problem(response, 503)
    assert b"closed" not in response.content


def test_errors_are_told_in_the_readers_language(api: APIClient) -> None:
    response = api.get("/api/v1/members/", HTTP_AUTHORIZATION="Bearer x", HTTP_ACCEPT_LANGUAGE="es")

    assert response["Content-Language"] == "es"
