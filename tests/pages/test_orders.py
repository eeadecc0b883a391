"""Home: my orders with their sites; and one order."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from hosting.choices import SiteState
from hosting.models import HostingOrder
from members.models import Login
from tests.factories import DomainFactory, HostingOrderFactory, OperationFactory, SiteFactory

from .conftest import BrowserOf
from .html import Page


def test_home_is_the_list_of_my_orders(browser: Client) -> None:
    assert browser.get("/")["Location"] == "/orders/"


def test_every_site_is_there_with_its_state(browser: Client, order: HostingOrder) -> None:
    SiteFactory(order=order, domain="books.example.org")
    SiteFactory(order=order, domain="old.example.org", state=SiteState.DISABLED)
    page = Page(browser.get("/orders/"))
    assert [chip.text for chip in page.all("span", class_="chip")] == ["Active", "Disabled"]
    assert "books.example.org" in page.text
    assert "2 sites of 20" in page.text


def test_nobody_sees_orders_of_others(browser: Client, order: HostingOrder) -> None:
    SiteFactory(domain="secret.example.org")
    page = Page(browser.get("/orders/"))
    assert "secret" not in page.text
    assert [card.attributes["aria-labelledby"] for card in page.all("section", class_="card")] == [f"order-{order.pk}"]


def test_without_an_order_it_says_what_to_do(browser_of: BrowserOf, nobody: Login) -> None:
    assert "Ask whoever administers your member" in Page(browser_of(nobody).get("/orders/")).text


def test_without_a_site_it_says_what_to_do(browser: Client, order: HostingOrder) -> None:
    page = Page(browser.get(f"/orders/{order.pk}/"))
    assert f"/orders/{order.pk}/sites/new/" in page.links()
    assert "Create the first site" in page.text


def test_names_are_shown_as_people_read_them(browser: Client, order: HostingOrder) -> None:
    SiteFactory(order=order, domain="xn--caf-dma.example.org")
    assert "café.example.org" in Page(browser.get("/orders/")).text


def test_staff_find_an_order_by_a_name_of_its_sites(browser_of: BrowserOf, staff: Login) -> None:
    wanted = SiteFactory(domain="needle.example.org").order
    DomainFactory(site=wanted.sites.get(), name="needle2.example.org")
    for _number in range(8):
        HostingOrderFactory()
    page = Page(browser_of(staff).get("/orders/?q=needle"))
    assert [card.attributes["aria-labelledby"] for card in page.all("section", class_="card")] == [f"order-{wanted.pk}"]


def test_search_finds_a_name_typed_with_its_accents(browser: Client, order: HostingOrder) -> None:
    SiteFactory(order=order, domain="xn--caf-dma.example.org")
    assert "café.example.org" in Page(browser.get("/orders/?q=café.example")).text


def test_what_matches_nothing_leads_back(browser: Client, order: HostingOrder) -> None:
    page = Page(browser.get("/orders/?q=<b>x"))
    assert "contains “<b>x”" in page.text
    assert "/orders/" in page.links()


def test_a_deleted_site_can_be_found_while_its_files_are_kept(browser: Client, order: HostingOrder) -> None:
    kept, gone = timezone.now() + timedelta(days=3), timezone.now() - timedelta(days=3)
    one = SiteFactory(order=order, state=SiteState.DELETED, purge_after=kept)
    other = SiteFactory(order=order, state=SiteState.DELETED, purge_after=gone)
    links = Page(browser.get(f"/orders/{order.pk}/")).links()
    assert f"/sites/{one.pk}/" in links
    assert f"/sites/{other.pk}/" not in links


def test_a_full_order_offers_no_new_site(browser: Client, order: HostingOrder) -> None:
    HostingOrder.objects.filter(pk=order.pk).update(max_sites=1)
    SiteFactory(order=order)
    page = Page(browser.get(f"/orders/{order.pk}/"))
    assert f"/orders/{order.pk}/sites/new/" not in page.links()
    assert "All sites of this order are in use" in page.text


def test_an_order_shows_only_its_own_activity(browser: Client, order: HostingOrder) -> None:
    mine = OperationFactory(scopes=order.scopes)
    other = OperationFactory(scopes=HostingOrderFactory(member=order.member).scopes)
    links = Page(browser.get(f"/orders/{order.pk}/")).links()
    assert f"/operations/{mine.pk}/" in links
    assert f"/operations/{other.pk}/" not in links


@pytest.mark.parametrize("path", ["/orders/", "/orders/{order}/"])
def test_more_sites_need_no_more_queries(
    browser: Client, order: HostingOrder, path: str, django_assert_max_num_queries
) -> None:
    for _number in range(12):
        DomainFactory(site=SiteFactory(order=order))
        OperationFactory(scopes=order.scopes)
    browser.get("/operations/")  # the session is noted, once a minute
    with django_assert_max_num_queries(20):
        assert browser.get(path.format(order=order.pk)).status_code == 200
