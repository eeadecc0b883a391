"""An authority that is slow, refuses, rate-limits or talks nonsense: what becomes of names, and how it is spared."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from routing import acme_accounts, certificates, services
from routing.acme import network
from routing.acme_work import Batch
from routing.choices import CertificateState as State
from routing.models import AcmeAccount, Certificate
from tests.factories import HostFactory
from tests.panel import fresh_name

from . import faulty
from .edges import Edge, absent, present
from .faulty import Faulty

pytestmark = [pytest.mark.lab, pytest.mark.django_db]


@pytest.fixture
def acme(settings: Any) -> Iterator[Faulty]:
    with faulty.authority() as found:
        settings.ACME_DIRECTORY = found.directory
        yield found


@pytest.fixture
def names(acme: Faulty) -> list[str]:
    """Three names that an operation is at."""
    found = sorted(fresh_name("authority") for _ in range(3))
    services.set_backend(1, HostFactory())
    services.set_routes(1, found[0], found)
    assert certificates.claim(Certificate.objects.all()) == found
    return found


def rows() -> list[Certificate]:
    return list(Certificate.objects.order_by("route__name"))


def codes() -> set[str]:
    return {row.trouble.get("code", "") for row in rows()}


def test_names_are_ordered_answered_at_the_edges_and_become_certificates(
    names: list[str], acme: Faulty, edges: list[Edge]
) -> None:
    assert Batch(names).order()["done"] == names
    for edge in edges:
        for row in rows():
            spec = {"token": row.token, "answer": row.key_authorization}
            edge.apply(present("acme_challenge", row.resource_id.replace("-", "-9000"), spec))
            answer = edge.get(row.route.name, f"/.well-known/acme-challenge/{row.token}")
            assert (answer.status, answer.body) == (200, row.key_authorization)
    assert Batch(names).validate()["done"] == names
    certificates.arrived(names)
    assert {(row.state, bool(row.chain_pem and row.key_pem)) for row in rows()} == {(State.ISSUED, True)}
    for edge in edges:
        token = {"token": "gone" * 5, "answer": f"{'gone' * 5}.{'k' * 43}"}
        for row in rows():
            edge.apply(present("acme_challenge", row.resource_id.replace("-", "-9000"), token))
            edge.apply(absent("acme_challenge", row.resource_id.replace("-", "-9000")))
        assert edge.get(names[0], f"/.well-known/acme-challenge/{'gone' * 5}").status == 404


def test_a_step_that_is_repeated_after_a_crash_goes_on_with_the_same_orders(names: list[str], acme: Faulty) -> None:
    Batch(names).order()
    before = {row.order_url for row in rows()}
    Batch(names).order()
    assert {row.order_url for row in rows()} == before


def test_a_name_that_edges_do_not_answer_fails_with_the_authoritys_words_and_no_other_name_does(
    names: list[str], acme: Faulty, edges: list[Edge]
) -> None:
    Batch(names).order()
    good = rows()[1]
    for edge in edges:
        edge.apply(present("acme_challenge", "route-90001", {"token": good.token, "answer": good.key_authorization}))
    try:
        assert Batch(names).validate()["done"] == [names[1]]
    finally:
        for edge in edges:
            edge.clean()
    assert [row.state for row in rows()] == [State.FAILING, State.ISSUED, State.FAILING]
    assert rows()[0].trouble["code"] == "acme_invalid"
    assert "404" in rows()[0].trouble["params"]["reason"]
    assert rows()[0].order_url == ""


def test_a_limit_of_the_account_stops_all_until_the_authority_says_so(names: list[str], acme: Faulty) -> None:
    acme.fault = faulty.problem(429, "rateLimited", "too many new orders from this account", Retry_After="7200")
    Batch(names).order()
    assert acme.count("order-plz") == 1
    assert codes() == {"acme_limited"}
    assert all(row.retry_at > timezone.now() + timedelta(minutes=119) for row in rows())
    asked = len(acme.asked)
    Certificate.objects.update(retry_at=None)
    Batch(names, asked=True).order()  # a person does not override it either
    assert len(acme.asked) == asked


def test_a_limit_of_one_domain_stops_only_its_name(names: list[str], acme: Faulty) -> None:
    limit = faulty.problem(429, "rateLimited", f"too many certificates already issued for {names[0]}", Retry_After="60")
    first: list[str] = []

    def once(method: str, path: str) -> Any:
        answer = limit(method, path) if not first else None
        first.extend(["x"] if answer else [])
        return answer

    acme.fault = once
    assert Batch(names).order()["done"] == names[1:]
    assert [row.trouble.get("code") for row in rows()] == ["acme_limited", None, None]


def test_a_refused_name_tells_why_and_gets_a_new_order_later(names: list[str], acme: Faulty) -> None:
    acme.fault = faulty.problem(403, "rejectedIdentifier", "policy forbids this name")
    Batch(names).order()
    assert {row.state for row in rows()} == {State.FAILING}
    assert rows()[0].trouble["params"]["reason"] == "policy forbids this name"
    assert acme_accounts.paused_until() is None


@pytest.mark.parametrize(
    "fault",
    [faulty.problem(500, "serverInternal", "broken"), faulty.slow(2), faulty.garbage],
    ids=["500", "slow", "junk"],
)
def test_an_authority_that_does_not_answer_properly_is_asked_once_and_left_alone(
    fault: Any, names: list[str], acme: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "READ", 0.5)
    acme.fault = fault
    Batch(names).order()
    assert acme.count("order-plz") == 1
    assert codes() == {"acme_away"}
    assert acme_accounts.paused_until() is not None
    acme.fault = lambda method, path: None
    Certificate.objects.update(retry_at=None)
    assert Batch(names, asked=True).order()["done"] == names
    assert acme_accounts.paused_until() is None


def test_an_authority_that_is_not_there_leaves_every_name_to_be_tried_again(settings: Any) -> None:
    settings.ACME_DIRECTORY = "http://127.0.0.1:9/dir"
    services.set_backend(1, HostFactory())
    services.set_routes(1, "gone.test")
    certificates.claim(Certificate.objects.all())
    Batch(["gone.test"]).order()
    assert codes() == {"acme_away"}
    assert rows()[0].retry_at is not None


def test_an_account_that_the_authority_has_forgotten_is_made_anew(names: list[str], acme: Faulty) -> None:
    acme_accounts.current()
    AcmeAccount.objects.update(url=acme.directory.replace("/dir", "/my-account/0123456789abcdef"))
    assert Batch(names).order()["done"] == names
    assert not AcmeAccount.objects.get().url.endswith("0123456789abcdef")


def test_no_secret_is_in_what_a_step_answers(names: list[str], acme: Faulty) -> None:
    answer = str(Batch(names).order())
    for row in rows():
        assert row.token not in answer
        assert row.order_key_pem not in answer
