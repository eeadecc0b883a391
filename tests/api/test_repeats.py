"""The same write twice with one Idempotency-Key: done once, answered the same, whatever it is that is written."""

import threading
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.permissions import SAFE_METHODS
from rest_framework.test import APIClient

from controlpanel.operations.api import repeats
from controlpanel.operations.models import Answer
from hosting.models import HostingOrder
from members.models import Login, Token
from tests import factories as make
from tests.api.endpoints import ALL, schema
from tests.api.problem import assert_problem

pytestmark = pytest.mark.django_db


def test_a_token_is_made_once_and_its_text_is_not_told_again(api: APIClient, login: Login) -> None:
    first, again = (
        api.post("/api/v1/tokens/", {"name": "deploy"}, format="json", HTTP_IDEMPOTENCY_KEY="k1") for _ in range(2)
    )

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == {**first.json(), "token": None}
    assert again["Idempotency-Replayed"] == "true"
    assert Token.objects.filter(login=login, name="deploy").count() == 1


def test_what_was_answered_is_not_kept_in_clear(api: APIClient) -> None:
    text = api.post("/api/v1/tokens/", {"name": "deploy"}, format="json", HTTP_IDEMPOTENCY_KEY="k1").json()["token"]

    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM operations_answer")
        stored = cursor.fetchone()[0]
    assert "deploy" not in stored
    assert text not in Answer.objects.get().body


def test_an_order_is_made_once(staff_api: APIClient) -> None:
    member = make.MemberFactory()
    body = {"member": member.pk, "name": "Radio"}

    made = [
        staff_api.post("/api/v1/orders/", body, format="json", HTTP_IDEMPOTENCY_KEY="k1").json()["id"] for _ in range(2)
    ]

    assert made[0] == made[1]
    assert HostingOrder.objects.count() == 1


def test_what_is_gone_is_removed_once(api: APIClient, login: Login) -> None:
    token = make.TokenFactory(login=login)

    answers = [api.delete(f"/api/v1/tokens/{token.pk}/", HTTP_IDEMPOTENCY_KEY="k1").status_code for _ in range(2)]

    assert answers == [204, 204]  # and not a 404 to the one whose first answer was lost


@pytest.mark.parametrize("other", [{"name": "Another"}, {"name": "Radio", "max_sites": 1}])
def test_another_request_with_the_key_is_a_conflict(staff_api: APIClient, other: dict[str, Any]) -> None:
    member = make.MemberFactory()
    staff_api.post("/api/v1/orders/", {"member": member.pk, "name": "Radio"}, format="json", HTTP_IDEMPOTENCY_KEY="k1")

    answer = staff_api.post("/api/v1/orders/", {"member": member.pk, **other}, format="json", HTTP_IDEMPOTENCY_KEY="k1")

    assert "idempotency-key-reused" in assert_problem(answer, 409)["type"]
    assert HostingOrder.objects.count() == 1


def test_keys_are_each_logins_own(staff_api: APIClient, api_of: Any) -> None:
    member = make.MemberFactory()
    body = {"member": member.pk, "name": "Radio"}

    for client in (staff_api, api_of(make.StaffFactory())):
        client.post("/api/v1/orders/", body, format="json", HTTP_IDEMPOTENCY_KEY="k1")

    assert HostingOrder.objects.count() == 2


def test_an_error_is_not_kept(staff_api: APIClient) -> None:
    answers = [
        staff_api.post("/api/v1/members/", {"name": name}, format="json", HTTP_IDEMPOTENCY_KEY="k1").status_code
        for name in ("", "Radio")
    ]

    assert answers == [400, 201]


def test_after_a_day_the_key_is_free(staff_api: APIClient) -> None:
    staff_api.post("/api/v1/members/", {"name": "Radio"}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    Answer.objects.update(created=timezone.now() - repeats.KEPT)
    staff_api.post("/api/v1/members/", {"name": "Press"}, format="json", HTTP_IDEMPOTENCY_KEY="k1")

    assert make.Member.objects.filter(name__in=["Radio", "Press"]).count() == 2
    Answer.objects.update(created=timezone.now() - repeats.KEPT)
    repeats.forget_old()
    assert not Answer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_instant_one_is_done(staff_login: Login) -> None:
    member, text = make.MemberFactory(), make.TokenFactory(login=staff_login).text
    answers = []

    def ask() -> None:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
        body = {"member": member.pk, "name": "Radio"}
        answers.append(client.post("/api/v1/orders/", body, format="json", HTTP_IDEMPOTENCY_KEY="k1").json()["id"])
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(answers)) == 1 and len(answers) == 3
    assert HostingOrder.objects.count() == 1


def test_every_write_takes_a_key() -> None:
    """The mechanism is in the class that all endpoints share: a view that does not stand on it has none."""
    for endpoint in ALL:
        if endpoint.method not in SAFE_METHODS:
            assert hasattr(endpoint.view, "rows"), f"{endpoint} is not made of controlpanel.api.views.Rows"
    for path, methods in schema()["paths"].items():
        for method, operation in methods.items():
            told = [parameter["name"] for parameter in operation.get("parameters", [])].count("Idempotency-Key")
            assert told == (method != "get"), f"{method} {path}"
