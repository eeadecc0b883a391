"""A web host is lost for good and built anew, or wiped: its sites come back from the database and their volumes."""

import pytest

from tests.hosting.live import LiveSite
from tests.hosting.live_hosts import only
from tests.hosting.load import Visitors
from tests.panel import Panel, fresh_name, lab, on_host, wait_until

from . import places
from .conftest import Create

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]

#: What the panel has put on a web host, and the agent's memory of it.
WIPE = "rm -rf /etc/nginx /etc/php/sites /var/lib/controlpanel/state.db*"


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
    on_host(host, "sh", "-c", WIPE)
    result = places.manage("resync", host)
    assert result.returncode == 0, result.stdout + result.stderr
    assert_serves_again(panel, name)
    assert places.manage("drift", host).returncode == 0


def test_a_wiped_host_with_many_sites_keeps_their_visitors_waiting_and_loses_none(panel: Panel) -> None:
    """More of them than PHP masters are restarted together: each is started again by its next visitor."""
    with only(panel, "web1"):
        sites = [LiveSite.create(panel) for _ in range(7)]
    before = {master(site) for site in sites if site.shows(site.name)}
    assert len(before) == len(sites)
    with Visitors(sites[0], "/") as visitors:
        wait_until(lambda: sum(visitors.answers.values()) > 5, 20)
        on_host("web1", "sh", "-c", WIPE)
        result = places.manage("resync", "web1")
        assert result.returncode == 0, result.stdout + result.stderr
        assert visitors.failures == []
        visitors.all_asked_again()
        wait_until(lambda: sum(visitors.answers.values()) > 5, 20)
        assert visitors.failures == []
    assert all(site.shows(site.name) for site in sites)
    assert before.isdisjoint(master(site) for site in sites)
    for site in sites:
        site.delete()


def master(site: LiveSite) -> str:
    """Process id of its PHP's master."""
    return on_host(site.host, "systemctl", "show", "-P", "MainPID", f"site@{site.id}.service").strip()
