"""A popular site on real hosts: limits while it runs, several web hosts at once, and no visitor who notices."""

import contextlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.hosting.live import LiveSite, comes_back, in_panel
from tests.hosting.load import PAGE, Visitors
from tests.panel import Api, Panel, kill_workers, on_host, powered_off, wait_until

pytestmark = pytest.mark.lab

#: Counts up in its session, slowly enough that another request comes meanwhile.
SESSION = "<?php session_start(); $n = ($_SESSION['n'] ?? 0) + 1; usleep(20000); $_SESSION['n'] = $n; echo $n;"


def scale(site: LiveSite, **changes: Any) -> dict[str, Any]:
    api = site.panel.api()
    return api.wait(api.post(f"{site.path}scale/", changes), seconds=90)


def volume(site: LiveSite) -> dict[str, Any]:
    return site.panel.api().get(f"volumes/{site.read()['volume']}/")  # type: ignore[no-any-return]


def who_has(site: LiveSite) -> list[str]:
    """The hosts that have its volume open, as the storage sees it."""
    statement = (
        "import json; from hosting.models import Site; from storage.drivers import driver_of\n"
        f"volume = Site.objects.get(pk={site.id}).volume; driver = driver_of(volume.pool)\n"
        "found = driver.ask(driver.who_has([volume])).data['volumes'][volume.name]\n"
        "print(json.dumps(sorted({one['host'] for one in found['holders']} | set(found['access']))))"
    )
    return json.loads(in_panel(statement))  # type: ignore[no-any-return]


def slice_property(site: LiveSite, host: str, name: str) -> str:
    return on_host(host, "systemctl", "show", "-P", name, f"site-{site.id}.slice").strip()


def edges_know_it_is_down(panel: Panel, host: str) -> bool:
    """Whether the health check of every edge holds the host for dead."""
    statement = (
        "import json; from controlpanel.fleet import channel; from routing import selectors\n"
        "answers = [channel.call(edge, 'edge.stats', {}, timeout=20).result(25) for edge in selectors.edges()]\n"
        f"print(json.dumps([answer['backends'][{host!r}]['status'] for answer in answers]))"
    )
    return all(status.startswith("DOWN") for status in json.loads(in_panel(statement)))


@pytest.fixture
def site(panel: Panel) -> Iterator[LiveSite]:
    """A PHP site on one host, deleted afterwards."""
    site = LiveSite.create(panel)
    site.put("web/where.php", PAGE)
    site.put("web/count.php", SESSION)
    assert site.shows(site.host, "/where.php")
    yield site
    with contextlib.suppress(AssertionError):  # an operation that failed left it in a state of its own
        wait_until(lambda: site.read()["state"] in ("active", "failed"), 60, every=0.5)
        site.delete()


def test_limits_hold_while_it_runs_and_nobody_notices(panel: Panel, site: LiveSite) -> None:
    host = site.host
    pid = on_host(host, "systemctl", "show", "-P", "MainPID", f"site@{site.id}.service")
    assert slice_property(site, host, "MemoryMax") == str(1024 * 1024**2)
    with Visitors(site, "/where.php") as visitors:
        scale(site, memory_mb=2048, cpu_weight=400)
        assert slice_property(site, host, "MemoryMax") == str(2048 * 1024**2)
        assert slice_property(site, host, "CPUWeight") == "400"
        assert on_host(host, "systemctl", "show", "-P", "MainPID", f"site@{site.id}.service") == pid
        scale(site, php_workers=9, tasks=64)  # these need another PHP master; visitors wait for it for a moment
        wait_until(lambda: len(visitors.times) > 50, 30)
    assert visitors.failures == []
    assert slice_property(site, host, "TasksMax") == "64"
    assert "pm.max_children = 9\n" in on_host(host, "cat", f"/etc/php/sites/{site.id}.conf")
    site.put("web/bomb.php", "<?php for ($i = 0; $i < 200; $i++) { @exec('sleep 5 >/dev/null 2>&1 &'); } echo 'done';")
    site.open("/bomb.php", timeout=120)
    assert 32 < int(on_host(host, "pgrep", "-c", "-u", str(site.uid)).strip()) <= 64
    scale(site, memory_mb=1024, cpu_weight=100, tasks=256)
    assert slice_property(site, host, "MemoryMax") == str(1024 * 1024**2)
    assert not on_host(host, "sh", "-c", f"ls /etc/systemd/system/site-{site.id}.slice.d/* 2>/dev/null || true")
    on_host(host, "systemctl", "kill", "--signal=KILL", f"site-{site.id}.slice")


def test_a_hog_of_memory_dies_in_its_own_slice(panel: Panel, site: LiveSite) -> None:
    group = f"/sys/fs/cgroup/site.slice/site-{site.id}.slice/memory.max"
    if not on_host(site.host, "sh", "-c", f"cat {group} 2>/dev/null || true"):
        pytest.skip("the kernel gives its hosts no control of memory (cgroup 1); that systemd was told is tested above")
    scale(site, memory_mb=128)
    site.put("web/hog.php", "<?php exec('head -c 600M /dev/zero | tail', $out, $code); echo $code;")
    site.open("/hog.php", timeout=60)
    assert site.shows(site.host, "/where.php")


def test_more_hosts_and_fewer_without_losing_a_request(panel: Panel, site: LiveSite) -> None:
    main = site.host
    with Visitors(site, "/where.php") as visitors:
        scale(site, hosts=2)
        second = next(name for name in site.read()["hosts"] if name != main)
        wait_until(lambda: visitors.seen(main, second), 20)
        scale(site, hosts=3)
        [third] = set(site.read()["hosts"]) - {main, second}
        wait_until(lambda: visitors.seen(main, second, third), 20)
        assert volume(site)["hosts"] == sorted([main, second, third])
        assert who_has(site) == sorted([main, second, third])
        sessions_work_across(site, [main, second, third])
        scale(site, hosts=[second, third])  # the main host goes, another becomes it
        assert site.read()["host"] == second
        visitors.forget()
        wait_until(lambda: visitors.seen(second, third), 20)
        scale(site, hosts=1)
        visitors.forget()
        wait_until(lambda: visitors.seen(second), 20)
    assert visitors.failures == []
    assert (site.read()["hosts"], volume(site)["hosts"], who_has(site)) == ([second], [second], [second])
    shared = f"from hosting.models import Site; print(Site.objects.get(pk={site.id}).volume.shared)"
    assert in_panel(shared) == "False"
    for gone in (main, third):
        assert not on_host(gone, "sh", "-c", f"findmnt -n {site.root} || true")
    assert site.stat("%U") == f"site{site.id}"


def sessions_work_across(site: LiveSite, hosts: list[str], each: int = 15) -> None:
    """One visitor's session on all hosts at the same time: no request is lost, none counts what another counted."""
    cookie = f"PHPSESSID=across{site.id}"
    counts: list[int] = []

    def ask(host: str) -> None:
        script = (
            f"for turn in $(seq {each}); do"
            f" curl -s -m 30 -H 'Host: {site.name}' -H 'Cookie: {cookie}' http://127.0.0.1/count.php; echo; done"
        )
        counts.extend(int(line) for line in on_host(host, "sh", "-c", script).split())

    threads = [threading.Thread(target=ask, args=(host,)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert sorted(counts) == list(range(1, each * len(hosts) + 1))
    # And through the edges, whichever host that is.
    answers = site.open("/count.php", headers={"Cookie": cookie})
    assert [int(answer.text) for answer in answers] == [len(counts) + 1, len(counts) + 2]


def test_one_of_its_hosts_loses_power(panel: Panel, site: LiveSite) -> None:
    """Once the edges' health checks have noticed, nobody is sent there; it comes back by itself."""
    main = site.host
    scale(site, hosts=3)
    lost, other = (name for name in site.read()["hosts"] if name != main)
    with Visitors(site, "/where.php", timeout=5) as visitors:
        wait_until(lambda: visitors.seen(main, lost, other), 20)
        with powered_off(lost):
            wait_until(lambda: edges_know_it_is_down(panel, lost), 60)
            visitors.all_asked_again()
            wait_until(lambda: sum(visitors.answers.values()) > 150, 30)
            assert visitors.failures == []
        comes_back(site, "", 120)
        wait_until(lambda: lost in visitors.answers, 120, what=f"{lost} serves again")
        wait_until(lambda: panel.api().get("hosts/", name=lost)["results"][0]["reachable"], 60)
        visitors.forget()
        scale(site, hosts=1)
        assert visitors.failures == []
    assert who_has(site) == [main]


def test_the_worker_dies_in_the_middle(panel: Panel, site: LiveSite) -> None:
    api = panel.api()
    with Visitors(site, "/where.php") as visitors:
        for hosts in (2, 1):
            answer = api.post(f"{site.path}scale/", {"hosts": hosts})
            has_begun = partial(second_step_has_begun, api, answer)
            wait_until(has_begun, 30, every=0.02)
            kill_workers()
            api.wait(answer, seconds=90)
            assert len(site.read()["hosts"]) == hosts
        assert visitors.failures == []


def second_step_has_begun(api: Api, answer: dict[str, Any]) -> bool:
    return bool(api.operation(answer)["steps"][1]["state"] != "planned")


def test_cancelled_it_is_where_it_was(panel: Panel, site: LiveSite) -> None:
    api, main = panel.api(), site.host
    free = next(name for name in panel.hosts if name.startswith("web") and name != main)
    with Visitors(site, "/where.php") as visitors:
        with powered_off(free):
            answer = api.post(f"{site.path}scale/", {"hosts": [main, free], "memory_mb": 2048})
            wait_until(lambda: api.operation(answer)["state"] == "waiting", 60)
            api.post(f"operations/{answer['operation']['id']}/cancel/", expect=202)
        api.wait(answer, "cancelled", seconds=120)
        assert visitors.failures == []
    read = site.read()
    assert (read["state"], read["hosts"], read["memory_mb"]) == ("active", [main], 1024)
    assert who_has(site) == [main]
