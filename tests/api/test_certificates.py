"""``/api/v1/certificates/``."""

from typing import Any

import pytest
from django.utils import timezone

from controlpanel.operations.models import Operation
from members.models import Login
from routing.models import Certificate
from tests import factories as make
from tests.api.problem import assert_problem
from tests.hosting.own_certificates import house

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


# --- one's own --------------------------------------------------------------------------------------------------------


def mine(certificate: Certificate) -> str:
    return f"/api/v1/sites/{certificate.route.backend.site_id}/certificates/"


def test_one_that_is_brought_along_is_an_operation_and_its_key_is_never_read_back(
    api_of: Any, login: Login, certificate: Certificate
) -> None:
    client, (chain, key) = api_of(login), house().pair("*.example.org")
    headers, body = {"Idempotency-Key": "own-1"}, {"chain": chain, "key": key, "names": ["SHOP.example.org"]}
    first = client.post(mine(certificate), body, format="json", headers=headers)
    assert first.status_code == 202, first.content
    (told,) = first.json()["certificates"]
    assert (told["source"], told["state"], told["offered"], told["issuer"]) == ("own", "issued", True, "Middle")
    operation = client.get(first["Location"]).json()
    assert operation["kind"] == "routing.use_own_certificates"
    line = key.splitlines()[1]
    assert not any(line in answer.content.decode() for answer in (first, client.get(first["Location"])))
    assert set(Operation.objects.get(pk=operation["id"]).params) == {"names", "site", "name", "fingerprint"}
    again = client.post(mine(certificate), body, format="json", headers=headers)
    assert again.json()["operation"]["id"] == operation["id"]
    chain, key = house().pair()
    other = client.post(mine(certificate), {"chain": chain, "key": key}, format="json", headers=headers)
    assert "idempotency-key-reused" in assert_problem(other, 409)["type"]


def test_what_is_wrong_with_it_is_told_for_programs(api_of: Any, login: Login, certificate: Certificate) -> None:
    client, (chain, key) = api_of(login), house().pair("other.example.org")
    answer = client.post(mine(certificate), {"chain": chain, "key": key}, format="json")
    problem = assert_problem(answer, 400, "names")
    assert "not-covered" in problem["type"]
    assert problem["errors"] == {
        "names": ["The certificate does not cover shop.example.org. It covers: other.example.org."]
    }
    theirs = client.post(mine(certificate), {"chain": chain, "key": key, "names": ["other.example.org"]}, format="json")
    assert "not-of-this-site" in assert_problem(theirs, 400, "names")["type"]
    bare = client.post(mine(certificate), {"chain": "x", "key": "y"}, format="json")
    assert set(bare.json()["errors"]) == {"chain", "key"}
    assert not Operation.objects.filter(kind="routing.use_own_certificates").exists()


def test_a_preview_of_it_changes_nothing(api_of: Any, login: Login, certificate: Certificate) -> None:
    chain, key = house().pair()
    answer = api_of(login).post(f"{mine(certificate)}?preview=1", {"chain": chain, "key": key}, format="json")
    assert answer.status_code == 200
    assert answer.json()["operation"]["state"] == "planned"
    certificate.refresh_from_db()
    assert (certificate.source, Operation.objects.count()) == ("acme", 0)


def test_back_to_automatic_ones(api_of: Any, login: Login, stranger_api: Any, certificate: Certificate) -> None:
    client, (chain, key) = api_of(login), house().pair()
    back = f"/api/v1/certificates/{certificate.pk}/automatic/"
    assert client.post(back).status_code == 409
    assert stranger_api.post(mine(certificate), {"chain": chain, "key": key}, format="json").status_code == 404
    client.post(mine(certificate), {"chain": chain, "key": key}, format="json")
    assert client.post(f"/api/v1/certificates/{certificate.pk}/retry/").status_code == 409
    assert stranger_api.post(back).status_code == 404
    answer = client.post(back)
    assert answer.status_code == 202
    told = answer.json()["certificate"]
    assert (told["source"], told["state"], told["offered"]) == ("own", "ordered", True)
    assert client.get(answer["Location"]).json()["kind"] == "routing.issue_certificates"
