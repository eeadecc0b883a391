"""Everything that a member has, fifty sites, is switched off and on by one operation: on real hosts, also when a worker
is killed in the middle and when an edge is cut."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.panel import Api, Panel, cut_off, fresh_name, kill_workers, wait_until

pytestmark = [pytest.mark.lab]

COUNT = 50
#: Creations under way at a time.
TOGETHER = 8
#: Seconds.
PATIENCE = 300


@dataclass
class Large:
    """A member with many sites, of which one is disabled and one in maintenance by its own choice."""

    panel: Panel
    staff: Api
    member: int
    names: dict[int, str]
    disabled: int
    maintained: int

    def stand(self, deed: str) -> dict[str, Any]:
        return self.staff.wait(self.staff.post(f"members/{self.member}/{deed}/"), seconds=PATIENCE)

    def statuses(self, edges: list[str] | None = None) -> Counter[int]:
        """What visitors of all its sites get, through every edge, but for the two that chose otherwise."""
        places = [
            (edge, name)
            for edge in edges or self.panel.edges
            for pk, name in self.names.items()
            if pk not in (self.disabled, self.maintained)
        ]

        def status(place: tuple[str, str]) -> int:
            try:
                return self.panel.fetch(*place, timeout=10).status_code
            except requests.RequestException:
                return 0

        with ThreadPoolExecutor(TOGETHER) as pool:
            return Counter(pool.map(status, places))

    def all_are(self, status: int, edges: list[str] | None = None) -> bool:
        return set(self.statuses(edges)) == {status}

    def states(self) -> Counter[str]:
        rows = self.staff.get("sites/", order=self.order, page_size=200)["results"]
        return Counter(row["state"] for row in rows)

    order: int = 0


@pytest.fixture(scope="module")
def large(panel: Panel) -> Iterator[Large]:
    staff = panel.api()
    member = staff.post("members/", {"name": fresh_name("Large")}, expect=201)["id"]
    order = staff.post("orders/", {"member": member, "name": "Large", "max_sites": 200}, expect=201)["id"]

    def make(_number: int) -> tuple[int, str]:
        name = fresh_name("many")
        answer = staff.post("sites/", {"order": order, "kind": "static", "domains": [name]})
        staff.wait(answer, seconds=PATIENCE)
        return answer["site"]["id"], name

    with ThreadPoolExecutor(TOGETHER) as pool:
        names = dict(pool.map(make, range(COUNT)))
    disabled, maintained = sorted(names)[:2]
    staff.wait(staff.post(f"sites/{disabled}/disable/"))
    staff.wait(staff.post(f"sites/{maintained}/maintenance/", {"on": True}))
    yield Large(panel, staff, member, names, disabled, maintained, order)
    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(lambda pk: staff.request("DELETE", f"sites/{pk}/"), names))


def test_fifty_sites_go_off_and_come_back_as_they_were(large: Large) -> None:
    assert large.all_are(200)
    before = large.states()

    off = large.stand("disable")

    assert large.all_are(503)
    hosts = [step["host"] for step in off["steps"]]
    assert len(hosts) == len(set(hosts)) <= 5, "one call an edge and a web host"
    assert large.states() == {"disabled": COUNT}

    large.stand("enable")

    assert large.all_are(200)
    assert large.states() == before
    assert {large.panel.fetch(edge, large.names[large.disabled]).status_code for edge in large.panel.edges} == {503}
    page = large.panel.fetch(large.panel.edges[0], large.names[large.maintained])
    assert page.status_code == 503


def test_a_worker_killed_in_the_middle_changes_nothing_about_it(large: Large) -> None:
    answer = large.staff.post(f"members/{large.member}/disable/")
    kill_workers()
    large.staff.wait(answer, seconds=PATIENCE)
    assert large.all_are(503)

    answer = large.staff.post(f"members/{large.member}/enable/")
    kill_workers()
    large.staff.wait(answer, seconds=PATIENCE)
    assert large.all_are(200)


def test_a_cut_edge_holds_nobody_up_and_learns_it_when_it_is_back(large: Large) -> None:
    cut, other = large.panel.edges[:2]
    name = next(host for host, address in large.panel.hosts.items() if address == cut)
    with cut_off(name):
        large.stand("disable")
        assert large.all_are(503, [other])
        large.stand("enable")
        assert large.all_are(200, [other])
        large.stand("disable")
    wait_until(lambda: large.all_are(503), seconds=PATIENCE, every=1, what="the edge that was cut shows the page too")
    large.stand("enable")
    wait_until(lambda: large.all_are(200), seconds=PATIENCE, every=1, what="all edges show the sites")


def test_a_suspended_site_moves_and_stays_off(large: Large) -> None:
    large.stand("disable")
    pk = max(large.names)
    site = large.staff.get(f"sites/{pk}/")
    target = "web1" if site["host"] != "web1" else "web2"

    large.staff.wait(large.staff.post(f"sites/{pk}/move/", {"host": target}), seconds=PATIENCE)

    assert large.staff.get(f"sites/{pk}/")["host"] == target
    assert large.all_are(503)
    large.stand("enable")
    assert large.all_are(200)
