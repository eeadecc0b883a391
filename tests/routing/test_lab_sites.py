"""Sites of the running panel as the edges serve them: the certificate, and who the visitor is."""

import os
import subprocess
import sys

import pytest

from controlpanel.agent.haproxy.pages import TEXTS
from tests.hosting.live import LiveSite
from tests.panel import ROOT, Panel, fresh_name

from .edges import get

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def authority() -> str:
    """What ``manage.py authority`` prints: the certificate to trust."""
    command = [sys.executable, "manage.py", "authority"]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True, env=os.environ
    ).stdout


def test_a_new_site_has_a_certificate_for_all_its_names_on_every_edge(panel: Panel, authority: str) -> None:
    alias, old = fresh_name("alias"), fresh_name("old")
    site = LiveSite.create(panel, fresh_name(), alias, kind="static", redirects=[old])
    for edge in panel.edges:
        for name in (site.name, alias):
            assert site.name in get(edge, name, "/", trust=authority).body
        assert get(edge, old, "/x", trust=authority).headers["location"] == f"https://{site.name}/x"


def test_a_name_added_later_is_in_the_certificate_when_the_operation_is_done(panel: Panel, authority: str) -> None:
    site = LiveSite.create(panel, kind="static")
    later = fresh_name("later")
    site.edit(domains=[site.name, later])
    for edge in panel.edges:
        assert get(edge, later, "/", trust=authority).status == 200


def test_a_page_learns_the_visitors_true_address_and_scheme(panel: Panel) -> None:
    site = LiveSite.create(panel)
    site.put("web/who.php", "<?= $_SERVER['REMOTE_ADDR'], ' ', $_SERVER['HTTPS'] ?? 'off';")
    forged = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "X-Forwarded-Proto": "https",
    }
    for edge in panel.edges:
        own = edge.rpartition(".")[0] + ".1"
        assert get(edge, site.name, "/who.php", headers=forged).body.strip() == f"{own} off"
        assert get(edge, site.name, "/who.php", headers=forged, tls=True).body.strip() == f"{own} on"


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_disabled_site_and_a_deleted_one_have_their_pages(panel: Panel, language: str) -> None:
    site = LiveSite.create(panel, kind="static")
    wanted = {"Accept-Language": language}
    site.do("disable")
    for edge in panel.edges:
        answer = get(edge, site.name, "/", headers=wanted)
        assert (answer.status, TEXTS["disabled"][language].title in answer.body) == (503, True)
    site.do("enable")
    site.delete()
    for edge in panel.edges:
        answer = get(edge, site.name, "/", headers=wanted)
        assert (answer.status, TEXTS["unknown"][language].title in answer.body) == (404, True)
