"""What a page of another site can make a browser do: nothing. Walks every address."""

from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
from django.test import Client
from rest_framework.permissions import SAFE_METHODS

from members.models import Login
from tests import factories as make
from tests.api.endpoints import ALL
from tests.api.world import World
from tests.security.addresses import filled, without_parameters

pytestmark = pytest.mark.django_db

BACKEND = "members.backends.DirectoryBackend"


@pytest.fixture
def staff() -> Login:
    return make.StaffFactory()


# --- forged requests ---------------------------------------------------------------------------------------------


def test_no_page_takes_a_form_without_its_secret(staff: Login) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff, backend=BACKEND)

    for path in filled():
        answer = client.post(path, {"next": "/"})
        assert answer.status_code == 403, f"POST {path} without the secret answers {answer.status_code}"


def test_no_endpoint_takes_a_sessions_write_without_the_secret(staff: Login) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff, backend=BACKEND)
    world = World()

    for endpoint in ALL:
        if endpoint.method not in SAFE_METHODS:
            url = endpoint.url(world.row_of(endpoint.model))
            answer = client.generic(endpoint.method, url, "{}", content_type="application/json")
            assert answer.status_code == 403, f"{endpoint} without the secret answers {answer.status_code}"


# --- open redirects ----------------------------------------------------------------------------------------------

ELSEWHERE = [
    "https://evil.example/", "//evil.example/", "///evil.example", "/\\evil.example", "\\\\evil.example",
    "https:evil.example", "http:///evil.example", "javascript:alert(1)", "/\t/evil.example", "\n//evil.example",
    "https://testserver@evil.example/", "https://testserver.evil.example/",
]  # fmt: skip


def leads_away(answer: Any) -> bool:
    place = urlsplit(answer.get("Location", "").replace("\\", "/"))
    return place.scheme not in ("", "http", "https") or place.netloc not in ("", "testserver")


@pytest.mark.parametrize("who", ["nobody", "staff"])
def test_no_page_sends_its_visitor_to_another_site(who: str, staff: Login) -> None:
    for path in without_parameters():
        client = Client()
        if who == "staff":
            client.force_login(staff, backend=BACKEND)
        for target in ELSEWHERE if "login" in path or "lang" in path or "confirm" in path else ELSEWHERE[:2]:
            for answer in (client.get(path, {"next": target}), client.post(path, {"next": target, "language": "es"})):
                assert not leads_away(answer), f"{path}?next={target!r} leads to {answer['Location']}"


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nor_does_the_login(target: str, staff: Login) -> None:
    staff.backend = BACKEND  # type: ignore[attr-defined]
    with mock.patch("members.forms.account.authenticate", return_value=staff):
        answer = Client().post("/login/", {"username": staff.username, "password": "x", "next": target})
    assert answer.status_code == 302
    assert not leads_away(answer)


# --- sessions ----------------------------------------------------------------------------------------------------


def test_a_session_that_somebody_else_began_is_not_taken_over(staff: Login) -> None:
    client = Client()
    session = client.session
    session["planted"] = "by somebody who knows its key"
    session.save()
    planted = session.session_key
    staff.backend = BACKEND  # type: ignore[attr-defined]
    with mock.patch("members.forms.account.authenticate", return_value=staff):
        client.post("/login/", {"username": staff.username, "password": "x"})

    assert client.session.session_key != planted
    thief = Client()
    thief.cookies["sessionid"] = planted
    assert thief.get("/account/").status_code == 302


def test_a_session_that_was_ended_opens_nothing(staff: Login) -> None:
    client = Client()
    client.force_login(staff, backend=BACKEND)
    key = client.session.session_key
    client.post("/logout/")

    again = Client()
    again.cookies["sessionid"] = key
    assert again.get("/account/").status_code == 302


# --- what browsers are told --------------------------------------------------------------------------------------


def test_every_page_tells_browsers_what_it_may_load_and_that_nobody_may_frame_it(staff: Login) -> None:
    client = Client()
    client.force_login(staff, backend=BACKEND)
    for path in [*without_parameters(), "/api/v1/docs/", "/no/such/page/"]:
        answer = client.get(path)
        policy = dict(
            part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";") if part.strip()
        )
        assert "'unsafe-inline'" not in answer["Content-Security-Policy"], path
        assert policy["default-src"] == "'self'" and policy["frame-ancestors"] == "'none'", path
        assert policy["object-src"] == policy["base-uri"] == "'none'", path
        # The admin's theme evaluates expressions; nothing else does.
        assert ("'unsafe-eval'" in answer["Content-Security-Policy"]) == path.startswith("/admin/"), path
        assert answer["X-Frame-Options"] == "DENY", path
        assert answer["X-Content-Type-Options"] == "nosniff", path
        assert answer["Referrer-Policy"] == "same-origin", path
        if answer["Content-Type"].startswith("text/html") and answer.status_code == 200:
            text = answer.content.decode()
            assert "<script>" not in text, path
            assert text.count("<style") == text.count('<style nonce="'), path


def test_cookies_are_out_of_reach_of_scripts(settings: Any, staff: Login) -> None:
    client = Client()
    staff.backend = BACKEND  # type: ignore[attr-defined]
    with mock.patch("members.forms.account.authenticate", return_value=staff):
        client.post("/login/", {"username": staff.username, "password": "x"})
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax"
