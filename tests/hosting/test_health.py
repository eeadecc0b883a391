"""Is it up, is it safe, is it full: what sites and orders answer, and why."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from controlpanel.fleet.choices import HostState
from hosting import health, probing
from hosting.choices import SiteState
from hosting.models import HostingOrder, Site
from routing.models import Backend, Shield
from storage.choices import SnapshotState
from storage.models import Snapshot
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def edge() -> Any:
    return make.HostFactory(name="edge1", roles=["edge"])


@pytest.fixture
def site(edge: Any) -> Site:
    """One with which all is well."""
    site: Site = make.SiteFactory(domain="shop.example.org", placed=True)
    make.CertificateFactory(backend=Backend.objects.get(site_id=site.pk))
    Snapshot.objects.create(volume=site.volume, state=SnapshotState.READY, taken=timezone.now() - timedelta(hours=2))
    return site


def levels(site: Site) -> tuple[str, str, str]:
    found = health.of_site(Site.objects.get(pk=site.pk))
    return found.up.level, found.safe.level, found.full.level


def change(site: Site, **fields: Any) -> None:
    Site.objects.filter(pk=site.pk).update(**fields)


def test_all_is_well(site: Site) -> None:
    assert levels(site) == ("good", "good", "good")
    assert [answer.word for answer in health.of_site(site).answers] == ["Up", "Safe", "Room enough"]


@pytest.mark.parametrize(
    ("fields", "level"),
    [
        ({"enabled": False}, "warning"),
        ({"maintenance": True}, "warning"),
        ({"quarantined": True}, "bad"),
        ({"state": SiteState.FAILED}, "warning"),
        ({"state": SiteState.FAILED, "placed": False}, "bad"),
        ({"state": SiteState.CREATING, "placed": False}, "active"),
        ({"state": SiteState.DELETED}, "neutral"),
    ],
)
def test_what_visitors_get_decides_whether_it_is_up(site: Site, fields: dict[str, Any], level: str) -> None:
    change(site, **fields)
    assert levels(site)[0] == level


def test_a_dead_server_and_silent_edges_are_down(site: Site, edge: Any) -> None:
    site.host.state = HostState.FENCED
    site.host.save()
    assert levels(site)[0] == "bad"
    site.host.state = HostState.ACTIVE
    site.host.save()
    edge.reachable = False
    edge.save()
    assert levels(site)[0] == "bad"


def test_it_is_not_safe_without_a_certificate_or_with_one_that_ends(site: Site) -> None:
    certificates = make.Certificate.objects.filter(backend__site_id=site.pk)
    certificates.update(not_after=timezone.now() + timedelta(days=5))
    assert levels(site)[1] == "warning"
    certificates.update(not_after=timezone.now() - timedelta(days=1))
    assert levels(site)[1] == "bad"
    certificates.delete()
    assert levels(site)[1] == "warning"


def test_it_is_not_safe_when_its_files_or_databases_were_not_kept_for_long(site: Site) -> None:
    Snapshot.objects.update(taken=timezone.now() - timedelta(days=5))
    assert levels(site)[1] == "warning"
    Snapshot.objects.update(taken=timezone.now())
    database = make.DatabaseFactory(order=site.order, site=site)
    assert levels(site)[1] == "good"  # it is new: its first dump is to come
    make.DatabaseDumpFactory(database=database, made=timezone.now() - timedelta(days=5))
    assert levels(site)[1] == "warning"


def test_an_attack_and_a_break_in_are_told(site: Site) -> None:
    Shield.objects.create(site_id=site.pk, requests=1, connections=1, suggested=timezone.now())
    assert levels(site)[1] == "warning"
    change(site, quarantined=True)
    assert levels(site)[1] == "bad"


@pytest.mark.parametrize(("part", "level"), [(0.5, "good"), (0.95, "warning"), (1.0, "bad")])
def test_space_decides_whether_it_is_full(site: Site, part: float, level: str) -> None:
    site.volume.used_bytes = int(part * site.volume.size_bytes)
    site.volume.save()
    assert levels(site)[2] == level


def test_so_do_its_databases(site: Site) -> None:
    make.DatabaseFactory(order=site.order, site=site, full=True)
    assert levels(site)[2] == "bad"


def test_an_order_names_what_troubles_it_and_counts_the_rest(site: Site) -> None:
    other = make.SiteFactory(order=site.order, domain="down.example.org", placed=True, quarantined=True)
    database = make.DatabaseFactory(order=site.order, full=True)
    sites = [site, other]

    found = health.of_order(site.order, sites, health.of_sites(sites))

    assert found.up.level == "bad"
    assert [reason.text for reason in found.up.shown] == [
        "down.example.org: It is in quarantine: visitors see a page that says so.", "1 site is up."
    ]  # fmt: skip
    assert found.up.shown[0].href.startswith(other.get_absolute_url())
    assert database.name in found.full.shown[0].text


def test_many_sites_cost_the_same_queries_as_one(edge: Any) -> None:
    order: HostingOrder = make.HostingOrderFactory()

    def queries() -> int:
        sites = list(order.sites.select_related("host", "volume").prefetch_related("domains"))
        with CaptureQueriesContext(connection) as captured:
            health.of_order(order, sites, health.of_sites(sites))
        return len(captured)

    for _number in range(2):
        make.DatabaseFactory(order=order, site=make.SiteFactory(order=order, placed=True))
    few = queries()
    for _number in range(8):
        make.DatabaseFactory(order=order, site=make.SiteFactory(order=order, placed=True))
        make.DatabaseFactory(order=order)
    assert queries() == few <= 8


@pytest.mark.parametrize(
    ("statuses", "level"),
    [([200, 200], "good"), ([200, 500], "bad"), ([None, 200], "bad"), ([404, 404], "warning"), ([401], "good")],
)
def test_the_worst_answer_of_the_edges_counts(statuses: list[int | None], level: str) -> None:
    reason = probing.judge([probing.Seen(f"edge{at}", status, 0.1) for at, status in enumerate(statuses)])
    assert reason is not None
    assert reason.level == level


def test_where_no_edge_can_be_asked_nothing_is_claimed() -> None:
    assert probing.judge([]) is None
