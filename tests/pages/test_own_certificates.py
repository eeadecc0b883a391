"""A certificate of one's own, in the browser: brought, served, told of before it ends, and given up again."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone

from controlpanel.audit.models import Entry
from controlpanel.operations.models import Event, Operation
from hosting.models import HostingOrder, Site
from hosting.own_certificates import reminders
from members.models import Login, Mail
from routing import certificates, desired, issuing, own_certificates
from routing import services as routing
from routing.acme.authority import Order
from routing.models import Certificate
from tests.factories import DomainFactory, HostFactory, SiteFactory
from tests.hosting.own_certificates import a_key, house, key_pem, pem

from .conftest import BrowserOf
from .html import Page

NAME, ALIAS = "shop.example.org", "www.example.org"


@pytest.fixture
def site(order: HostingOrder, settings: Any) -> Site:
    HostFactory(name="edge1", roles=["edge"], address="192.0.2.10")
    site: Site = SiteFactory(order=order, domain=NAME, placed=True)
    DomainFactory(site=site, name=ALIAS)
    routing.set_routes(site.pk, NAME, [ALIAS])
    settings.ACME_DIRECTORY = "https://acme.example/directory"
    return site


def row(name: str = NAME) -> Certificate:
    return Certificate.objects.select_related("route").get(route__name=name)


def address(site: Site) -> str:
    return f"/sites/{site.pk}/certificates/own/"


def bring(browser: Client, site: Site, *names: str, **how: Any) -> tuple[str, str]:
    """Chain and key, once the page has taken them for all names."""
    chain, key = house().pair(*names, **how)
    answer = browser.post(address(site), {"chain": chain, "key": key})
    assert answer.status_code == 302, answer.content.decode()
    return chain, key


def test_what_is_pasted_goes_to_the_edges_for_the_names_that_it_covers(browser: Client, site: Site) -> None:
    before = row().revision
    chain, key = bring(browser, site, NAME)
    (operation,) = Operation.objects.filter(kind="routing.use_own_certificates")
    assert operation.params["names"] == [NAME]
    assert [step.action for step in operation.steps.all()] == ["routing.offer_certificates"]
    certificate = row()
    assert (certificate.source, certificate.chain_pem, certificate.key_pem) == ("own", chain, key)
    assert certificate.revision == before + 1
    spec = {
        each.kind: each.spec for each in desired.certificate_resources(Certificate.objects.filter(pk=certificate.pk))
    }
    assert spec["certificate"] == {"names": [NAME], "pem": chain + key}
    assert row(ALIAS).source != "own"
    text = Page(browser.get(f"/sites/{site.pk}/")).text
    assert "issued by Middle" in text
    assert "You uploaded it" in text
    assert f"Serve the uploaded certificate for {NAME}" in text


def test_one_without_its_chain_is_taken_and_warned_of(browser: Client, site: Site) -> None:
    key = a_key()
    told = "without the certificates of its authority"
    browser.post(address(site), {"chain": pem(house().leaf(key)), "key": key_pem(key)})
    assert told in Page(browser.get(f"/sites/{site.pk}/")).text
    bring(browser, site)
    assert told not in Page(browser.get(f"/sites/{site.pk}/")).text


def test_files_do_as_well_and_names_may_be_chosen(browser: Client, site: Site) -> None:
    chain, key = house().pair("*.example.org")
    files = {
        "chain_file": SimpleUploadedFile("chain.crt", b"\xef\xbb\xbf" + chain.encode()),
        "key_file": SimpleUploadedFile("site.key", key.encode()),
    }
    assert browser.post(address(site), {**files, "names": [ALIAS]}).status_code == 302
    assert (row(ALIAS).source, row(NAME).source == "own") == ("own", False)


def test_the_key_is_nowhere_but_encrypted_in_its_row(
    browser: Client, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    _chain, key = bring(browser, site)
    line = key.splitlines()[1]
    with connection.cursor() as cursor:
        cursor.execute("SELECT key_pem FROM routing_certificate WHERE source = 'own'")
        stored = [text for (text,) in cursor.fetchall()]
        cursor.execute("SELECT operations_operation::text FROM operations_operation")
        told = [text for (text,) in cursor.fetchall()]
        cursor.execute("SELECT audit_entry::text FROM audit_entry")
        told += [text for (text,) in cursor.fetchall()]
    told += [str(vars(event)) for event in Event.objects.all()] + [caplog.text]
    told += [browser.get(path).content.decode() for path in (f"/sites/{site.pk}/", address(site), "/history/")]
    assert stored
    assert not any(line in text for text in (*stored, *told))


def test_what_was_wrong_is_told_and_the_key_is_not_sent_back(browser: Client, site: Site) -> None:
    chain, _key = house().pair()
    other = key_pem(a_key())
    answer = browser.post(address(site), {"chain": chain, "key": other})
    assert answer.status_code == 422
    assert "The key does not belong to the certificate." in Page(answer).text
    assert chain.splitlines()[1] in answer.content.decode()
    assert other.splitlines()[1] not in answer.content.decode()
    protected = key_pem(a_key(), "secret")
    assert "openssl pkey" in Page(browser.post(address(site), {"chain": chain, "key": protected})).text


def test_names_that_it_does_not_cover_are_told_exactly(browser: Client, site: Site) -> None:
    chain, key = house().pair("example.org", "*.shop.example.org")
    answer = browser.post(address(site), {"chain": chain, "key": key, "names": [NAME]})
    told = "The certificate does not cover shop.example.org. It covers: *.shop.example.org, example.org."
    assert (answer.status_code, told in Page(answer).text) == (422, True)


def test_a_page_that_is_sent_twice_is_one_operation(browser: Client, site: Site) -> None:
    chain, key = house().pair()
    fields = {"chain": chain, "key": key, "idempotency_key": "once"}
    assert browser.post(address(site), fields)["Location"] == browser.post(address(site), fields)["Location"]
    other_chain, other_key = house().pair()
    again = browser.post(address(site), {**fields, "chain": other_chain, "key": other_key})
    assert again.status_code == 422
    assert row().chain_pem == chain


def test_it_reads_in_spanish(browser_of: BrowserOf, anna: Login, site: Site) -> None:
    page = Page(browser_of(anna, "es").post(address(site), {"chain": "x"}))
    assert "No hay ningún certificado en formato PEM." in page.text


def test_another_members_site_is_not_there(browser_of: BrowserOf, stranger: Login, browser: Client, site: Site) -> None:
    chain, key = house().pair()
    other = browser_of(stranger)
    assert other.get(address(site)).status_code == 404
    assert other.post(address(site), {"chain": chain, "key": key}).status_code == 404
    bring(browser, site)
    back = f"/sites/{site.pk}/certificates/{row().pk}/automatic/"
    assert other.post(back).status_code == 404
    assert row().is_kept


def test_no_authority_is_asked_about_its_name(browser: Client, site: Site) -> None:
    bring(browser, site)
    Certificate.objects.update(retry_at=timezone.now())
    assert issuing.renew_due() == []
    assert issuing.follow(site.pk, name=NAME, scopes=[]) == []
    with pytest.raises(issuing.NothingToRetry):
        issuing.replace(row())
    routing.set_routes(site.pk, NAME, [ALIAS])
    assert row().is_kept


def test_an_order_under_way_is_overtaken(browser: Client, site: Site) -> None:
    Certificate.objects.filter(route__name=NAME).update(retry_at=None, state="due", chain_pem="", source="")
    certificates.ordered(row(), Order("https://acme.example/order/1", "pending"), "a key", None)
    late = row()
    chain, _key = bring(browser, site)
    assert not certificates.issued(late, house().pair()[0])
    certificates.failed(late, {"code": "acme_refused", "params": {}})
    certificates.let_go([NAME])
    assert (row().chain_pem, row().order_url, row().order_key_pem, row().is_kept) == (chain, "", "", True)


def test_going_back_serves_it_until_the_other_one_is_there(browser: Client, site: Site) -> None:
    chain, _key = bring(browser, site)
    back = f"/sites/{site.pk}/certificates/{row().pk}/automatic/"
    assert browser.post(back)["Location"] == f"/sites/{site.pk}/#certificates"
    (operation,) = Operation.objects.filter(kind="routing.issue_certificates")
    assert operation.params["names"] == [NAME]
    assert (row().chain_pem, row().source, row().told_state) == (chain, "own", "ordered")
    assert "Until it is there, yours is served." in Page(browser.get(f"/sites/{site.pk}/")).text
    certificates.failed(row(), {"code": "acme_refused", "params": {}})
    assert (row().chain_pem, row().state) == (chain, "failing")
    Certificate.objects.filter(route__name=NAME).update(retry_at=None)
    certificates.ordered(row(), Order("https://acme.example/order/1", "pending"), "acme key", None)
    assert row().chain_pem == chain
    other = house().pair()[0]
    assert certificates.issued(row(), other)
    assert (row().source, row().chain_pem, row().key_pem) == ("acme", other, "acme key")
    browser.post(back)
    assert "It has no certificate of its own" in Page(browser.get(f"/sites/{site.pk}/")).text


def test_without_acme_the_panels_own_authority_takes_over_at_once(browser: Client, site: Site, settings: Any) -> None:
    settings.ACME_DIRECTORY = ""
    bring(browser, site)
    browser.post(f"/sites/{site.pk}/certificates/{row().pk}/automatic/")
    assert (row().source, row().state) == ("local", "issued")
    assert Operation.objects.filter(kind="routing.offer_certificates", params__names=[NAME]).exists()


def test_with_its_name_it_goes_and_its_key_too(browser: Client, site: Site) -> None:
    bring(browser, site)
    routing.set_routes(site.pk, ALIAS)
    assert (row(NAME).state, row(NAME).chain_pem, row(NAME).key_pem) == ("revoked", "", "")
    assert row(ALIAS).is_kept
    routing.remove(site.pk)
    assert (row(ALIAS).chain_pem, row(ALIAS).key_pem) == ("", "")
    resources = desired.certificate_resources(Certificate.objects.all())
    assert not any(each.present for each in resources)


def test_when_it_has_ended_an_automatic_one_is_got(browser: Client, site: Site) -> None:
    bring(browser, site, NAME)
    Certificate.objects.filter(source="own").update(not_after=timezone.now())
    assert {each.kind for each in issuing.renew_due()} == {"routing.offer_certificates", "routing.issue_certificates"}
    assert (row().source, row().key_pem, row().told_state) == ("", "", "ordered")


def test_its_owners_are_written_to_at_each_mark_once(browser: Client, site: Site, anna: Login) -> None:
    anna.email, anna.language = "anna@example.org", "es"
    anna.save()
    bring(browser, site, NAME, ALIAS, ends=timedelta(days=20))
    assert reminders.send() == 0  # they have just uploaded it
    Certificate.objects.filter(source="own").update(reminded=timezone.now() - timedelta(days=100))
    assert (reminders.send(), reminders.send()) == (2, 0)
    mail = Mail.objects.get(to=anna.email)
    assert f"{NAME}, {ALIAS}" in mail.subject
    assert f"/sites/{site.pk}/certificates/own/" in mail.body
    assert "certificados automáticos" in mail.body


def test_marks_are_a_month_two_weeks_one_week_and_a_day_before(browser: Client, site: Site) -> None:
    bring(browser, site, NAME, ends=timedelta(days=90))
    end = row().not_after
    assert end is not None
    days = (31, 29, 28, 13, 6, 5, 0.5, 0.4, -1)
    told = [len(own_certificates.to_remind(end - timedelta(days=each))) for each in days]
    assert told == [0, 1, 0, 1, 1, 0, 1, 0, 0]


def test_the_glance_warns_a_month_before(browser: Client, site: Site) -> None:
    bring(browser, site, NAME, ends=timedelta(days=25))
    told = "A certificate that you uploaded ends in"
    assert told in Page(browser.get(f"/sites/{site.pk}/")).text
    assert own_certificates.ending().count() == 1


def test_who_brought_it_is_in_the_history(browser: Client, site: Site, anna: Login) -> None:
    bring(browser, site, NAME)
    assert Entry.objects.filter(verb="asked", actor_id=anna.pk).exists()
    assert f"Serve the uploaded certificate for {NAME}" in Page(browser.get("/history/")).text
