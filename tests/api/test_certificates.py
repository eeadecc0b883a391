"""``/api/v1/certificates/``."""

from typing import Any

import pytest
from django.utils import timezone

from controlpanel.operations.models import Operation
from members.models import Login
from routing.models import Certificate
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def certificate(login: Login, settings: Any) -> Certificate:
    """Of a name whose DNS leads nowhere."""
    make.HostFactory(roles=["edge"], address="192.0.2.10")
    site = make.SiteFactory(order=make.HostingOrderFactory(member=login.member), domain="shop.example.org")
    settings.ACME_DIRECTORY = "https://acme.example/directory"
    trouble = {"code": "dns_no_record", "params": {"name": "shop.example.org"}}
    rows = Certificate.objects.filter(route__backend__site_id=site.pk)
    rows.update(state="waiting", chain_pem="", retry_at=timezone.now(), trouble=trouble)
    return rows.get()


def test_it_tells_what_is_wrong_and_what_to_set_and_never_a_key(
    api_of: Any, login: Login, certificate: Certificate
) -> None:
    body = api_of(login).get(f"/api/v1/certificates/{certificate.pk}/").json()
    assert (body["name"], body["state"], body["offered"]) == ("shop.example.org", "waiting", False)
    assert (body["trouble_code"], body["trouble"]) == (
        "dns_no_record", "shop.example.org has no address in the DNS yet.",
    )  # fmt: skip
    assert body["dns"] == [{"name": "shop.example.org", "type": "A", "value": "192.0.2.10", "now": []}]
    assert not {"key_pem", "order_key_pem", "token", "key_authorization", "order_url"} & set(body)


def test_lists_are_narrowed_and_ordered(api_of: Any, login: Login, certificate: Certificate) -> None:
    make.SiteFactory(order=make.HostingOrderFactory(member=login.member), domain="other.example.org")
    client = api_of(login)

    def names(query: str) -> list[str]:
        return [row["name"] for row in client.get(f"/api/v1/certificates/?{query}").json()["results"]]

    assert names("state=waiting") == ["shop.example.org"]
    assert names("name=other.example.org") == ["other.example.org"]
    assert names(f"site={certificate.route.backend.site_id}") == ["shop.example.org"]
    assert len(names("ordering=-not_after")) == 2


def test_a_try_is_an_operation_that_its_owner_may_watch(api_of: Any, login: Login, certificate: Certificate) -> None:
    client = api_of(login)
    headers = {"Idempotency-Key": "again-1"}
    first = client.post(f"/api/v1/certificates/{certificate.pk}/retry/", headers=headers)
    assert first.status_code == 202
    assert first.json()["certificate"]["state"] == "ordered"
    assert client.get(first["Location"]).json()["kind"] == "routing.issue_certificates"
    again = client.post(f"/api/v1/certificates/{certificate.pk}/retry/", headers=headers)
    assert again.json()["operation"]["id"] == first.json()["operation"]["id"]
    busy = client.post(f"/api/v1/certificates/{certificate.pk}/retry/")
    assert (busy.status_code, busy.json()["detail"]) == (409, "It is being tried at this moment.")
    assert Operation.objects.filter(kind="routing.issue_certificates").count() == 1


def test_a_preview_starts_nothing(api_of: Any, login: Login, certificate: Certificate) -> None:
    answer = api_of(login).post(f"/api/v1/certificates/{certificate.pk}/retry/?preview=1")
    assert answer.status_code == 200
    assert not Operation.objects.filter(kind="routing.issue_certificates").exists()
    certificate.refresh_from_db()
    assert certificate.retry_at is not None
