"""What is dangerous asks for the password again."""

from typing import Any
from unittest import mock

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from controlpanel import reauthentication
from controlpanel.operations.errors import DirectoryAway
from members.models import Login
from members.reauthentication import recently_authenticated
from tests import factories as make

pytestmark = pytest.mark.django_db
CONFIRM = "/account/confirm/"


@pytest.fixture
def login() -> Login:
    return make.StaffFactory()


@pytest.fixture
def client(login: Login) -> Client:
    client = Client()
    client.force_login(login, backend="members.backends.DirectoryBackend")
    return client


def grow_old(client: Client) -> None:
    session = client.session
    session[reauthentication.KEY] -= reauthentication.FRESH_FOR + 1
    session.save()


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("done")


def ask(session: dict[str, Any]) -> HttpResponse:
    request = RequestFactory().post("/danger/?x=1")
    request.session = session  # type: ignore[assignment]
    return recently_authenticated(view)(request)  # type: ignore[return-value]


def test_who_has_just_logged_in_is_not_asked(client: Client) -> None:
    assert ask(dict(client.session)).content == b"done"


@pytest.mark.parametrize("value", [None, "soon", 0, 4_000_000_000])
def test_anybody_else_is_sent_to_give_the_password_and_back(value: Any) -> None:
    answer = ask({reauthentication.KEY: value})

    assert answer.status_code == 302
    assert answer["Location"] == f"{CONFIRM}?next=%2Fdanger%2F%3Fx%3D1"


def test_the_right_password_leads_back(client: Client, login: Login) -> None:
    grow_old(client)
    with mock.patch("members.views.confirm.authenticate", return_value=login) as asked:
        answer = client.post(CONFIRM, {"password": "right", "next": "/operations/"})

    assert asked.call_args.kwargs == {"username": login.username, "password": "right"}
    assert answer["Location"] == "/operations/"
    assert ask(dict(client.session)).content == b"done"


@pytest.mark.parametrize(("found", "status"), [(None, 200), (DirectoryAway("gone"), 503)])
def test_a_wrong_password_does_not(client: Client, found: Any, status: int) -> None:
    grow_old(client)
    behaviour = {"side_effect": found} if isinstance(found, Exception) else {"return_value": found}
    with mock.patch("members.views.confirm.authenticate", **behaviour):
        answer = client.post(CONFIRM, {"password": "wrong", "next": "/operations/"})

    assert answer.status_code == status
    assert "wrong" not in answer.content.decode().replace("form_errors", "")
    assert ask(dict(client.session)).status_code == 302


def test_somebody_elses_password_is_wrong_too(client: Client) -> None:
    grow_old(client)
    with mock.patch("members.views.confirm.authenticate", return_value=make.StaffFactory()):
        assert client.post(CONFIRM, {"password": "theirs"}).status_code == 200


def test_it_leads_nowhere_else(client: Client, login: Login) -> None:
    with mock.patch("members.views.confirm.authenticate", return_value=login):
        answer = client.post(CONFIRM, {"password": "right", "next": "https://evil.example/"})

    assert "evil" not in answer["Location"]


def test_nobody_is_asked_to_log_in_first() -> None:
    assert reverse("members:login") in Client().get(CONFIRM)["Location"]
