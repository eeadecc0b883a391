"""What a member reads of a site's size."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from controlpanel.fleet import samples
from hosting.models import HostingOrder, Placement, Site
from tests.factories import HostFactory, SiteFactory

from .html import Page


@pytest.fixture
def site(order: HostingOrder) -> Site:
    return SiteFactory(order=order, kind="php", placed=True, memory_mb=2048, cpu_weight=300)


def test_a_member_reads_limits_servers_and_use(browser: Client, site: Site) -> None:
    Placement.objects.create(site=site, host=HostFactory(name="web77"), placed=True, serving=True)
    now = timezone.now()
    samples.note((f"site:{site.pk}", "requests", now - timedelta(minutes=turn), 12.5) for turn in (1, 6))
    text = Page(browser.get(f"/sites/{site.pk}/")).text
    for words in ("2 servers share its visitors", "at most 2048 MB on each", "300 % of what", "Requests a second"):
        assert words in text
    assert "web77" not in text  # which ones is staff's matter
