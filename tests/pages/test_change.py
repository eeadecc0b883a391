"""Changing, disabling, enabling, deleting and restoring a site with the forms."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from controlpanel.operations.models import Operation
from hosting.choices import DomainKind, SiteKind, SiteState
from hosting.models import HostingOrder, Site
from routing.models import Backend
from storage.choices import VolumeState
from storage.models import Volume
from tests.factories import DomainFactory, HostFactory, SiteFactory

from .html import Page


@pytest.fixture
def site(order: HostingOrder) -> Site:
    HostFactory(name="edge9", roles=["edge"])
    site = SiteFactory(order=order, domain="shop.example.org", kind=SiteKind.PHP, placed=True)
    DomainFactory(site=site, name="xn--caf-dma.example.org")
    DomainFactory(site=site, name="old.example.org", kind=DomainKind.REDIRECT)
    return site


def fill(browser: Client, site: Site, **values: str) -> dict[str, str]:
    page = Page(browser.get(f"/sites/{site.pk}/edit/"))
    names = ("idempotency_key", "domains", "redirects", "php_workers", "revision")
    return {**{name: page.value(name) for name in names}, **values}


def edit(browser: Client, site: Site, **values: str):
    return browser.post(f"/sites/{site.pk}/edit/", fill(browser, site, **values))


def test_the_form_shows_the_site_as_it_is(browser: Client, site: Site) -> None:
    values = fill(browser, site)
    assert values["domains"] == "shop.example.org\ncafé.example.org"
    assert values["redirects"] == "old.example.org"
    assert values["php_workers"] == "4"


def test_names_redirects_and_processes_are_changed_in_one_operation(browser: Client, site: Site) -> None:
    response = edit(
        browser, site, domains="new.example.org\nshop.example.org", redirects="café.example.org", php_workers="8"
    )
    site = Site.objects.get(pk=site.pk)
    assert response["Location"] == f"/operations/{Operation.objects.get().pk}/"
    assert site.served_names == ["new.example.org", "shop.example.org"]
    assert site.redirect_names == ["xn--caf-dma.example.org"]
    assert site.php_workers == 8
    assert site.state == SiteState.UPDATING


def test_a_stale_form_overwrites_nothing(browser: Client, site: Site) -> None:
    """Two windows: the second one was opened before the first one's change."""
    second = fill(browser, site, php_workers="2")
    edit(browser, site, php_workers="8")
    response = browser.post(f"/sites/{site.pk}/edit/", second)
    page = Page(response)
    assert response.status_code == 422
    assert "has been changed since you opened it" in page.one("", role="alert").text
    assert f"/sites/{site.pk}/edit/" in page.links()  # the way out: as it is now
    assert Site.objects.get(pk=site.pk).php_workers == 8
    assert page.value("php_workers") == "2"  # and what was typed is not lost


def test_a_double_click_makes_one_operation(browser: Client, site: Site) -> None:
    values = fill(browser, site, php_workers="8")
    path = f"/sites/{site.pk}/edit/"
    assert browser.post(path, values)["Location"] == browser.post(path, values)["Location"]
    assert Operation.objects.count() == 1


def test_errors_stand_beside_their_fields(browser: Client, site: Site) -> None:
    page = Page(edit(browser, site, domains="good.example.org", redirects="bad", php_workers="99"))
    assert not page.error_of("domains")
    assert "needs at least one dot" in page.error_of("redirects")
    assert "from 1 to 32" in page.error_of("php_workers")
    assert Site.objects.get(pk=site.pk).served_names[0] == "shop.example.org"


def test_a_static_site_has_no_processes_to_change(browser: Client, order: HostingOrder) -> None:
    site = SiteFactory(order=order, kind=SiteKind.STATIC, placed=True)
    page = Page(browser.get(f"/sites/{site.pk}/edit/"))
    assert not page.all("input", name="php_workers")


@pytest.mark.parametrize(
    ("what", "says", "state"),
    [
        ("disable", "Files, names and certificate stay as they are", SiteState.UPDATING),
        ("enable", "answers its visitors again", SiteState.UPDATING),
        ("delete", "Its files are kept for 30 days", SiteState.DELETING),
    ],
)
def test_a_confirmation_says_what_will_happen(
    browser: Client, site: Site, settings, what: str, says: str, state: SiteState
) -> None:
    settings.SITE_GRACE_DAYS = 30
    path = f"/sites/{site.pk}/{what}/"
    page = Page(browser.get(path))
    assert says in page.text
    assert "shop.example.org" in page.one("h1").text
    assert Site.objects.get(pk=site.pk).state == SiteState.ACTIVE  # looking changes nothing

    values = {"idempotency_key": page.value("idempotency_key")}
    first, second = browser.post(path, values), browser.post(path, values)
    assert first["Location"] == second["Location"] == f"/operations/{Operation.objects.get().pk}/"
    assert Site.objects.get(pk=site.pk).state == state


def test_a_second_deletion_is_explained(browser: Client, site: Site) -> None:
    path = f"/sites/{site.pk}/delete/"
    browser.post(path, {"idempotency_key": "one"})
    page = Page(browser.post(path, {"idempotency_key": "two"}))
    assert "already being deleted" in page.one("", role="alert").text


def deleted(site: Site, days: int) -> None:
    """What a deletion leaves behind, kept for that many days from now."""
    former = {"primary": "shop.example.org", "served": ["shop.example.org"]}
    Backend.objects.filter(site_id=site.pk).delete()
    site.domains.all().delete()
    site.volume.attachments.all().delete()
    Volume.objects.filter(pk=site.volume.pk).update(state=VolumeState.TRASHED)
    until = timezone.now() + timedelta(days=days)
    Site.objects.filter(pk=site.pk).update(
        state=SiteState.DELETED, purge_after=until, former_names=former, host=None, placed=False
    )


def test_a_deleted_site_is_restored(browser: Client, site: Site) -> None:
    deleted(site, days=1)
    path = f"/sites/{site.pk}/restore/"
    page = Page(browser.get(path))
    names = {"domains": page.value("domains"), "redirects": page.value("redirects")}
    assert names == {"domains": "shop.example.org", "redirects": ""}
    response = browser.post(path, {"idempotency_key": "one", **names})
    assert response["Location"] == f"/operations/{Operation.objects.get().pk}/"
    assert Site.objects.get(pk=site.pk).served_names == ["shop.example.org"]


def test_restoring_tells_when_it_is_too_late(browser: Client, site: Site) -> None:
    deleted(site, days=-1)
    values = {"idempotency_key": "one", "domains": "shop.example.org"}
    page = Page(browser.post(f"/sites/{site.pk}/restore/", values))
    assert "no longer kept" in page.one("", role="alert").text


def test_restoring_tells_when_a_name_belongs_to_another_site_by_now(browser: Client, site: Site) -> None:
    deleted(site, days=1)
    SiteFactory(domain="shop.example.org")
    path = f"/sites/{site.pk}/restore/"
    page = Page(browser.post(path, {"idempotency_key": "one", "domains": "shop.example.org"}))
    assert "already in use here" in page.error_of("domains")
    browser.post(path, {"idempotency_key": "two", "domains": "shop2.example.org"})
    assert Site.objects.get(pk=site.pk).served_names == ["shop2.example.org"]
