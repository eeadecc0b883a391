"""Sites when hosts lose power or volumes run full."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
import requests

from tests.hosting.live import LiveSite, comes_back, in_panel
from tests.panel import Api, Panel, cut_off, fresh_name, lab, on_host, wait_until

pytestmark = pytest.mark.lab


def test_a_web_host_that_lost_power_serves_again_by_itself(panel: Panel) -> None:
    php, static = LiveSite.create(panel), LiveSite.create(panel, kind="static")
    while static.host != php.host:
        static = LiveSite.create(panel, kind="static")
    php.put("web/index.php", "alive <?= 6 * 7;")
    host = php.host
    lab("power-off", host)
    try:
        wait_until(lambda: 200 not in php.statuses() | static.statuses(), 30, what="edges notice")
        assert php.statuses() <= {502, 503, 504}
    finally:
        lab("power-on", host)
    comes_back(php, "alive 42")
    comes_back(static, static.name)


def test_a_booting_host_gets_no_visitors_before_its_volumes_are_back(panel: Panel) -> None:
    site = LiveSite.create(panel)
    host = site.host
    lab("power-off", host)
    lab("power-on", host)
    seen: set[int] = set()

    def back() -> bool:
        with suppress(requests.Timeout):  # what was on its way into a host that lost power may hang
            seen.update(site.statuses(timeout=4))
            return site.shows(site.name, timeout=4)
        return False

    wait_until(back, 90, every=0.1)
    assert 404 not in seen
    assert 403 not in seen


def test_a_volume_that_is_not_mounted_is_not_an_empty_site(panel: Panel) -> None:
    site = LiveSite.create(panel, kind="static")
    on_host(site.host, "umount", site.root)
    try:
        assert site.statuses() == {503}
    finally:
        site.edit(state="failed", php_workers=3)
        in_panel(
            "from controlpanel.fleet import services; from controlpanel.fleet.models import Host\n"
            f"services.resync(Host.objects.filter(name={site.host!r}))"
        )
    comes_back(site, site.name)


def test_a_full_volume_stops_writing_and_nothing_else(panel: Panel) -> None:
    api = panel.member
    member = api.get("orders/")["results"][0]["member"]
    order = in_panel(
        "from hosting.models import HostingOrder\n"
        f"print(HostingOrder.objects.create(member_id={member}, name='Small', site_size_bytes=16 * 2**20).pk)"
    )
    answer = api.post("sites/", {"order": int(order), "kind": "php", "domains": [fresh_name()]})
    api.wait(answer)
    site = LiveSite(panel, api, answer["site"]["id"], answer["domains"][0])
    site.put(
        "web/write.php",
        "<?php $file = '../files/' . uniqid(); $text = str_repeat('x', 4 << 20);\n"
        "echo @file_put_contents($file, $text) === strlen($text) ? 'fits' : 'full'; @unlink($file);",
    )
    assert site.shows("fits", "/write.php")
    # Ceph's clients learn a moment late how full it is, so it is filled in ever smaller bites until each is refused.
    bite = "dd if=/dev/zero of=files/big count=2 oflag=append conv=notrunc,fsync 2>/dev/null"
    for size in ("1M", "64k", "1k"):
        site.shell(f"for n in $(seq 200); do {bite} bs={size} || exit 0; sleep 0.1; done; exit 1")
    assert site.shows("full", "/write.php")
    # Its owner may still change it, even where a first page would be written.
    site.shell("rm web/index.php")
    site.edit(php_workers=3)
    site.do("disable")
    site.do("enable")
    assert site.shows("full", "/write.php")
    site.shell("rm files/big")
    wait_until(lambda: site.shows("fits", "/write.php"), 60, every=1)


def test_a_lost_php_master_comes_back_with_the_next_visitor(panel: Panel) -> None:
    site = LiveSite.create(panel)
    pid = on_host(site.host, "systemctl", "show", "-P", "MainPID", f"site@{site.id}.service").strip()
    on_host(site.host, "kill", "-9", pid)
    wait_until(lambda: site.shows(site.name), 30)


def test_changes_on_a_host_lose_no_request(panel: Panel) -> None:
    """Visitors on kept-alive connections, while nginx reloads for a neighbour and the site's own PHP restarts."""
    site, other = LiveSite.create(panel), LiveSite.create(panel, kind="static")
    while other.host != site.host:
        other = LiveSite.create(panel, kind="static")
    got: Counter[str] = Counter()
    stop = threading.Event()

    def visit(edge: str) -> None:
        session = requests.Session()
        while not stop.is_set():
            try:
                answer = session.get(f"http://{edge}/", headers={"Host": site.name}, timeout=10)
                got["right" if answer.status_code == 200 and site.name in answer.text else str(answer.status_code)] += 1
            except requests.RequestException as error:
                got[type(error).__name__] += 1

    visitors = [threading.Thread(target=visit, args=(edge,)) for edge in panel.edges for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    try:
        for _time in range(5):
            other.edit(domains=[other.name, fresh_name()])
        for workers in (2, 3, 4):
            site.edit(php_workers=workers)
    finally:
        stop.set()
        for visitor in visitors:
            visitor.join()
    assert set(got) == {"right"}, got


def test_web_servers_that_reload_lose_no_request(panel: Panel) -> None:
    """nginx closes idle connections at each reload, while an edge may be sending the next request on them."""
    site = LiveSite.create(panel, kind="php")
    site.put("web/index.php", "<?php echo $_SERVER['REQUEST_METHOD'], ' of mine';")
    got: Counter[str] = Counter()
    stop = threading.Event()

    def visit(edge: str, method: str) -> None:
        session = requests.Session()
        while not stop.is_set():
            try:
                answer = session.request(method, f"http://{edge}/", headers={"Host": site.name}, timeout=20)
                got["right" if answer.text == f"{method} of mine" else f"{method}: {answer.status_code}"] += 1
            except requests.RequestException as error:
                got[f"{method}: {error}"] += 1

    visitors = [
        threading.Thread(target=visit, args=(edge, how)) for edge in panel.edges for how in ("GET", "POST", "POST")
    ]
    for visitor in visitors:
        visitor.start()
    try:
        script = "for n in $(seq 40); do kill -HUP $(cat /run/nginx.pid); sleep 0.15; done"
        on_host(site.host, "sh", "-c", script)
    finally:
        stop.set()
        for visitor in visitors:
            visitor.join()
        site.delete()
    assert set(got) == {"right"}, got


@contextmanager
def no_web_hosts(panel: Panel) -> Iterator[None]:
    with ExitStack() as stack:
        for host in panel.hosts:
            if host.startswith("web"):
                stack.enter_context(cut_off(host))
        yield


def waiting(api: Api, answer: dict[str, Any]) -> None:
    wait_until(lambda: api.operation(answer)["state"] == "waiting", 60, what="the operation waits")


def test_a_creation_waits_for_hosts_that_are_cut_off(panel: Panel) -> None:
    name = fresh_name()
    with no_web_hosts(panel):
        answer = panel.member.create_site(name, wait=False)
        waiting(panel.member, answer)
    panel.member.wait(answer, seconds=120)
    assert LiveSite(panel, panel.member, answer["site"]["id"], name).shows(name)


def test_a_creation_that_waits_can_be_cancelled_and_its_name_is_free_again(panel: Panel) -> None:
    name = fresh_name()
    with no_web_hosts(panel):
        answer = panel.member.create_site(name, wait=False)
        waiting(panel.member, answer)
        panel.member.request("POST", f"operations/{answer['operation']['id']}/cancel/", json={})
    panel.member.wait(answer, "cancelled", seconds=120)
    site = panel.member.get(f"sites/{answer['site']['id']}/")
    assert (site["state"], site["domains"]) == ("deleted", [])
    again = panel.member.create_site(name)
    assert LiveSite(panel, panel.member, again["site"]["id"], name).shows(name)


def test_a_creation_that_fails_is_taken_back_whole_and_can_be_tried_again(panel: Panel) -> None:
    name = fresh_name()
    broken = "/etc/nginx/controlpanel/sites/broken.conf"
    hosts = [host for host in panel.hosts if host.startswith("web")]
    for host in hosts:
        on_host(host, "sh", "-c", f"echo 'no such directive;' > {broken}")
    try:
        answer = panel.member.create_site(name, wait=False)
        operation = panel.member.wait(answer, "failed")
    finally:
        for host in hosts:
            on_host(host, "rm", broken)
    site = LiveSite(panel, panel.member, answer["site"]["id"], name)
    states = {step["title"]: step["state"] for step in operation["steps"]}
    assert "rejected" in operation["detail"]
    assert "succeeded" not in states.values()
    assert site.read()["state"] == "failed"
    for host in hosts:
        left = f"findmnt {site.root}; ls /etc/nginx/controlpanel/sites/{site.id}.conf /etc/php/sites/{site.id}.conf"
        assert not on_host(host, "sh", "-c", f"{left} 2>/dev/null || true")
        assert not on_host(host, "sh", "-c", f"systemctl is-active site@{site.id}.socket | grep ^active || true")
    panel.member.request("POST", f"operations/{operation['id']}/retry/", json={})
    panel.member.wait(answer)
    assert site.shows(name)


def test_a_failed_creation_can_be_deleted(panel: Panel) -> None:
    broken = "/etc/nginx/controlpanel/sites/broken.conf"
    hosts = [host for host in panel.hosts if host.startswith("web")]
    for host in hosts:
        on_host(host, "sh", "-c", f"echo 'no such directive;' > {broken}")
    try:
        answer = panel.member.create_site(fresh_name(), wait=False)
        panel.member.wait(answer, "failed")
    finally:
        for host in hosts:
            on_host(host, "rm", broken)
    site = LiveSite(panel, panel.member, answer["site"]["id"], "")
    site.delete()
    assert site.read()["state"] == "deleted"
    assert site.api.request("POST", f"{site.path}restore/", 409, json={}).json()["title"]
