"""The browser may call the API with its session, and only pages of ours may make it."""

import pytest
from rest_framework.test import APIClient

from members.models import Login
from tests.api.problem import assert_problem


@pytest.fixture
def browser(login: Login) -> APIClient:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(login, backend="members.backends.DirectoryBackend")
    return client


def test_a_session_reads(browser: APIClient, login: Login) -> None:
    assert browser.get("/api/v1/logins/me/").json()["id"] == login.pk


def test_a_session_writes_nothing_without_the_forms_secret(browser: APIClient) -> None:
    assert_problem(browser.post("/api/v1/tokens/", {"name": "stolen"}, format="json"), 403)


def test_a_login_that_was_locked_out_reads_nothing(browser: APIClient, login: Login) -> None:
    Login.objects.filter(pk=login.pk).update(is_active=False)

    assert_problem(browser.get("/api/v1/logins/me/"), 401)
