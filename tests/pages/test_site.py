"""A site's page in each of its states."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from controlpanel.fleet.models import Host
from controlpanel.operations.choices import OperationState, StepState
from hosting.choices import SiteKind, SiteState
from hosting.models import HostingOrder, Site
from members.models import Login
from tests.factories import DomainFactory, HostFactory, OperationFactory, SiteFactory

from .conftest import BrowserOf
from .html import Page

GIB = 1024**3


@pytest.fixture
def site(order: HostingOrder) -> Site:
    return SiteFactory(order=order, domain="xn--caf-dma.example.org", kind=SiteKind.PHP, placed=True)


def page_of(browser: Client, site: Site) -> Page:
    return Page(browser.get(f"/sites/{site.pk}/"))


def test_it_tells_names_as_read_and_addresses_to_open(browser: Client, site: Site) -> None:
    DomainFactory(site=site, name="www.example.org")
    DomainFactory(site=site, name="old.example.org", kind="redirect")
    page = page_of(browser, site)
    assert page.one("h1").text == "café.example.org"
    assert {"https://xn--caf-dma.example.org/", "https://www.example.org/"} <= set(page.links())
    assert "https://old.example.org/" not in page.links()
    assert "leads to café.example.org" in page.text


def test_it_tells_where_to_point_the_names(browser: Client, site: Site) -> None:
    edge = HostFactory(roles=["edge"])
    web = HostFactory()
    text = page_of(browser, site).text
    assert edge.address in text
    assert web.address not in text


@pytest.mark.parametrize(
    ("used", "says"),
    [(0, "not measured yet"), (int(1.3 * GIB), "1.3 GB of 5.0 GB used"), (5 * GIB, "The space is used up")],
)
def test_it_tells_how_much_space_is_used(browser: Client, site: Site, used: int, says: str) -> None:
    site.volume.used_bytes = used
    site.volume.used_at = timezone.now() if used else None
    site.volume.save()
    assert says in page_of(browser, site).text


def test_it_tells_what_is_happening_now(browser: Client, site: Site) -> None:
    operation = OperationFactory(scopes=site.order.scopes, params={"site": site.pk})
    operation.steps.filter(position=0).update(state=StepState.SUCCEEDED)
    page = page_of(browser, site)
    assert "1 of 2 steps done" in page.text
    assert f"/operations/{operation.pk}/" in page.links()
    assert page.one("section", id="now").attributes["hx-get"] == f"/sites/{site.pk}/now/"


def test_the_page_is_reloaded_when_nothing_happens_any_more(browser: Client, site: Site) -> None:
    operation = OperationFactory(scopes=site.order.scopes, params={"site": site.pk})
    assert "HX-Refresh" not in browser.get(f"/sites/{site.pk}/now/")
    operation.state = OperationState.SUCCEEDED
    operation.save()
    assert browser.get(f"/sites/{site.pk}/now/")["HX-Refresh"] == "true"


def test_a_failed_one_leads_to_the_reason(browser: Client, site: Site) -> None:
    Site.objects.filter(pk=site.pk).update(state=SiteState.FAILED, placed=False)
    operation = OperationFactory(state=OperationState.FAILED, scopes=site.order.scopes, params={"site": site.pk})
    page = page_of(browser, site)
    assert "could not be created" in page.text
    assert f"/operations/{operation.pk}/" in page.links()
    assert f"/sites/{site.pk}/delete/" in page.links()
    assert f"/sites/{site.pk}/edit/" not in page.links()


def test_it_tells_when_the_server_with_its_files_or_its_own_is_away(browser: Client, site: Site) -> None:
    assert "does not answer" not in page_of(browser, site).text
    Host.objects.filter(pk=site.host_id).update(reachable=False)
    assert "The server that runs this site does not answer" in page_of(browser, site).text
    Host.objects.filter(pools=site.volume.pool_id).update(reachable=False)
    assert "The server that keeps the files of this site does not answer" in page_of(browser, site).text


def test_a_disabled_one_can_be_enabled(browser: Client, site: Site) -> None:
    Site.objects.filter(pk=site.pk).update(state=SiteState.DISABLED, enabled=False)
    links = page_of(browser, site).links()
    assert f"/sites/{site.pk}/enable/" in links
    assert f"/sites/{site.pk}/disable/" not in links


def test_a_deleted_one_says_until_when_it_can_be_restored(browser: Client, site: Site) -> None:
    until = timezone.now() + timedelta(days=10)
    Site.objects.filter(pk=site.pk).update(state=SiteState.DELETED, purge_after=until)
    page = page_of(browser, site)
    assert until.isoformat(timespec="seconds") in [time.attributes["datetime"] for time in page.all("time")]
    assert f"/sites/{site.pk}/restore/" in page.links()


def test_after_that_it_says_that_the_files_are_gone(browser: Client, site: Site) -> None:
    Site.objects.filter(pk=site.pk).update(state=SiteState.DELETED, purge_after=timezone.now() - timedelta(1))
    page = page_of(browser, site)
    assert "no longer kept" in page.text
    assert f"/sites/{site.pk}/restore/" not in page.links()


@pytest.mark.parametrize("state", [SiteState.CREATING, SiteState.UPDATING, SiteState.DELETING, SiteState.PURGING])
def test_while_it_changes_no_change_is_offered(browser: Client, site: Site, state: SiteState) -> None:
    Site.objects.filter(pk=site.pk).update(state=state)
    links = page_of(browser, site).links()
    assert not [link for link in links if link.endswith(("/edit/", "/delete/", "/disable/", "/enable/"))]


def test_only_staff_see_where_it_runs(browser: Client, browser_of: BrowserOf, staff: Login, site: Site) -> None:
    assert site.host.name in page_of(browser_of(staff), site).text
    for secret in (site.host.name, site.volume.name, site.path, str(site.uid)):
        assert secret not in page_of(browser, site).text


def test_names_are_never_markup(browser: Client, order: HostingOrder) -> None:
    """No such name passes validation; the pages do not count on that."""
    order.name = "<script>alert(1)</script>"
    order.save()
    order.member.name = '"><img src=x onerror=alert(1)>'
    order.member.save()
    site = SiteFactory(order=order, domain="<script>alert(2)</script>")
    OperationFactory(scopes=order.scopes, params={"site": site.pk})
    for path in ("/orders/", f"/orders/{order.pk}/", f"/orders/{order.pk}/sites/new/", f"/sites/{site.pk}/"):
        page = Page(browser.get(path))
        assert not [script for script in page.all("script") if "src" not in script.attributes], path
        assert not page.all("img", src="x"), path


def test_more_history_needs_no_more_queries(browser: Client, site: Site, django_assert_max_num_queries) -> None:
    for _number in range(15):
        DomainFactory(site=site)
        OperationFactory(scopes=site.order.scopes, params={"site": site.pk})
    browser.get("/operations/")  # the session is noted, once a minute
    with django_assert_max_num_queries(30):
        page_of(browser, site)
