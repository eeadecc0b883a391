"""Certificates as rows and operations: who is at which name, what follows from what, when it is tried again."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db.models import Q
from django.utils import timezone

from controlpanel.operations.models import Operation
from routing import acme_accounts, authority, certificates, desired, issuing, selectors, services
from routing.acme.authority import Challenge, Order
from routing.acme.errors import AuthorityAway, RateLimited
from routing.choices import CertificateState as State
from routing.models import Certificate, Route
from tests.factories import CertificateFactory, HostFactory

pytestmark = pytest.mark.django_db

TOKEN, ANSWER = "t" * 43, f"{'t' * 43}.{'k' * 43}"
ORDER = Order("https://acme.example/order/1", "pending", ("https://acme.example/authz/1",))
CHALLENGE = Challenge("https://acme.example/challenge/1", "pending", TOKEN, ANSWER)


@pytest.fixture
def by_acme(settings: Any) -> None:
    settings.ACME_DIRECTORY = "https://acme.example/directory"


def make_site(site_id: int = 1, primary: str = "a.test", **names: list[str]) -> None:
    services.set_backend(site_id, HostFactory())
    services.set_routes(site_id, primary, **names)


def row(name: str = "a.test") -> Certificate:
    return Certificate.objects.select_related("route").get(route__name=name)


def claimed(name: str = "a.test") -> Certificate:
    assert certificates.claim(Certificate.objects.filter(route__name=name)) == [name]
    return row(name)


def a_chain(name: str = "a.test") -> str:
    return authority.issue(authority.current(), [name]).chain_pem


def test_without_acme_the_panels_own_authority_signs_at_once() -> None:
    make_site(serving=["b.test"])
    assert {one.state for one in Certificate.objects.all()} == {State.ISSUED}
    assert selectors.names_with_certificate(1) == {"a.test", "b.test"}
    assert selectors.certificate_of("a.test").chain_pem != selectors.certificate_of("b.test").chain_pem


def test_with_acme_a_new_name_has_none_and_is_taken_up_when_its_site_is_there(by_acme: None) -> None:
    make_site()
    assert (row().state, row().is_offered) == (State.DUE, False)
    assert issuing.renew_due() == []  # not yet: the site's own operation is to do it
    (operation,) = issuing.follow(1, name="a.test", scopes=["order:1"])
    assert (operation.kind, operation.params["names"]) == ("routing.issue_certificates", ["a.test"])
    assert issuing.follow(1, name="a.test", scopes=["order:1"]) == []  # somebody is at it


def test_a_name_that_nobody_took_up_is_taken_up_by_the_clock(by_acme: None) -> None:
    make_site()
    Certificate.objects.update(retry_at=timezone.now())
    assert [each.params["names"] for each in issuing.renew_due()] == [["a.test"]]
    assert issuing.renew_due() == []


def test_a_name_is_ordered_answered_and_issued(by_acme: None) -> None:
    make_site()
    before = Route.objects.get().revision
    assert certificates.ordered(claimed(), ORDER, "key", CHALLENGE)
    (challenge,) = desired.challenge_resources(Certificate.objects.all())
    assert (challenge.present, challenge.spec) == (True, {"token": TOKEN, "answer": ANSWER})
    assert certificates.issued(row(), a_chain())
    assert (row().state, row().order_url, row().token) == (State.ISSUED, "", "")
    assert row().told_state == State.ORDERED  # until all edges have it
    certificates.arrived(["a.test"])
    assert row().told_state == State.ISSUED
    assert Route.objects.get().revision == before + 1
    found = {each.kind: each for each in desired.certificate_resources(Certificate.objects.all())}
    assert not found["acme_challenge"].present
    assert found["acme_challenge"].revision > challenge.revision
    assert found["certificate"].present


def test_a_renewal_does_not_tell_edges_of_the_name_again(by_acme: None) -> None:
    certificate = CertificateFactory()
    name, before = certificate.name, certificate.route.revision
    assert certificates.ordered(claimed(name), ORDER, "key", CHALLENGE)
    assert certificates.issued(row(name), a_chain(name))
    assert row(name).route.revision == before


def test_who_was_overtaken_by_a_removal_changes_nothing(by_acme: None) -> None:
    make_site()
    late = claimed()
    services.remove(1)
    assert not certificates.ordered(late, ORDER, "key", CHALLENGE)
    certificates.failed(late, {"code": "acme_refused", "params": {}})
    certificates.postponed(late, timezone.now(), "acme_away")
    assert (row().state, row().retry_at) == (State.REVOKED, None)


def test_one_that_comes_with_an_older_order_changes_nothing(by_acme: None) -> None:
    make_site()
    certificates.ordered(claimed(), ORDER, "key", CHALLENGE)
    stale = row()
    certificates.ordered(row(), Order("https://acme.example/order/2", "pending"), "other key", CHALLENGE)
    assert not certificates.issued(stale, a_chain())


def test_the_longer_it_fails_the_later_it_is_tried(by_acme: None) -> None:
    make_site()
    waits = []
    for _try in range(12):
        certificates.failed(claimed(), {"code": "acme_refused", "params": {}})
        waits.append(row().retry_at - timezone.now())
    assert timedelta(minutes=4) < waits[0] < timedelta(minutes=6)
    assert all(second > first * 1.5 for first, second in pairwise(waits[:7]))
    assert timedelta(hours=20) < waits[-1] < timedelta(hours=27)


def test_a_dns_that_is_not_set_yet_is_looked_at_sooner(by_acme: None) -> None:
    make_site()
    certificates.wait_for_dns(claimed(), {"code": "dns_no_record", "params": {"name": "a.test"}})
    assert row().state == State.WAITING
    assert row().retry_at < timezone.now() + timedelta(minutes=1)


def test_an_operation_that_ends_early_lets_its_names_go(by_acme: None) -> None:
    make_site(serving=["b.test"])
    certificates.ordered(claimed("b.test"), ORDER, "key", CHALLENGE)
    claimed("a.test")
    certificates.let_go(["a.test", "b.test"])
    assert {one.state for one in Certificate.objects.all()} == {State.FAILING}
    assert not Certificate.objects.filter(retry_at=None).exists()
    assert row("b.test").order_url == ORDER.url  # it is gone on with


def test_a_certificate_is_renewed_with_a_third_of_its_life_left_each_at_another_time(by_acme: None) -> None:
    start, end = timezone.now(), timezone.now() + timedelta(days=90)
    times = {certificates.renewal(start, end) for _each in range(20)}
    assert len(times) == 20
    assert all(timedelta(days=26) < end - each < timedelta(days=34) for each in times)


def test_renewals_go_in_batches_within_the_hours_budget(by_acme: None, settings: Any) -> None:
    for _each in range(4):
        CertificateFactory(retry_at=timezone.now())
    settings.ACME_ORDERS_PER_HOUR = 3
    (first,) = issuing.renew_due(limit=2)
    assert len(first.params["names"]) == 2
    Certificate.objects.filter(route__name__in=first.params["names"]).update(ordered_at=timezone.now())
    (second,) = issuing.renew_due(limit=2)
    assert len(second.params["names"]) == 1
    Certificate.objects.filter(route__name__in=second.params["names"]).update(ordered_at=timezone.now())
    assert issuing.renew_due(limit=2) == []


def test_a_name_without_a_certificate_goes_before_renewals(by_acme: None) -> None:
    CertificateFactory(retry_at=timezone.now() - timedelta(days=1))
    make_site()
    Certificate.objects.filter(route__name="a.test").update(retry_at=timezone.now())
    (operation,) = issuing.renew_due(limit=1)
    assert operation.params["names"] == ["a.test"]


def test_a_silent_authority_is_asked_ever_less_often_and_nothing_is_started_meanwhile(by_acme: None) -> None:
    CertificateFactory(retry_at=timezone.now())
    account = acme_accounts.current()
    first = acme_accounts.pause(account, AuthorityAway("no answer")) - timezone.now()
    second = acme_accounts.pause(account, AuthorityAway("no answer")) - timezone.now()
    assert second > first * 1.5
    assert issuing.renew_due() == []
    acme_accounts.heard(account)
    assert len(issuing.renew_due()) == 1


def test_an_authority_that_wants_fewer_requests_says_until_when(by_acme: None) -> None:
    until = timezone.now() + timedelta(hours=3)
    acme_accounts.pause(acme_accounts.current(), RateLimited("too many new orders from this account", until))
    assert acme_accounts.paused_until() == until


@pytest.mark.parametrize(
    ("detail", "about"),
    [
        ('too many certificates (50) already issued for "example.org" in the last 168h', True),
        ("too many failed authorizations (5) for www.example.org, retry after", True),
        ("too many new orders (300) from this account in the last 3h0m0s", False),
        ('too many certificates already issued for "ample.org"', False),
        ("Service busy; retry later. org", False),
    ],
)
def test_a_limit_of_one_domain_is_no_limit_of_the_account(detail: str, about: bool) -> None:
    assert RateLimited(detail, timezone.now()).is_about("www.example.org") is about


def test_an_ended_certificate_is_no_longer_offered_and_the_edges_are_told(by_acme: None) -> None:
    HostFactory(roles=["edge"])
    certificate = CertificateFactory(not_after=timezone.now() - timedelta(minutes=1), retry_at=None)
    before = certificate.route.revision
    (operation,) = issuing.renew_due()
    assert (operation.kind, operation.params["names"]) == ("routing.offer_certificates", [certificate.name])
    assert selectors.certificate_of(certificate.name) is None
    assert Route.objects.get(pk=certificate.route_id).revision == before + 1


def test_the_certificate_of_a_removed_name_is_revoked_and_forgotten(by_acme: None) -> None:
    name = CertificateFactory().name
    site_id = row(name).route.backend.site_id
    services.remove(site_id)
    assert row(name).state == State.LEAVING
    (operation,) = issuing.follow(site_id, name=name, scopes=[])
    assert operation.kind == "routing.revoke_certificates"
    certificates.revoked(row(name))
    assert (row(name).state, row(name).chain_pem, row(name).key_pem) == (State.REVOKED, "", "")


def test_a_name_that_comes_back_in_time_has_its_certificate_back(by_acme: None) -> None:
    make_site()
    certificates.ordered(claimed(), ORDER, "key", None)
    certificates.issued(row(), a_chain())
    certificates.arrived(["a.test"])
    services.remove(1)
    assert selectors.names_with_certificate(1) == set()
    make_site(2)
    assert selectors.names_with_certificate(2) == {"a.test"}


def test_staff_may_take_back_a_certificate_that_is_in_use_and_the_name_gets_another(by_acme: None) -> None:
    certificate = CertificateFactory()
    operation = issuing.revoke(certificate)
    assert operation.kind == "routing.revoke_certificates"
    certificates.revoked(row(certificate.name))
    assert (row(certificate.name).state, row(certificate.name).is_offered) == (State.DUE, False)
    assert [each.params["names"] for each in issuing.renew_due()] == [[certificate.name]]


@pytest.mark.parametrize(
    ("state", "ordered", "possible"),
    [
        (State.WAITING, None, True),
        (State.DUE, None, True),
        (State.FAILING, timedelta(minutes=3), True),
        (State.FAILING, timedelta(seconds=5), False),
        (State.ISSUED, None, False),
        (State.LEAVING, None, False),
        (State.ORDERED, None, False),
    ],
)
def test_what_may_be_tried_again_by_hand(by_acme: None, state: str, ordered: timedelta | None, possible: bool) -> None:
    certificate = CertificateFactory(state=state, ordered_at=ordered and timezone.now() - ordered)
    if possible:
        assert issuing.try_again(certificate, scopes=[]).params["names"] == [certificate.name]
        certificate.refresh_from_db()
    else:
        with pytest.raises(issuing.NothingToRetry):
            issuing.try_again(certificate, scopes=[])
    assert (certificate.retry_at is None) is possible


def test_what_the_panel_signed_before_there_was_acme_is_replaced(settings: Any) -> None:
    make_site()
    settings.ACME_DIRECTORY = "https://acme.example/directory"
    assert [each.params["names"] for each in issuing.renew_due()] == [["a.test"]]
    assert selectors.names_with_certificate(1) == {"a.test"}


def test_without_acme_what_is_due_is_signed_anew_and_brought_to_the_edges() -> None:
    HostFactory(roles=["edge"])
    make_site(1, "a.test")
    make_site(2, "b.test")
    before = row().revision
    Certificate.objects.filter(route__name="a.test").update(retry_at=timezone.now())
    assert [each.params["names"] for each in issuing.renew_due()] == [["a.test"]]
    assert row().revision == before + 1
    assert issuing.renew_due() == []
    assert Operation.objects.get().kind == "routing.offer_certificates"


def test_nothing_is_done_for_names_of_removed_sites(by_acme: None) -> None:
    make_site()
    services.remove(1)
    Certificate.objects.filter(~Q(state=State.LEAVING)).update(retry_at=timezone.now())
    assert issuing.renew_due() == []
