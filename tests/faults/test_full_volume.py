"""A site fills its volume: it gets errors, its member sees why, and nobody else notices."""

import pytest

from tests.hosting.live import in_panel
from tests.panel import Panel, fresh_name, on_host, wait_until

from .conftest import Create, Pages

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]

PAGE = """<?php
$written = @file_put_contents("data/" . uniqid(), str_repeat("x", 1 << 20));
http_response_code($written === 1 << 20 ? 200 : 507);
echo $written === 1 << 20 ? "written" : error_get_last()["message"];
"""


def install(host: str, site: int) -> str:
    web = f"/srv/sites/{site}/web"
    on_host(
        host, "sh", "-c", 'cat >"$1"/write.php && install -d -o "$2" "$1"/data', "sh", web, f"site{site}", input=PAGE
    )
    return web


def test_full_volume(panel: Panel, create: Create, pages: Pages) -> None:
    full_name, other_name = fresh_name("full"), fresh_name("other")
    full, other = create(full_name), create(other_name)
    for answer in (full, other):
        install(answer["host"], answer["site"]["id"])
    volume = panel.member.get(f"volumes/{full['site']['volume']}/")
    assert panel.fetch(panel.edges[0], full_name, "/write.php").text == "written"

    # A hole counts like data.
    hole = f"/srv/sites/{full['site']['id']}/web/hole"
    on_host(full["host"], "truncate", f"--size={volume['size_bytes'] - 2 * 2**20}", hole)

    def refused() -> bool:
        return panel.fetch(panel.edges[0], full_name, "/write.php").status_code == 507

    wait_until(refused, 40, every=0.5)
    assert "quota" in panel.fetch(panel.edges[0], full_name, "/write.php").text.lower()
    assert full_name in panel.fetch(panel.edges[0], full_name).text  # reading goes on
    assert panel.fetch(panel.edges[0], other_name, "/write.php").text == "written"

    def shown() -> bool:
        # The panel asks once a minute; the clock of its duties is not what is tested here.
        in_panel("from storage import models, usage\nfor pool in models.Pool.objects.all(): usage.refresh(pool)")
        now = panel.member.get(f"volumes/{volume['id']}/")
        return bool(now["used_bytes"] >= 0.99 * now["size_bytes"])

    wait_until(shown, 60)
    assert "full" in pages.get(f"/sites/{full['site']['id']}/").text.lower()
    # The panel can still change the site, and take it away.
    panel.member.wait(panel.member.post(f"sites/{full['site']['id']}/disable/"))
    panel.member.wait(panel.member.post(f"sites/{full['site']['id']}/enable/"))
