"""The box in the header, and the page that it leads to."""

from django.test import Client

from hosting.models import HostingOrder
from members.models import Login
from tests.factories import MemberAdminFactory, OperationFactory, SiteFactory

from .conftest import BrowserOf
from .html import Page


def test_every_page_has_the_box(browser: Client, order: HostingOrder) -> None:
    for path in ("/orders/", f"/orders/{order.pk}/", "/operations/", "/account/"):
        page = Page(browser.get(path))
        assert page.one("form", class_="site-search").attributes["action"] == "/search/"
        assert "/search/" in page.links()  # on a phone


def test_hits_are_grouped_and_lead_to_their_pages(browser: Client, order: HostingOrder) -> None:
    site = SiteFactory(order=order, domain="bookshop.example.org")
    page = Page(browser.get("/search/?q=bookshop"))
    assert [heading.text for heading in page.all("h2")] == ["Sites", "Hosting orders"]
    assert {f"/sites/{site.pk}/", f"/orders/{order.pk}/"} <= set(page.links())
    assert page.one("input", id="q").attributes["value"] == "bookshop"


def test_an_operation_is_found_by_its_number(browser: Client, order: HostingOrder) -> None:
    operation = OperationFactory(scopes=order.scopes)
    assert f"/operations/{operation.pk}/" in Page(browser.get(f"/search/?q=%23{operation.pk}")).links()


def test_nothing_found_says_what_else_to_try(browser: Client) -> None:
    page = Page(browser.get("/search/?q=<b>none"))
    assert "“<b>none”" in page.text
    assert "the number of an operation" in page.text


def test_before_anything_is_asked_it_says_what_can_be_found(browser: Client) -> None:
    assert "Finds sites by any of their names" in Page(browser.get("/search/")).text


def test_others_are_not_found(browser: Client, browser_of: BrowserOf, anna: Login) -> None:
    SiteFactory(domain="secret.example.org")
    MemberAdminFactory(username="secretive")
    assert "Nothing matches" in Page(browser.get("/search/?q=secret")).text


def test_strangers_are_asked_to_log_in(client: Client) -> None:
    assert client.get("/search/?q=x")["Location"].startswith("/login/")
