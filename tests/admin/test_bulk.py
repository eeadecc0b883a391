"""Deeds on many rows: a preview that changes nothing, then one operation each or one for all."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from controlpanel.fleet.choices import HostState
from controlpanel.navigation import navigation
from controlpanel.operations.models import Operation
from hosting.choices import SiteState
from hosting.models import Site
from members.models import Mail
from tests import factories as make
from tests.admin.rows import a_row_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def sites() -> list[Site]:
    make.HostFactory(roles=["edge"])
    return [make.SiteFactory(placed=True, domain=f"bulk{number}.example.org") for number in range(3)]


def chosen(rows: list[Any]) -> str:
    return "&".join(f"ids={row.pk}" for row in rows)


@pytest.mark.parametrize("deed", ["shield", "begin-maintenance", "end-maintenance", "disable", "enable", "delete"])
def test_the_preview_says_what_would_come_of_each_and_changes_nothing(
    staff: Client, sites: list[Site], deed: str
) -> None:
    page = staff.get(f"/admin/hosting/site/bulk/{deed}/?{chosen(sites)}", follow=True)
    assert page.status_code == 200
    if deed != "delete":  # asks for the password first
        for site in sites:
            assert site.name in page.content.decode()
    assert not Operation.objects.exists()
    assert set(Site.objects.values_list("state", flat=True)) == {SiteState.ACTIVE}


def test_then_it_is_done_to_each(staff: Client, sites: list[Site]) -> None:
    answer = staff.post("/admin/hosting/site/bulk/disable/", {"ids": [site.pk for site in sites]})
    assert "hosting.disable_site" in answer["Location"]
    assert Operation.objects.filter(kind="hosting.disable_site").count() == 3
    assert set(Site.objects.values_list("enabled", flat=True)) == {False}


def test_what_is_not_possible_for_one_does_not_hold_up_the_others(staff: Client, sites: list[Site]) -> None:
    Site.objects.filter(pk=sites[0].pk).update(state=SiteState.DELETED)
    preview = staff.get(f"/admin/hosting/site/bulk/disable/?{chosen(sites)}").content.decode()
    assert preview.count("Not possible:") == 1
    assert "Possible for 2 of 3." in preview
    answer = staff.post("/admin/hosting/site/bulk/disable/", {"ids": [site.pk for site in sites]}, follow=True)
    assert Operation.objects.filter(kind="hosting.disable_site").count() == 2
    assert sites[0].name in answer.content.decode()


def test_one_row_leads_to_its_live_page(staff: Client, sites: list[Site]) -> None:
    answer = staff.post("/admin/hosting/site/bulk/shield/", {"ids": [sites[0].pk]})
    assert answer["Location"] == Operation.objects.get().get_absolute_url()


def test_the_list_offers_them(staff: Client, sites: list[Site]) -> None:
    page = staff.get("/admin/hosting/site/").content.decode()
    for deed in ("bulk_shield", "bulk_disable", "bulk_delete", "move_selected"):
        assert deed in page
    answer = staff.post("/admin/hosting/site/", {"action": "bulk_disable", "_selected_action": [sites[1].pk]})
    assert answer["Location"] == f"/admin/hosting/site/bulk/disable/?ids={sites[1].pk}"


def test_hosts_are_resynced_by_one_operation(staff: Client) -> None:
    hosts = [make.HostFactory() for _number in range(2)]
    page = f"/admin/fleet/host/bulk/resync/?{chosen(hosts)}"
    assert hosts[1].name in staff.get(page).content.decode()
    assert not Operation.objects.exists()
    staff.post("/admin/fleet/host/bulk/resync/", {"ids": [host.pk for host in hosts]})
    assert Operation.objects.get().kind == "fleet.resync"


def test_draining_hosts_is_done_at_once(staff: Client) -> None:
    host = make.HostFactory()
    staff.get(f"/admin/fleet/host/bulk/drain/?ids={host.pk}")
    host.refresh_from_db()
    assert host.state == HostState.ACTIVE
    staff.post("/admin/fleet/host/bulk/drain/", {"ids": [host.pk]})
    host.refresh_from_db()
    assert host.state == HostState.DRAINING


@pytest.mark.parametrize("query", ["", "?ids=0", "?ids=x", "?ids=99999999999999999999"])
def test_without_rows_there_is_no_page(staff: Client, query: str) -> None:
    assert staff.get(f"/admin/hosting/site/bulk/disable/{query}").status_code == 404


def test_there_is_no_other_deed(staff: Client, sites: list[Site]) -> None:
    assert staff.get(f"/admin/hosting/site/bulk/explode/?{chosen(sites)}").status_code == 404


def test_members_get_none_of_it(outsider: Client, sites: list[Site]) -> None:
    for path in ("hosting/site/bulk/disable", "fleet/host/bulk/drain"):
        assert outsider.get(f"/admin/{path}/?{chosen(sites)}", follow=True).status_code == 403
        assert outsider.post(f"/admin/{path}/", {"ids": [sites[0].pk]}).status_code in (302, 403)
    assert not Operation.objects.exists()


def test_mail_that_was_given_up_is_tried_again(staff: Client) -> None:

    message = a_row_of(Mail)
    Mail.objects.update(given_up=True, attempts=9)
    assert "given up" in staff.get("/admin/").content.decode()
    staff.post(f"/admin/members/mail/{message.pk}/send-again/")
    message.refresh_from_db()
    assert not message.given_up


def test_the_sidebar_has_every_list_once(staff: Client) -> None:

    links = [str(item["link"]) for group in navigation(None) for item in group["items"]]  # type: ignore[arg-type]
    assert len(links) == len(set(links))
    for model in admin.site._registry:
        assert reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") in links
    assert "Hosting orders" in staff.get("/admin/").content.decode()
