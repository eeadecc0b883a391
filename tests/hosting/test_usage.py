"""What sites, databases and orders use over time: on pages and in the API."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from controlpanel.fleet import samples
from controlpanel.fleet.models import Sample
from hosting import services
from hosting.models import Site
from members.models import Login
from storage import usage as storage_usage
from tests import factories as make
from tests.pages.html import Page

pytestmark = pytest.mark.django_db

NOW = datetime.fromisoformat("2026-05-10T12:00:00+00:00")


@pytest.fixture
def login() -> Login:
    return make.MemberAdminFactory()


@pytest.fixture
def site(login: Login) -> Site:
    return make.SiteFactory(order__member=login.member, domain="shop.example.org", placed=True)


@pytest.fixture
def browser(login: Login) -> Client:
    client = Client()
    client.force_login(login, backend="members.backends.DirectoryBackend")
    return client


def noted(subject: str, metric: str, *values: float, every: int = 5) -> None:
    """Values over the last minutes, the newest last."""
    now = timezone.now()
    samples.note(
        (subject, metric, now - timedelta(minutes=every * back), value)
        for back, value in enumerate(reversed(values), start=1)
    )


def get(browser: Client, path: str, **query: Any) -> Any:
    answer = browser.get(f"/api/v1/{path}/usage/", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_page_draws_each_metric_and_says_the_sum(browser: Client, site: Site) -> None:
    noted(f"site:{site.pk}", "requests", 2.0, 2.0, 2.0)
    noted(f"volume:{site.volume_id}", "used", 1024**3)
    page = Page(browser.get(f"/sites/{site.pk}/usage/"))
    assert [heading.text for heading in page.all("h2")] == [
        "Requests", "Transfer", "Space used", "Memory", "Processor (of one)"
    ]  # fmt: skip
    assert "In all: " in page.text
    assert "On average: 1.0" in page.text
    assert len(page.all("table")) == 2  # for those who cannot see the drawings


@pytest.mark.parametrize("period", ["day", "month", "year", "nonsense"])
def test_each_period_is_a_page(browser: Client, site: Site, period: str) -> None:
    noted(f"site:{site.pk}", "requests", 2.0)
    chosen = Page(browser.get(f"/sites/{site.pk}/usage/?period={period}")).all("a", aria_current="true")
    assert [link.text for link in chosen][-1] == {"month": "Month", "year": "Year"}.get(period, "Day")


def test_where_nothing_was_measured_the_page_says_what_to_do(browser: Client, site: Site) -> None:
    assert "Come back a little later" in Page(browser.get(f"/sites/{site.pk}/usage/")).text


def test_an_order_is_the_sum_of_all_that_it_has(browser: Client, site: Site) -> None:
    other = make.SiteFactory(order=site.order, placed=True)
    for one in (site, other):
        noted(f"site:{one.pk}", "requests", 1.5)
        noted(f"volume:{one.volume_id}", "used", 100.0)
    noted(f"volume:{site.volume_id}", "used", 200.0, 300.0, every=60)

    points = get(browser, f"orders/{site.order_id}", metric="requests")["points"]
    assert [point["value"] for point in points] == [3.0]
    disk = get(browser, f"orders/{site.order_id}", metric="disk")["points"]
    assert disk[-1]["value"] == 200.0
    # What the other one held is not forgotten while only this one was measured.
    assert get(browser, f"orders/{site.order_id}", metric="disk")["peak"] <= 400.0


def test_a_script_asks_for_a_time_of_its_own(browser: Client, site: Site) -> None:
    at = NOW - timedelta(days=40)
    samples.note([(f"site:{site.pk}", "sent", at, 1000.0), (f"site:{site.pk}", "sent", NOW, 5.0)])
    asked = {
        "metric": "transfer",
        "from": (at - timedelta(hours=1)).isoformat(),
        "to": (at + timedelta(hours=1)).isoformat(),
    }
    answer = get(browser, f"sites/{site.pk}", **asked)
    assert answer["unit"] == "bytes_per_second"
    assert [point["value"] for point in answer["points"]] == [1000.0]
    assert answer["total"] == 1000.0 * answer["step_seconds"]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"metric": "nonsense"},
        {"metric": "disk", "from": "yesterday"},
        {"metric": "disk", "from": "2026-05-10T00:00Z", "to": "2026-05-09T00:00Z"},
        {"metric": "disk", "from": "1900-05-10T00:00Z"},
        {"metric": "disk", "to": "0001-01-01T00:00Z"},
    ],
)
def test_what_makes_no_sense_is_refused(browser: Client, site: Site, query: dict[str, str]) -> None:
    assert browser.get(f"/api/v1/sites/{site.pk}/usage/", query).status_code == 400


def test_others_are_told_nothing(browser: Client) -> None:
    foreign = make.SiteFactory(placed=True)
    database = make.DatabaseFactory(order=foreign.order)
    for path in (f"sites/{foreign.pk}", f"orders/{foreign.order_id}", f"databases/{database.pk}"):
        assert browser.get(f"/{path}/usage/").status_code == 404
        assert browser.get(f"/api/v1/{path}/usage/", {"metric": "disk"}).status_code == 404


def test_storage_and_database_servers_leave_samples(browser: Client, site: Site) -> None:
    database = make.DatabaseFactory(order=site.order)
    storage_usage.note_usage(site.volume.pool, {site.volume.name: {"used": 4096}})
    storage_usage.note_usage(site.volume.pool, {site.volume.name: {"used": 4097}})
    services.note_database_usage(database.host, {database.name: {"bytes": 123, "connections": 2}})

    assert list(Sample.objects.filter(subject=f"volume:{site.volume_id}").values_list("value", flat=True)) == [4096.0]
    until = (timezone.now() + timedelta(minutes=1)).isoformat()
    assert get(browser, f"databases/{database.pk}", metric="size", to=until)["peak"] == 123.0
    assert get(browser, f"databases/{database.pk}", metric="connections", to=until)["peak"] == 2.0
