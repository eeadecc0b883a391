"""Edges and web hosts lose their power: what they serve comes back by itself, without a word from the panel."""

import pytest

from tests.hosting.live import LiveSite, comes_back
from tests.panel import Panel, fresh_name, on_host, powered_off, wait_until

from . import places
from .conftest import Create

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]


def test_edge_serves_everything_from_its_own_files(panel: Panel, create: Create) -> None:
    live, disabled, main, redirected = (fresh_name(label) for label in ("live", "disabled", "main", "redirected"))
    create(live)
    stopped = create(disabled, kind="static")
    create(main, kind="static", redirects=[redirected])
    panel.member.wait(panel.member.post(f"sites/{stopped['site']['id']}/disable/"))
    edge = panel.edges[0]

    def seen() -> list[tuple[int, bool, str]]:
        pages = [panel.fetch(edge, name) for name in (live, disabled, main, redirected)]
        return [(page.status_code, live in page.text, page.headers.get("location", "")) for page in pages]

    before = seen()
    assert [status for status, _, _ in before] == [200, before[1][0], 200, before[3][0]]
    assert before[1][0] != 200
    assert main in before[3][2]
    with places.panel_silent():
        with powered_off("edge1"):
            pass
        assert wait_until(lambda: seen() == before, 15) is True
        for name in (live, main):
            page = on_host(
                "edge2", "curl", "-sk", "--resolve", f"{name}:443:{edge}", f"https://{name}/", "-o", "/dev/null",
                "-w", "%{http_code}",
            )  # fmt: skip
            assert page == "200"


def test_web_host_brings_its_sites_back(panel: Panel) -> None:
    """Nobody does anything, neither there nor in the panel; visitors are told meanwhile."""
    site = LiveSite.create(panel)
    with powered_off(site.host):
        page = panel.fetch(panel.edges[0], site.name)
        assert (page.status_code, "<html" in page.text) == (503, True)
    comes_back(site, site.name)
    site.delete()


def test_storage_host_off_and_on(panel: Panel, create: Create) -> None:
    """Sites wait while their volumes are away, and go on."""
    name = fresh_name("storage")
    answer = create(name)
    with powered_off("store1"):
        pass
    script = f"/srv/sites/{answer['site']['id']}/web/after.txt"
    on_host(answer["host"], "sh", "-c", 'echo written afterwards >"$1"', "sh", script)
    assert "written afterwards" in panel.fetch(panel.edges[0], name, "/after.txt").text
