"""A web host is lost for good and built anew, or wiped: its sites come back from the database and their volumes."""

import pytest

from tests.panel import Panel, fresh_name, lab, on_host, wait_until

from . import places
from .conftest import Create

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]


def written(panel: Panel, create: Create) -> tuple[str, str]:
    """A PHP site with something of its member's in it: its host and its name."""
    name = fresh_name("rebuilt")
    answer = create(name)
    on_host(answer["host"], "sh", "-c", 'echo "<?php echo 6 * 7;" >"$1"', "sh", page_of(answer["site"]["id"]))
    assert panel.fetch(panel.edges[0], name, "/answer.php").text == "42"
    return answer["host"], name


def assert_serves_again(panel: Panel, name: str) -> None:
    """On each edge, once its next health check has found the host."""
    for edge in panel.edges:
        wait_until(lambda edge=edge: panel.fetch(edge, name, "/answer.php").text == "42", 10)


def page_of(site: int) -> str:
    return f"/srv/sites/{site}/web/answer.php"


def test_web_host_built_anew_from_nothing(panel: Panel, create: Create) -> None:
    """A bare Debian with the same name and host key, enrolled as any new host is."""
    host, name = written(panel, create)
    lab("down", host, "--purge")
    lab("up", host)
    result = places.manage(
        "enroll", host, panel.hosts[host], "--role", "web", "--identity", str(places.lab_home() / "bootstrap_key")
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert_serves_again(panel, name)
    assert places.manage("drift", host).returncode == 0


def test_wiped_web_host_is_restored_by_resync_alone(panel: Panel, create: Create) -> None:
    host, name = written(panel, create)
    on_host(host, "sh", "-c", "rm -rf /etc/nginx /etc/php/sites /var/lib/controlpanel/state.db*")
    result = places.manage("resync", host)
    assert result.returncode == 0, result.stdout + result.stderr
    assert_serves_again(panel, name)
    assert places.manage("drift", host).returncode == 0
