"""An edge is lost for good: nothing hangs on it, the other carries on, and a new one is built from a bare Debian."""

import threading
from collections.abc import Iterator

import pytest
import requests

from tests.faults import places
from tests.panel import Panel, fresh_name, lab, on_host, wait_until

from .live import LiveSite
from .live_hosts import LiveHost

pytestmark = [pytest.mark.lab]
#: Where an edge keeps who goes where, how sites are shielded, and their certificates.
KEPT = (
    "cd /etc/haproxy/controlpanel; cat maps/*.map | grep -v '^#' | sort; "
    "find . -name '*.pem' ! -name 'fallback*' | sort | xargs cat"
)


@pytest.fixture
def dead(panel: Panel) -> Iterator[LiveHost]:
    """edge2; however the test ends, it serves again."""
    host = LiveHost(panel.api(), "edge2")
    yield host
    places.bring_back()
    host.take_back(restart=False)


class Visitor:
    """Opens sites through one edge all the time: what it gets there besides the sites themselves and no answer."""

    def __init__(self, panel: Panel, edge: str, *sites: LiveSite) -> None:
        self.wrong: set[str] = set()
        self.right = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._visit, args=(panel, edge, sites), daemon=True)
        self._thread.start()

    def _visit(self, panel: Panel, edge: str, sites: tuple[LiveSite, ...]) -> None:
        while not self._stop.wait(0.03):
            for site in sites:
                try:
                    answer = panel.fetch(edge, site.name, timeout=2)
                except requests.RequestException:
                    continue
                if answer.status_code == 200 and site.name in answer.text:
                    self.right += 1
                else:
                    self.wrong.add(f"{site.name}: {answer.status_code}")

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)


def test_the_night_of_a_dead_edge(panel: Panel, dead: LiveHost) -> None:
    before, attacked = LiveSite.create(panel, kind="static"), LiveSite.create(panel, kind="static")
    edge1, edge2 = panel.edges
    lab("power-off", dead.name)
    hanging = panel.member.create_site(fresh_name(), kind="static", wait=False)
    wait_until(lambda: panel.member.operation(hanging)["state"] == "waiting", 60, what="a creation waits for the edge")

    preview = panel.api().post(f"hosts/{dead.pk}/recover/?preview=1", {"force": True}, expect=200)["recovery"]
    assert any("edge1" in line for line in preview["lost"])
    assert any(edge2 in line for line in preview["lost"])  # to be taken off the DNS by hand
    panel.api().wait(dead.recover(), seconds=60)

    # From the word on nobody waits for it: neither who did already, nor who comes now.
    panel.member.wait(hanging, seconds=60)
    since = LiveSite.create(panel, kind="static")
    me = edge1.rpartition(".")[0] + ".1"
    attacked.do("shield", {"level": "limit", "blocked": [f"{me}/32"]})
    assert panel.fetch(edge1, since.name).status_code == 200
    assert panel.fetch(edge1, before.name).status_code == 200
    assert panel.fetch(edge1, attacked.name).status_code == 403

    # A bare Debian of the same name. It serves nobody before it has everything.
    lab("down", dead.name, "--purge")
    lab("up", dead.name)
    visitor = Visitor(panel, edge2, before, since)
    try:
        identity = str(places.lab_home() / "bootstrap_key")
        result = places.manage("enroll", dead.name, edge2, "--role", "edge", "--identity", identity)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "readmitted" in result.stdout
        assert visitor.right == 0
        dead.readmit()
        wait_until(lambda: visitor.right > 4, 20, what="the new edge serves")
    finally:
        visitor.stop()
    assert visitor.wrong == set()
    assert dead.read()["state"] == "active"
    assert panel.fetch(edge2, attacked.name).status_code == 403
    assert on_host("edge2", "sh", "-c", KEPT) == on_host("edge1", "sh", "-c", KEPT)
    assert places.manage("drift", "edge2").returncode == 0

    # And it is an edge as any other again.
    attacked.do("shield", {"level": "off", "blocked": []})
    wait_until(lambda: attacked.shows(attacked.name), 10)
    for site in (before, attacked, since, LiveSite(panel, panel.member, hanging["site"]["id"], "")):
        site.delete()
