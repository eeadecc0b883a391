"""Sites of the running panel as the edges serve them: who the visitor is, and what is said when there is no site."""

import pytest

from controlpanel.agent.haproxy.pages import TEXTS
from tests.hosting.live import LiveSite
from tests.panel import Panel

from .edges import get

pytestmark = pytest.mark.lab


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
