"""Shields as visitors meet them, on every edge: each level, its exceptions, and that it stays where it should."""

import hashlib
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import sync_playwright

from controlpanel.agent.haproxy import paths
from controlpanel.agent.haproxy.pages import TEXTS
from tests.panel import ROOT, Panel, on_host, wait_until

from .live import LiveSite

pytestmark = pytest.mark.lab

#: A host of the lab that visits from an address of its own.
ELSEWHERE = "dir1"
NEW_EVERY_TIME = "<?php if (isset($_GET['login'])) setcookie('user', 'anna'); echo hrtime(true);"


@pytest.fixture(scope="module")
def site(panel: Panel) -> LiveSite:
    site = LiveSite.create(panel)
    site.put("web/now.php", NEW_EVERY_TIME)
    on_host(site.host, "install", "-d", "-o", str(site.uid), "-g", str(site.uid), f"{site.root}/web/api")
    site.put("web/api/hook.php", "<?= 'hooked';")
    return site


@pytest.fixture(autouse=True)
def off_again(site: LiveSite) -> Iterator[None]:
    yield
    site.do("shield", {"level": "off", "blocked": [], "trusted": [], "open_paths": [], "requests": 100})


@pytest.fixture(scope="module")
def me(panel: Panel) -> str:
    """The address that this machine visits from."""
    return panel.edges[0].rpartition(".")[0] + ".1"


def elsewhere(edge: str, name: str, path: str = "/now.php", *options: str) -> str:
    """What a visitor with another address gets: the status, "000" for no answer."""
    answer = ("-o", "/dev/null", "-w", "%{http_code}", "-m", "5")
    address = f"http://{edge}{path}"
    return on_host(ELSEWHERE, "curl", "-s", *answer, *options, "-H", f"Host: {name}", address, check=False)


def solve(page: str) -> str:
    """What a browser does with the task page."""
    found = re.search(r'data-task="([0-9a-f]{64})"', page)
    assert found, page
    tries = ((number, f"{found.group(1)}.{number}") for number in itertools.count())
    return next(str(number) for number, text in tries if hashlib.sha256(text.encode()).hexdigest()[:4] == "0000")


def test_cache_answers_anonymous_visitors_from_memory_and_nobody_else(site: LiveSite) -> None:
    site.do("shield", {"level": "cache"})
    assert site.read()["shield"] == "cache"
    for edge in site.panel.edges:

        def body(path: str = "/now.php", edge: str = edge, **headers: str) -> str:
            return site.panel.fetch(edge, site.name, path, headers=headers).text

        kept = body()
        assert body() == kept
        assert len({body(Cookie="user=anna"), body(Cookie="user=anna"), kept}) == 3
        assert body(Authorization="Basic eDp5") != kept
        assert body("/now.php?login") != body("/now.php?login")
    site.do("shield", {"level": "off"})
    assert len({answer.text for _ in range(2) for answer in site.open("/now.php")}) == 2 * len(site.panel.edges)


def test_limit_stops_the_flooder_and_nobody_else(site: LiveSite, me: str) -> None:
    neighbour = next(one["domains"][0] for one in site.api.get("sites/")["results"] if one["id"] != site.id)
    site.do("shield", {"level": "limit", "requests": 5})
    for edge in site.panel.edges:
        answers = [site.panel.fetch(edge, site.name, "/now.php") for _ in range(12)]
        assert [answer.status_code for answer in answers][:2] == [200, 200]
        assert answers[-1].status_code == 429
        assert answers[-1].headers["Retry-After"] == "10"
        assert TEXTS["limited"]["en"].title in answers[-1].text
        flood = [site.panel.fetch(edge, site.name, "/now.php") for _ in range(5)]
        assert {answer.status_code for answer in flood} == {429}
        assert flood[-1].elapsed.total_seconds() > 1.5  # who floods waits for it, and floods less
        assert TEXTS["limited"]["en"].title in flood[-1].text
        assert elsewhere(edge, site.name) == "200"
        assert site.panel.fetch(edge, neighbour).status_code != 429
    site.do("shield", {"trusted": [me]})
    assert site.statuses("/now.php") == {200}


def test_a_blocked_network_gets_a_page_and_others_the_site(site: LiveSite, me: str) -> None:
    site.do("shield", {"level": "cache", "blocked": [f"{me}/32"]})
    for answer in site.open("/now.php", headers={"Accept-Language": "es"}):
        assert (answer.status_code, TEXTS["blocked"]["es"].title in answer.text) == (403, True)
    for edge in site.panel.edges:
        assert elsewhere(edge, site.name) == "200"


def test_challenge_lets_in_who_has_solved_the_task(site: LiveSite, me: str) -> None:
    site.do("shield", {"level": "challenge", "open_paths": ["/api/"]})
    first, second = site.open("/now.php")
    assert {first.status_code, second.status_code} == {503}
    assert "noscript" in first.text
    assert "default-src 'none'" in first.headers["Content-Security-Policy"]
    assert first.headers["Cache-Control"] == "no-store"
    cookie = {"Cookie": f"edge_pass={solve(first.text)}"}
    # One task for all edges, and none for another visitor, with whatever cookie.
    assert site.statuses("/now.php") == {503}
    assert {answer.status_code for answer in site.open("/now.php", headers=cookie)} == {200}
    edge = site.panel.edges[0]
    assert elsewhere(edge, site.name, "/now.php", "-H", f"Cookie: {cookie['Cookie']}") == "503"
    assert elsewhere(edge, site.name, "/now.php", "-I") == "503"
    assert elsewhere(edge, site.name, "/api/hook.php") == "200"
    assert elsewhere(edge, site.name, "/api/%2e%2e/now.php", "--path-as-is") == "503"
    h2 = ("-k", "--http2", "--resolve", f"{site.name}:443:{edge}", f"https://{site.name}/now.php")
    shown = on_host(ELSEWHERE, "curl", "-s", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", "-I", *h2)
    assert shown == "2 503"
    site.do("shield", {"trusted": [me]})
    assert site.statuses("/now.php") == {200}


def test_a_browser_passes_by_itself(site: LiveSite) -> None:
    site.do("shield", {"level": "challenge"})
    edge = site.panel.edges[0]
    flags = ["--no-sandbox", f"--host-resolver-rules=MAP {site.name} {edge}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        try:
            page = browser.new_context(locale="es-MX").new_page()
            complaints: list[str] = []
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(f"http://{site.name}/api/hook.php")
            page.get_by_text("hooked", exact=True).wait_for(timeout=60_000)
            page.goto(f"http://{site.name}/now.php")
            assert page.inner_text("body").strip().isdigit()
            assert not complaints
        finally:
            browser.close()


def test_the_least_level_of_all_sites_is_every_site_s_at_once(panel: Panel, site: LiveSite) -> None:
    staff = panel.api()
    try:
        staff.wait(staff.post("sites/shield/", {"level": "challenge"}))
        assert site.statuses("/now.php") == {503}
        assert site.api.get(f"{site.path}shield/")["least_level"] == "challenge"
    finally:
        staff.wait(staff.post("sites/shield/", {"level": "off"}))
    assert site.statuses("/now.php") == {200}
    site.api.post("sites/shield/", {"level": "off"}, expect=403)


def manage(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_it_outlives_restarts_and_a_row_that_was_lost_is_found_and_mended(panel: Panel, site: LiveSite) -> None:
    edge = next(name for name, address in panel.hosts.items() if address == panel.edges[0])
    site.do("shield", {"level": "challenge"})
    on_host(edge, "systemctl", "restart", "haproxy")
    wait_until(lambda: _statuses(site) == {503}, 20, what="the shield after a restart")
    on_host(edge, "systemctl", "reload", "haproxy")
    wait_until(lambda: _statuses(site) == {503}, 20, what="the shield after a reload")
    script = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/admin.sock');"
        f"s.sendall(b'del map {paths.SHIELDS} {site.id}\\n'); print(s.recv(9999))"
    )
    on_host(edge, "python3", "-c", script)
    assert panel.fetch(panel.edges[0], site.name, "/now.php").status_code == 200
    drift = manage("drift", edge)
    assert drift.returncode == 1
    assert f"shield {site.id}" in " ".join(drift.stdout.split())
    assert manage("resync", edge).returncode == 0
    assert site.statuses("/now.php") == {503}
    assert manage("drift", edge).returncode == 0


def _statuses(site: LiveSite) -> set[int]:
    try:
        return site.statuses("/now.php")
    except requests.RequestException:
        return set()


def test_maintenance_shows_its_page_until_it_is_ended(site: LiveSite) -> None:
    site.do("maintenance", {"on": True})
    assert site.read()["maintenance"] is True
    site.edit(php_workers=3)  # whatever else is done with the site
    for answer in site.open("/now.php"):
        assert (answer.status_code, TEXTS["maintenance"]["en"].title in answer.text) == (503, True)
    site.do("maintenance", {"on": False})
    assert site.statuses("/now.php") == {200}


def test_shielded_addresses_let_only_the_web_in_and_no_flood(panel: Panel, site: LiveSite) -> None:
    site.do("shield", {"level": "limit", "own_addresses": True})
    records = site.api.get(f"{site.path}shield/")["dns"]
    assert {record["name"] for record in records} == {site.name}
    addresses = [record["value"] for record in records]
    assert len(addresses) == len(panel.edges)
    try:
        for address in addresses:
            assert elsewhere(address, site.name) == "200"
            assert reached(address, 22) == 0
        assert reached(panel.edges[0], 22) == 1
        assert 20 <= reached(addresses[0], 80, times=300) < 300
        assert elsewhere(addresses[0], site.name) == "000"
        assert elsewhere(panel.edges[0], site.name) == "200"
        assert panel.fetch(addresses[0], site.name, "/now.php").status_code == 200
    finally:
        for edge in panel.hosts:
            if edge.startswith("edge"):
                on_host(edge, "nft", "flush", "set", "inet", "controlpanel", "flooding4")
        site.do("shield", {"own_addresses": False})


def reached(address: str, port: int, times: int = 1) -> int:
    """How many of so many connections opened at once from elsewhere come about."""
    script = (
        "import socket, select\n"
        "found = []\n"
        f"for _ in range({times}):\n"
        "    s = socket.socket(); s.setblocking(False)\n"
        f"    s.connect_ex(('{address}', {port})); found.append(s)\n"
        "poll = select.poll(); [poll.register(s, select.POLLOUT) for s in found]\n"
        "import time; time.sleep(0.8)\n"
        "up = {fd for fd, event in poll.poll(0) if event == select.POLLOUT}\n"
        "print(sum(s.fileno() in up and not s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for s in found))\n"
    )
    return int(on_host(ELSEWHERE, "python3", "-c", script))
