"""Whether the PHP that a site runs still gets security fixes: what is said of it, and to whom."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from hosting import health, php_support
from hosting.models import Site
from tests import factories as make

DEBIAN_12, DEBIAN_13 = "Debian GNU/Linux 12 (bookworm)", "Debian GNU/Linux 13 (trixie)"


@pytest.mark.parametrize(
    ("facts", "until"),
    [
        ({"php": "8.4", "os": DEBIAN_13}, date(2030, 6, 30)),  # Debian's own: its long-term support
        ({"php": "8.2", "os": DEBIAN_12}, date(2028, 6, 30)),
        ({"php": "8.4", "os": DEBIAN_12}, date(2028, 12, 31)),  # brought along: the PHP project's day
        ({"php": "8.3", "os": DEBIAN_13}, date(2027, 12, 31)),
        ({"php": "8.4", "os": "unknown"}, date(2028, 12, 31)),
    ],
)
def test_debian_mends_its_own_php_and_the_php_project_any_other(facts: dict[str, Any], until: date) -> None:
    support = php_support.support_of(facts)
    assert support is not None and (support.version, support.until) == (facts["php"], until)


@pytest.mark.parametrize("facts", [{}, {"os": DEBIAN_13}, {"php": "99.1", "os": DEBIAN_13}, {"php": "", "os": ""}])
def test_of_no_php_or_one_that_nobody_knows_nothing_is_said(facts: dict[str, Any]) -> None:
    assert php_support.support_of(facts) is None


@pytest.fixture
def site(db: None) -> Site:
    """On a host with a PHP that ends when ``_ends`` says."""
    make.HostFactory(name="edge1", roles=["edge"])
    host = make.HostFactory(facts={"php": "77.1", "os": DEBIAN_13})
    return make.SiteFactory(host=host, domain="shop.example.org", kind="php", placed=True)


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(make.StaffFactory(), backend="members.backends.DirectoryBackend")
    return client


def _ends(monkeypatch: pytest.MonkeyPatch, *, days: int) -> None:
    monkeypatch.setattr(php_support, "BY_PHP", {"77.1": timezone.localdate() + timedelta(days=days)})


def _about_php(site: Site) -> list[health.Reason]:
    found = health.of_site(Site.objects.get(pk=site.pk)).safe
    return [reason for reason in found.reasons if "PHP" in reason.text]


@pytest.mark.parametrize(
    ("days", "level", "says"),
    [
        (-1, "bad", "has had no security fixes since"),
        (0, "warning", "until"),  # its last day
        (150, "warning", "ask the staff"),
        (400, "good", "gets security fixes until"),
    ],
)
def test_what_is_said_of_it(site: Site, monkeypatch: pytest.MonkeyPatch, days: int, level: str, says: str) -> None:
    _ends(monkeypatch, days=days)
    (reason,) = _about_php(site)
    assert reason.level == level
    assert "77.1" in reason.text and says in reason.text


def test_sites_without_php_and_such_as_are_nowhere_yet_have_none(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    _ends(monkeypatch, days=-1)
    Site.objects.update(kind="static")
    assert not _about_php(site)
    Site.objects.update(kind="php", placed=False)
    assert not _about_php(site)


def test_its_page_and_its_order_s_page_say_it_in_the_reader_s_language(
    site: Site, monkeypatch: pytest.MonkeyPatch, staff: Client
) -> None:
    _ends(monkeypatch, days=-1)
    for page in (site.get_absolute_url(), site.order.get_absolute_url()):
        response = staff.get(page, headers={"accept-language": "es"})
        assert "no recibe correcciones de seguridad desde" in response.content.decode(), page


def test_staff_read_it_on_the_host_s_page(site: Site, monkeypatch: pytest.MonkeyPatch, staff: Client) -> None:
    _ends(monkeypatch, days=-1)
    page = staff.get(reverse("admin:fleet_host_change", args=[site.host_id]), headers={"accept-language": "en"})
    assert "77.1, security fixes until" in page.content.decode()
