"""A web host loses its power: its sites come up elsewhere with every byte that was acknowledged, and it comes back only
clean. Told once, from the power cut to the readmission, with a writer that never stops trying."""

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests.faults import places
from tests.panel import ENDED, Panel, kill_workers, lab, on_host, wait_until

from .live import LiveSite
from .live_hosts import LiveHost, only

pytestmark = [pytest.mark.lab]

#: Appends the number to a file and says so only when it is on the disk: what it has said must never be missing.
WRITER = """<?php
$file = __DIR__ . '/../files/numbers';
$out = fopen($file, 'ab');
if (!$out || fwrite($out, (int) $_GET['n'] . "\\n") === false || !fsync($out)) { http_response_code(500); exit; }
echo 'wrote ', (int) $_GET['n'];
"""
#: A process of before: it goes on trying as long as it lives.
STUBBORN = (
    "exec setsid sh -c 'while :; do echo intruder >>%s/files/numbers; sleep 0.2; done' >/dev/null 2>&1 </dev/null &"
)


class Writer:
    """Visits a page that writes, all the time, and remembers what was acknowledged."""

    def __init__(self, site: LiveSite) -> None:
        self.site = site
        self.acknowledged: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        session = requests.Session()
        while not self._stop.is_set():
            number += 1
            edge = self.site.panel.edges[number % len(self.site.panel.edges)]
            with contextlib.suppress(requests.RequestException):
                answer = session.get(f"http://{edge}/write.php?n={number}", headers={"Host": self.site.name}, timeout=5)
                if answer.status_code == 200 and answer.text == f"wrote {number}":
                    self.acknowledged.append(number)
            time.sleep(0.05)

    def stop(self) -> list[int]:
        self._stop.set()
        self._thread.join(10)
        return self.acknowledged


@pytest.fixture
def dead(panel: Panel) -> Iterator[LiveHost]:
    """web1 with nothing under way; however the test ends, it serves again."""
    host = LiveHost(panel.api(), "web1")
    places.bring_back()
    yield host
    places.bring_back()
    operations = panel.api().get("operations/", kind="hosting.recover_host")["results"]
    for operation in operations[:3]:
        wait_until(lambda pk=operation["id"]: panel.api().get(f"operations/{pk}/")["state"] in ENDED, 120, every=0.5)
    host.take_back()
    wait_until(lambda: (row := host.read())["reachable"] and row["state"] == "active", 60, every=0.5)


@pytest.fixture
def sites(panel: Panel, dead: LiveHost) -> Iterator[list[LiveSite]]:
    """A PHP site that writes, a static one, and one that is disabled, all on web1."""
    with only(panel, dead.name):
        made = [LiveSite.create(panel, kind=kind) for kind in ("php", "static", "static")]
    assert {site.host for site in made} == {dead.name}
    made[0].put("web/write.php", WRITER)
    made[0].put("files/numbers", "")
    made[2].do("disable")
    yield made
    for site in made:
        site.delete()


def numbers_of(site: LiveSite) -> list[str]:
    text = on_host(site.host, "cat", f"{site.root}/files/numbers")
    return text.replace("\0", " ").split()  # a write that its host's death came in the middle of may leave a hole


def test_the_night_of_a_dead_host(panel: Panel, dead: LiveHost, sites: list[LiveSite]) -> None:
    writing, static, disabled = sites
    on_host(dead.name, "sh", "-c", STUBBORN % writing.root)
    writer = Writer(writing)
    try:
        wait_until(lambda: len(writer.acknowledged) > 5, 20, what="the writer writes")
        # The cable, not the power: the worst case, for its processes live on and write.
        lab("cut", dead.name)
        operation = panel.api().wait(dead.recover(), seconds=120)
        assert {step["state"] for step in operation["steps"]} <= {"succeeded"}

        for site in (writing, static):
            assert site.shows(site.name)
            assert site.host != dead.name
            assert site.read()["state"] == "active"
        assert disabled.read()["state"] == "disabled"
        assert disabled.host != dead.name
        assert dead.read()["state"] == "fenced"
        before = len(writer.acknowledged)
        wait_until(lambda: len(writer.acknowledged) > before + 5, 20, what="the writer writes on the new host")
        wait_until(lambda: "intruder" in numbers_of(writing), 5, what="it had written before the cut")
        intruders = numbers_of(writing).count("intruder")

        # It is back, alive, with all its old processes: it finds out that it is fenced, and nothing of theirs lands.
        lab("rejoin", dead.name)
        wait_until(lambda: dead.read()["reachable"], 60, every=0.5)
        wait_until(lambda: places._is_so(dead.name, "test", "-e", "/var/lib/controlpanel/fenced"), 60, every=0.5)
        assert numbers_of(writing).count("intruder") == intruders

        # Alive is not enough: what it has in memory is from before.
        assert dead.readmit(state="failed")["steps"]
        assert dead.read()["state"] == "fenced"
        dead.restart()
        assert on_host(dead.name, "findmnt", "-n", "-t", "fuse.ceph", check=False).strip() == ""
        dead.readmit()
    finally:
        acknowledged = writer.stop()
    assert dead.read()["state"] == "active"
    assert not places._is_so(dead.name, "test", "-e", f"/etc/nginx/controlpanel/sites/{writing.id}.conf")
    found = numbers_of(writing)
    assert found.count("intruder") == intruders
    assert not {str(number) for number in acknowledged} - set(found)
    # It serves again.
    with only(panel, dead.name):
        fresh = LiveSite.create(panel, kind="static")
    assert fresh.shows(fresh.name)
    assert fresh.host == dead.name
    fresh.delete()


#: Says that it has begun, and then takes longer than anybody waits.
SLOW = "<?php touch('../files/begun-' . (int) $_GET['visitor']); sleep(110); echo 'late';"


def test_requests_under_way_end_with_a_page(panel: Panel, dead: LiveHost, sites: list[LiveSite]) -> None:
    """Also on connections that were used before, and those that must not be sent twice."""
    site = sites[0]
    site.put("web/slow.php", SLOW)
    got: list[str] = []

    def visit(number: int, edge: str, method: str) -> None:
        session = requests.Session()
        try:
            for path in ("/", f"/slow.php?visitor={number}"):
                answer = session.request(method, f"http://{edge}{path}", headers={"Host": site.name}, timeout=45)
            got.append(f"{answer.status_code} {'page' if '<html' in answer.text else answer.text}")
        except requests.RequestException as error:
            got.append(f"{method}: {error}")

    ways = [(edge, how) for edge in panel.edges for how in ("GET", "POST")]
    visitors = [threading.Thread(target=visit, args=(number, *way)) for number, way in enumerate(ways)]
    for visitor in visitors:
        visitor.start()
    all_begun = [f"begun-{number}" for number in range(len(ways))]
    begun: list[str] = []

    def under_way() -> bool:
        begun[:] = sorted(set(on_host(dead.name, "ls", f"{site.root}/files").split()) & set(all_begun))
        assert not got, f"answered too early: {got}; begun: {begun}"
        return begun == all_begun

    wait_until(under_way, 40, what="all visits are under way")
    lab("cut", dead.name)
    answer = dead.recover()
    for visitor in visitors:
        visitor.join(60)
    assert len(got) == 4 and set(got) <= {"502 page", "503 page"}, got
    panel.api().wait(answer, seconds=120)
    assert site.shows(site.name)


def test_workers_die_while_it_is_recovered(panel: Panel, dead: LiveHost, sites: list[LiveSite]) -> None:
    lab("power-off", dead.name)
    answer = dead.recover()
    deadline = time.monotonic() + 60
    killed = 0
    while panel.api().operation(answer)["state"] not in ("succeeded", "failed") and time.monotonic() < deadline:
        if killed < 3:
            kill_workers()
            killed += 1
        time.sleep(1.5)
    panel.api().wait(answer, seconds=120)

    assert killed
    for site in sites[:2]:
        assert site.shows(site.name)
        assert places.hosts_with_mount(site.id) == [site.host]


def test_a_target_dies_in_the_middle_and_the_others_do_not_wait(
    panel: Panel, dead: LiveHost, sites: list[LiveSite]
) -> None:
    """The panel asks what to do about the second one, too; then everything is up on the third."""
    second = LiveHost(panel.api(), "web2")
    lab("power-off", dead.name)
    with places.held("web2"):  # in the middle of its step
        answer = dead.recover()
        wait_until(lambda: any("web2" in (step["host"] or "") and step["state"] == "running" for step in
                               panel.api().operation(answer)["steps"]) or panel.api().operation(answer)["state"]
                   == "succeeded", 60)  # fmt: skip
        lab("power-off", "web2")
    try:
        after = panel.api().post(f"hosts/{second.pk}/recover/", {"force": True})
        panel.api().wait(after, seconds=120)
        panel.api().wait(answer, seconds=120)
        for site in sites[:2]:
            wait_until(lambda site=site: site.shows(site.name), 30, every=0.5)
            assert site.host == "web3"
    finally:
        places.bring_back()
        second.restart()
        second.readmit()
