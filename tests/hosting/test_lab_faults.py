"""Sites when hosts lose power or volumes run full."""

import pytest

from tests.hosting.live import LiveSite, comes_back, in_panel
from tests.panel import Panel, fresh_name, lab, on_host, wait_until

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
        seen.update(site.statuses())
        return site.shows(site.name)

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
    site.put("web/write.php", "<?= @file_put_contents('../files/x', str_repeat('x', 4 << 20)) ? 'fits' : 'full';")
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


def test_a_reload_loses_no_request(panel: Panel) -> None:
    """Fifty requests on kept-alive connections while other sites come and go on the same host."""
    site = LiveSite.create(panel)
    other = LiveSite.create(panel, kind="static")
    answers = [other.api.patch(other.path, {"domains": [other.name, fresh_name()]})]
    bad = []
    for number in range(150):
        for answer in site.open():
            if answer.status_code != 200:
                bad.append((number, answer.status_code))
        if number % 50 == 10:
            answers.append(other.api.patch(other.path, {"domains": [other.name, fresh_name()]}))
    for answer in answers:
        other.api.wait(answer)
    assert bad == []
