"""Sites on the move between real hosts: no request fails, no acknowledged line is lost, and every way back works."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.faults import places
from tests.hosting.live import LiveSite, in_panel
from tests.hosting.writers import Writers
from tests.panel import ENDED, Panel, cut_off, kill_workers, lab, on_host, wait_until

pytestmark = pytest.mark.lab

WEB = ("web1", "web2", "web3")


@pytest.fixture
def site(panel: Panel) -> Iterator[LiveSite]:
    """A PHP site, deleted afterwards with every host there."""
    made = LiveSite.create(panel)
    yield made
    places.bring_back()
    wait_until(lambda: made.read()["state"] not in ("moving", "updating"), 120, every=0.5, what="it rests")
    made.delete()


def elsewhere(site: LiveSite) -> str:
    return next(name for name in WEB if name != site.host)


def ask(site: LiveSite, target: str, **more: Any) -> dict[str, Any]:
    return site.panel.api().post(f"sites/{site.id}/move/", {"host": target, **more})  # type: ignore[no-any-return]


def ended(site: LiveSite, answer: dict[str, Any], seconds: float = 150) -> dict[str, Any]:
    """Its operation, once it has ended, however."""
    api = site.panel.api()
    wait_until(lambda: api.operation(answer)["state"] in ENDED, seconds, what="the move has ended")
    return api.operation(answer)


def assert_one_place_serves(site: LiveSite, host: str) -> None:
    """Exactly that host has the site, storage lets only it in, edges lead there, and the page tells the truth."""
    assert site.host == host
    assert site.read()["state"] == "active"
    wait_until(lambda: places.hosts_with_mount(site.id) == [host], 90, every=1, what=f"only {host} mounts it")
    wait_until(lambda: places.hosts_with_vhost(site.id) == [host], 90, every=1, what=f"only {host} has its vhost")
    assert places.keys_of(f"v{site.read()['volume']}") == [host]
    wait_until(lambda: site.shows(site.name), 60, what="it answers")
    reserved = in_panel(
        "from controlpanel.operations.selectors import unfinished_on\n"
        f"print(unfinished_on('site:{site.id}').exclude(kind='fleet.resync').count())"
    )
    assert reserved == "0"


def test_a_move_there_and_back_loses_nothing(site: LiveSite) -> None:
    home, away = site.host, elsewhere(site)
    with Writers(site) as writers:
        for target in (away, home):
            assert ended(site, ask(site, target))["state"] == "succeeded"
    assert set(writers.got) == {"right"}, writers.got
    assert writers.lost() == []
    assert_one_place_serves(site, home)


def test_a_long_request_ends_on_the_source(site: LiveSite) -> None:
    site.put("web/long.php", "<?php sleep(4); echo gethostname(), ' done';")
    home, away = site.host, elsewhere(site)
    answers: list[str] = []

    def visit() -> None:
        answers.append(site.panel.fetch(site.panel.edges[0], site.name, "/long.php", timeout=40).text)

    visitor = threading.Thread(target=visit)
    visitor.start()
    time.sleep(0.5)
    assert ended(site, ask(site, away))["state"] == "succeeded"
    visitor.join(40)
    assert answers == [f"{home} done"]


def test_cancelled_in_the_middle_it_is_where_it_was(site: LiveSite) -> None:
    home, away = site.host, elsewhere(site)
    api = site.panel.api()
    with Writers(site) as writers:
        answer = ask(site, away)
        wait_until(lambda: _begun(api.operation(answer), 4), 30, every=0.02, what="it stops on the source")
        api.request("POST", f"operations/{answer['operation']['id']}/cancel/", json={})
        operation = ended(site, answer)
        time.sleep(0.5)
    assert operation["state"] in ("cancelled", "succeeded")
    assert_one_place_serves(site, home if operation["state"] == "cancelled" else away)
    assert writers.lost() == []


def test_a_worker_that_is_killed_is_no_end_of_a_move(site: LiveSite) -> None:
    away = elsewhere(site)
    with Writers(site) as writers:
        answer = ask(site, away)
        wait_until(lambda: _begun(site.panel.api().operation(answer), 5), 30, every=0.02, what="it is handed over")
        kill_workers()
        assert ended(site, answer)["state"] == "succeeded"
    assert writers.lost() == []
    assert_one_place_serves(site, away)


def test_a_target_that_cannot_take_it_changes_nothing(site: LiveSite) -> None:
    home, away = site.host, elsewhere(site)
    on_host(away, "sh", "-c", f"mkdir -p {site.root} && touch {site.root}/in-the-way")
    try:
        with Writers(site) as writers:
            operation = ended(site, ask(site, away))
        assert operation["state"] == "failed" and "not empty" in operation["detail"]
    finally:
        on_host(away, "rm", "-r", site.root)
    assert set(writers.got) == {"right"}, writers.got
    assert_one_place_serves(site, home)


def test_a_target_that_loses_power_in_the_middle_gives_the_site_back(site: LiveSite) -> None:
    home, away = site.host, elsewhere(site)
    with Writers(site) as writers:
        answer = ask(site, away)
        wait_until(lambda: _begun(site.panel.api().operation(answer), 5), 30, every=0.02, what="it is handed over")
        lab("power-off", away)
        operation = ended(site, answer)
        lab("power-on", away)
    assert operation["state"] in ("failed", "succeeded")
    assert_one_place_serves(site, home if operation["state"] == "failed" else away)
    assert writers.lost() == []


def test_an_edge_that_is_cut_off_is_passed_over_and_comes_back_right(site: LiveSite) -> None:
    away = elsewhere(site)
    with cut_off("edge2"):
        operation = ended(site, ask(site, away))
        assert operation["state"] == "succeeded"
        assert "skipped" in {step["state"] for step in operation["steps"] if step["host"] == "edge2"}
    api = site.panel.api()
    wait_until(
        lambda: not any(host["needs_resync"] for host in api.get("hosts/", page_size=100)["results"]),
        120,
        every=1,
        what="the edge has been resynced",
    )
    assert_one_place_serves(site, away)


def test_the_opposite_move_queues_behind(site: LiveSite) -> None:
    home, away = site.host, elsewhere(site)
    first, second = ask(site, away), ask(site, home)
    assert ended(site, first)["state"] == ended(site, second)["state"] == "succeeded"
    assert_one_place_serves(site, home)


def test_a_hold_ends_by_itself(site: LiveSite) -> None:
    """Nobody comes to end it: visitors wait once, then they are served again, whatever became of the panel."""
    _publish(site, "hold")
    name, edge = site.name, site.panel.edges[0]
    held = wait_until(lambda: _slow(site, edge, name), 30, what="a visitor waits")
    assert held < 17
    assert site.panel.fetch(edge, name).elapsed.total_seconds() < 5
    _publish(site, "normal")


def test_a_move_that_takes_longer_than_a_hold_fails_no_request(site: LiveSite) -> None:
    """The source takes its time to stop it, and the target to start it; the panel lives, and holds on."""
    home, away = site.host, elsewhere(site)
    with Writers(site, count=2) as writers:
        with ExitStack() as slow:
            slow.enter_context(places.held(home))
            answer = ask(site, away)
            wait_until(lambda: _begun(site.panel.api().operation(answer), 4), 60, every=0.1, what="it stops there")
            time.sleep(9)
            with places.held(away):
                slow.close()
                wait_until(lambda: _begun(site.panel.api().operation(answer), 6), 60, every=0.1, what="it starts here")
                time.sleep(8)
        assert ended(site, answer)["state"] == "succeeded"
    assert writers.longest > 16
    assert set(writers.got) == {"right"}, writers.got
    assert writers.lost() == []
    assert_one_place_serves(site, away)


def test_a_batch_goes_together(panel: Panel, site: LiveSite) -> None:
    other = LiveSite.create(panel, kind="static")
    try:
        home, away = site.host, elsewhere(site)
        if other.host != home:
            assert ended(other, ask(other, home))["state"] == "succeeded"
        ids = f"[{site.id}, {other.id}]"
        with Writers(site) as writers:
            started = in_panel(
                "from hosting.services import moves; from members.models import Login\n"
                "staff = next(login for login in Login.objects.all() if login.is_staff)\n"
                f"print(moves.move_sites(staff, {ids}, {away!r})[0].pk)"
            )
            api = panel.api()
            wait_until(lambda: api.get(f"operations/{started}/")["state"] in ENDED, 120, what="the batch has ended")
            assert api.get(f"operations/{started}/")["state"] == "succeeded"
        assert set(writers.got) == {"right"}, writers.got
        assert writers.lost() == []
        assert_one_place_serves(site, away)
        assert_one_place_serves(other, away)
    finally:
        other.delete()


def _publish(site: LiveSite, mode: str) -> None:
    """Tell the edges a mode, behind the services' back."""
    in_panel(
        "from routing import services as routing; from controlpanel.operations import services\n"
        "from django.db import transaction\n"
        "with transaction.atomic():\n"
        f"    routing.set_mode({site.id}, {mode!r})\n"
        f"    services.start('routing.publish', {{'site': {site.id}}}, scopes=[])"
    )


def _begun(operation: dict[str, Any], stage: int) -> bool:
    """Whether a step of that stage has begun (or all is over)."""
    steps = [step for step in operation["steps"] if step["stage"] == stage]
    return operation["state"] in ENDED or any(step["state"] != "planned" for step in steps)


def _slow(site: LiveSite, edge: str, name: str) -> float:
    """Seconds of a request that waited; 0 for one that did not."""
    begun = time.monotonic()
    site.panel.fetch(edge, name, timeout=40)
    took = time.monotonic() - begun
    return took if took > 5 else 0.0
