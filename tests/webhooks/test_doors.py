"""Webhooks in the browser and over REST: made, changed, tried, watched; secrets are shown once."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from members.models import Login
from tests import factories as make
from tests.api.problem import assert_problem
from webhooks.models import Delivery, Webhook

pytestmark = pytest.mark.django_db

URL = "https://receiver.example/hook"


@pytest.fixture
def login() -> Login:
    return make.MemberAdminFactory()


@pytest.fixture
def api(login: Login) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make.TokenFactory(login=login).text}")
    return client


@pytest.fixture
def browser(login: Login) -> Client:
    client = Client()
    client.force_login(login, backend="members.backends.DirectoryBackend")
    return client


def test_its_secret_is_shown_once_and_kept_encrypted(api: APIClient, login: Login) -> None:
    body = {"name": "deploys", "url": URL, "member": login.member_id, "kinds": ["hosting.create_site"]}
    made = api.post("/api/v1/webhooks/", body, format="json")

    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    assert "secret" not in api.get(f"/api/v1/webhooks/{made.json()['id']}/").json()
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM webhooks_webhook")
        assert made.json()["secret"] not in cursor.fetchone()[0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"url": "http://receiver.example/"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "https://localhost:99999999/"}, "url"),
        ({"kinds": ["hosting.make_coffee"]}, "kinds"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field(api: APIClient, login: Login, body: Any, field: str) -> None:
    whole = {"name": "x", "url": URL, "member": login.member_id, **body}
    assert_problem(api.post("/api/v1/webhooks/", whole, format="json"), 400, field)


def test_members_hear_of_their_own_only(api: APIClient, login: Login) -> None:
    assert_problem(api.post("/api/v1/webhooks/", {"name": "x", "url": URL}, format="json"), 403)  # of everything
    other = make.HostingOrderFactory()
    assert_problem(api.post("/api/v1/webhooks/", {"name": "x", "url": URL, "order": other.pk}, format="json"), 404)
    assert not Webhook.objects.exists()


def test_of_one_order_by_who_administers_it() -> None:
    order = make.HostingOrderFactory()
    client = APIClient()
    login = make.LoginFactory(administers_order=order)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make.TokenFactory(login=login).text}")

    made = client.post("/api/v1/webhooks/", {"name": "x", "url": URL, "order": order.pk}, format="json")

    assert made.json()["order"] == order.pk
    of_member = {"name": "x", "url": URL, "member": order.member_id}
    assert_problem(client.post("/api/v1/webhooks/", of_member, format="json"), 404)


def test_it_is_changed_tried_watched_and_removed(api: APIClient, login: Login) -> None:
    webhook = make.WebhookFactory(member=login.member, failing_since=timezone.now(), given_up=True, active=False)
    address = f"/api/v1/webhooks/{webhook.pk}/"

    assert api.patch(address, {"active": True}, format="json").json()["failing_since"] is None
    assert api.post(f"{address}rotate/").json()["secret"] != webhook.secret
    sent = api.post(f"{address}test/").json()
    assert [row["id"] for row in api.get(f"{address}deliveries/").json()["results"]] == [sent["id"]]
    assert_problem(api.post(f"{address}deliveries/{sent['id']}/resend/"), 400, "non_field_errors")
    Delivery.objects.update(state="failed")
    assert api.post(f"{address}deliveries/{sent['id']}/resend/").json()["state"] == "waiting"
    api.patch(address, {"active": False}, format="json")
    assert Delivery.objects.get().trouble == "switched_off"
    assert api.delete(address).status_code == 204


def test_the_pages_do_the_same(browser: Client, login: Login) -> None:
    data = {"name": "deploys", "url": URL, "of": f"member:{login.member_id}", "kinds": ""}
    made = browser.post("/webhooks/new/", data)
    webhook = Webhook.objects.get()
    assert webhook.secret in made.text
    assert webhook.secret not in browser.get(f"/webhooks/{webhook.pk}/").text
    assert webhook.name in browser.get("/webhooks/").text
    browser.post(f"/webhooks/{webhook.pk}/test/")
    assert "test" in browser.get(f"/webhooks/{webhook.pk}/").text
    browser.post(f"/webhooks/{webhook.pk}/edit/", {**data, "name": "renamed"})
    browser.post(f"/webhooks/{webhook.pk}/off/")
    webhook.refresh_from_db()
    assert (webhook.name, webhook.active) == ("renamed", False)
    browser.post(f"/webhooks/{webhook.pk}/remove/")
    assert not Webhook.objects.exists()


def test_pages_of_others_are_not_found(browser: Client) -> None:
    other = make.DeliveryFactory().webhook
    for path in ("", "edit/"):
        assert browser.get(f"/webhooks/{other.pk}/{path}").status_code == 404
    for path in ("test/", "rotate/", "off/", "remove/", f"deliveries/{other.deliveries.get().pk}/again/"):
        assert browser.post(f"/webhooks/{other.pk}/{path}").status_code == 404
    bad = {"name": "x", "url": URL, "of": f"member:{other.member_id}"}
    assert "of" in browser.post("/webhooks/new/", bad).context["form"].errors
