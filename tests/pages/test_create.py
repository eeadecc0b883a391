"""Creating a site with the form."""

import pytest
from django.test import Client

from controlpanel.operations.models import Operation
from hosting.choices import SiteKind
from hosting.models import HostingOrder, Site
from tests.factories import HostFactory, PoolFactory, SiteFactory

from .html import Page


@pytest.fixture(autouse=True)
def _data_centre(db: None) -> None:
    """Enough hosts for placement to find one."""
    HostFactory(name="web9")
    HostFactory(name="edge9", roles=["edge"])
    PoolFactory(used_bytes=0)


@pytest.fixture
def path(order: HostingOrder) -> str:
    return f"/orders/{order.pk}/sites/new/"


def fill(browser: Client, path: str, **values: str) -> dict[str, str]:
    """What the browser would send: the page's own hidden key, and what somebody typed."""
    page = Page(browser.get(path))
    return {"idempotency_key": page.value("idempotency_key"), "kind": "php", "domains": "shop.example.org", **values}


def test_it_leads_to_the_live_page_of_its_operation(browser: Client, order: HostingOrder, path: str) -> None:
    response = browser.post(path, fill(browser, path, domains="shop.example.org\nwww.shop.example.org"))
    site = Site.objects.get()
    operation = Operation.objects.get()
    assert response.status_code == 302
    assert response["Location"] == f"/operations/{operation.pk}/"
    assert (site.order, site.kind) == (order, SiteKind.PHP)
    assert site.served_names == ["shop.example.org", "www.shop.example.org"]
    assert operation.scopes == site.scopes
    assert operation.requested_by.username == "anna"
    assert "shop.example.org" in Page(browser.get(response["Location"])).one("h1").text


def test_a_double_click_makes_one_operation(browser: Client, path: str) -> None:
    values = fill(browser, path)
    first, second = browser.post(path, values), browser.post(path, values)
    assert first["Location"] == second["Location"]
    assert Operation.objects.count() == Site.objects.count() == 1


def test_each_page_has_a_key_of_its_own(browser: Client, path: str) -> None:
    assert fill(browser, path)["idempotency_key"] != fill(browser, path)["idempotency_key"]


def test_a_key_used_for_something_else_is_explained(browser: Client, path: str, order: HostingOrder) -> None:
    site = SiteFactory(order=order, placed=True)
    values = fill(browser, path)
    browser.post(path, values)
    response = browser.post(f"/sites/{site.pk}/disable/", {"idempotency_key": values["idempotency_key"]})
    assert response.status_code == 422
    assert "already used for something else" in Page(response).text


def test_names_are_kept_as_punycode_and_shown_readable(browser: Client, path: str) -> None:
    browser.post(path, fill(browser, path, domains="Café.Example.org."))
    site = Site.objects.get()
    assert site.primary == "xn--caf-dma.example.org"
    assert Page(browser.get(f"/sites/{site.pk}/")).one("h1").text == "café.example.org"


@pytest.mark.parametrize(
    "typed", ["a.example.org b.example.org", "a.example.org,b.example.org", "a.example.org\r\n\r\nb.example.org"]
)
def test_names_may_be_parted_by_lines_blanks_or_commas(browser: Client, path: str, typed: str) -> None:
    browser.post(path, fill(browser, path, domains=typed))
    assert Site.objects.get().served_names == ["a.example.org", "b.example.org"]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "This field is required"),
        ("nodot", "needs at least one dot"),
        ("http://shop.example.org/", "without http://"),
        ("10.0.0.1", "is an IP address"),
        ("../../etc/passwd", "without a path"),
        ('a"b.example.org', "cannot be in a domain name"),
        ("<script>alert(1)</script>", "without a path"),
        ("раураl.com", "mixes letters that look alike"),
        ("x" * 10_000, "at most 253 characters"),
        ("x\n" * 15_000, "at most 20000 characters"),
        ("\n".join(f"n{n}.example.org" for n in range(150)), "at most 100 names"),
        ("nul\x00.example.org", "Null characters are not allowed"),
    ],
    ids=range(12),
)
def test_what_is_wrong_stands_beside_the_field(browser: Client, path: str, typed: str, says: str) -> None:
    response = browser.post(path, fill(browser, path, domains=typed))
    page = Page(response)
    assert response.status_code == 422
    assert says in page.error_of("domains")
    assert not page.error_of("kind")
    assert not Site.objects.exists()


def test_everything_that_is_wrong_is_told_at_once(browser: Client, path: str) -> None:
    page = Page(browser.post(path, fill(browser, path, domains="nodot", kind="")))
    assert page.error_of("domains")
    assert page.error_of("kind")


def test_what_was_typed_is_still_there(browser: Client, path: str) -> None:
    page = Page(browser.post(path, fill(browser, path, domains="good.example.org\nbad")))
    assert page.value("domains") == "good.example.org\nbad"
    assert [
        radio.attributes["value"] for radio in page.all("input", type="radio") if "checked" in radio.attributes
    ] == ["php"]


def test_the_fields_point_at_their_errors(browser: Client, path: str) -> None:
    page = Page(browser.post(path, fill(browser, path, domains="")))
    field = page.one("textarea", name="domains")
    assert field.attributes["aria-invalid"] == "true"
    assert "id_domains_error" in field.attributes["aria-describedby"].split()
    assert page.one("", role="alert").text.strip()


@pytest.mark.parametrize("kind", ["", "cobol"])
def test_a_kind_must_be_chosen(browser: Client, path: str, kind: str) -> None:
    page = Page(browser.post(path, fill(browser, path, kind=kind)))
    assert page.error_of("kind")
    assert not page.error_of("domains")


def test_a_name_of_another_member_is_refused_without_saying_whose(browser: Client, path: str) -> None:
    theirs = SiteFactory(domain="taken.example.org")
    page = Page(browser.post(path, fill(browser, path, domains="taken.example.org")))
    assert "already in use here" in page.error_of("domains")
    assert theirs.order.name not in page.text
    assert theirs.order.member.name not in page.text
    assert f"/sites/{theirs.pk}/" not in page.links()


def test_a_full_order_says_so_above_the_form(browser: Client, path: str, order: HostingOrder) -> None:
    HostingOrder.objects.filter(pk=order.pk).update(max_sites=0)
    page = Page(browser.post(path, fill(browser, path)))
    assert "has all of its 0 sites" in page.one("", role="alert").text


def test_nothing_can_be_created_while_no_server_is_free(browser: Client, path: str) -> None:
    from controlpanel.fleet.choices import HostState
    from controlpanel.fleet.models import Host

    Host.objects.update(state=HostState.DRAINING)
    page = Page(browser.post(path, fill(browser, path)))
    assert "Nothing was created" in page.one("", role="alert").text
    assert not Site.objects.exists()
    assert not Operation.objects.exists()
