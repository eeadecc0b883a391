"""Certificates on a site's page: what is there, what is waited for, and exactly what to set where."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from controlpanel.operations.models import Operation
from hosting.models import HostingOrder, Site
from members.models import Login
from routing.models import Certificate
from tests.factories import HostFactory, SiteFactory

from .conftest import BrowserOf
from .html import Page

NAME = "shop.example.org"
ELSEWHERE = {"code": "dns_elsewhere", "params": {"name": NAME, "addresses": "198.51.100.7"}}


@pytest.fixture
def site(order: HostingOrder, settings: Any) -> Site:
    HostFactory(roles=["edge"], address="192.0.2.10")
    site: Site = SiteFactory(order=order, domain=NAME, placed=True)
    settings.ACME_DIRECTORY = "https://acme.example/directory"
    return site


def waiting(**changes: Any) -> Certificate:
    values = {
        "state": "waiting", "chain_pem": "", "not_after": None, "trouble": ELSEWHERE,
        "retry_at": timezone.now() + timedelta(hours=1), "dns": {"addresses": ["198.51.100.7"], "alias": ""},
    }  # fmt: skip
    Certificate.objects.filter(route__name=NAME).update(**{**values, **changes})
    return Certificate.objects.get(route__name=NAME)


def text_of(browser: Client, site: Site) -> str:
    return Page(browser.get(f"/sites/{site.pk}/")).text


def test_a_name_with_a_certificate_tells_until_when_and_by_whom(browser: Client, site: Site) -> None:
    text = text_of(browser, site)
    assert "Issued" in text
    assert "issued by An authority" in text
    assert "Try again now" not in text


def test_a_name_that_leads_elsewhere_tells_exactly_what_to_set_where(browser: Client, site: Site) -> None:
    waiting()
    page = Page(browser.get(f"/sites/{site.pk}/"))
    assert "shop.example.org leads to 198.51.100.7, which is not here." in page.text
    row = next(row for row in page.all("tr") if "192.0.2.10" in row.text)
    assert [cell.text.strip() for cell in row.children if cell.tag == "td"] == [NAME, "A", "192.0.2.10", "198.51.100.7"]
    assert f"http://{NAME}/" in page.links()
    assert f"https://{NAME}/" not in page.links()


def test_what_the_dns_or_an_authority_said_is_text_and_nothing_else(browser: Client, site: Site) -> None:
    evil = "<script>alert(1)</script>"
    waiting(
        trouble={"code": "acme_invalid", "params": {"name": NAME, "reason": evil}},
        dns={"addresses": [], "alias": evil},
    )
    assert evil.encode() not in browser.get(f"/sites/{site.pk}/").content


def test_one_click_looks_again_now(browser: Client, site: Site) -> None:
    certificate = waiting()
    answer = browser.post(f"/sites/{site.pk}/certificates/{certificate.pk}/retry/")
    assert answer["Location"] == f"/sites/{site.pk}/#certificates"
    operation = Operation.objects.get(kind="routing.issue_certificates")
    assert operation.params == {"names": [NAME], "site": site.pk, "name": site.name, "asked": True}
    text = text_of(browser, site)
    assert f"Get certificates for {NAME}" in text
    assert "Try again now" not in text
    browser.post(f"/sites/{site.pk}/certificates/{certificate.pk}/retry/")
    assert "It is being tried at this moment." in text_of(browser, site)
    assert Operation.objects.filter(kind="routing.issue_certificates").count() == 1


def test_another_members_certificate_is_not_there(
    browser_of: BrowserOf, stranger: Login, browser: Client, site: Site
) -> None:
    certificate = waiting()
    assert browser_of(stranger).post(f"/sites/{site.pk}/certificates/{certificate.pk}/retry/").status_code == 404
    other = SiteFactory()
    theirs = Certificate.objects.get(route__backend__site_id=other.pk)
    assert browser.post(f"/sites/{site.pk}/certificates/{theirs.pk}/retry/").status_code == 404
    assert not Operation.objects.filter(kind="routing.issue_certificates").exists()
