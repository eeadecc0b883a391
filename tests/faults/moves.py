"""Moves of a site while something goes wrong at a moment of chance: the same seed gives the same scenes.

After each scene: exactly one host has the site, every acknowledged line is there once, nothing is reserved, edges
agree.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.hosting.live import LiveSite, in_panel
from tests.hosting.writers import Writers
from tests.panel import ENDED, Panel, cut_off, kill_panel, kill_workers, lab, wait_until

from . import places

WEB = ("web1", "web2", "web3")
#: Stages of a move (``hosting/plans/moves.py``), from the look at the target to the look at the end.
STAGES = 9


@dataclass(frozen=True)
class Scene:
    """What goes wrong, when (the stage that has begun), and for how long (seconds)."""

    fault: str
    stage: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.fault} at stage {self.stage} for {self.seconds:.1f} s"


def _cut(host: str, seconds: float) -> None:
    with cut_off(host):
        time.sleep(seconds)


def _power(host: str, seconds: float) -> None:
    lab("power-off", host)
    time.sleep(seconds)
    lab("power-on", host)


def _slow_storage(host: str, seconds: float) -> None:
    """Its metadata and its monitor say nothing, as when their disk hangs."""
    with places.frozen(host, "ceph-mds@a.service"), places.frozen(host, "ceph-mon@a.service"):
        time.sleep(seconds)


def _full(host: str, seconds: float) -> None:
    with places.no_room_for_sites(host):
        time.sleep(seconds)


#: Fault to what does it, given the source, the target and the seconds.
FAULTS: dict[str, Callable[[str, str, float], None]] = {
    "nothing": lambda source, target, seconds: None,
    "workers killed": lambda source, target, seconds: kill_workers(),
    "panel killed": lambda source, target, seconds: kill_panel(),
    "source cut": lambda source, target, seconds: _cut(source, seconds),
    "target cut": lambda source, target, seconds: _cut(target, seconds),
    "target off": lambda source, target, seconds: _power(target, seconds),
    "one edge cut": lambda source, target, seconds: _cut("edge2", seconds),
    "storage cut": lambda source, target, seconds: _cut("store1", seconds),
    "storage slow": lambda source, target, seconds: _slow_storage("store1", seconds),
    "disk full on the target": lambda source, target, seconds: _full(target, seconds),
    "cancelled": lambda source, target, seconds: None,
    "the opposite asked for": lambda source, target, seconds: None,
}


def scenes(seed: int, count: int) -> list[Scene]:
    """Every fault once, in an order of chance, before any comes again."""
    chance = random.Random(seed)
    faults: list[str] = []
    while len(faults) < count:
        faults += chance.sample(sorted(FAULTS), len(FAULTS))
    return [Scene(fault, chance.randrange(STAGES), chance.uniform(1, 8)) for fault in faults[:count]]


def play(site: LiveSite, scene: Scene) -> dict[str, Any]:
    """One scene; raises AssertionError when anything of the promise is broken."""
    api = site.panel.api()
    source = site.host
    target = next(name for name in WEB if name != source)
    with Writers(site, pause=0.05) as writers:
        answer = api.post(f"sites/{site.id}/move/", {"host": target})
        path = f"operations/{answer['operation']['id']}/"
        wait_until(lambda: begun(api.get(path), scene.stage), 60, every=0.02, what=f"stage {scene.stage}")
        if scene.fault == "cancelled":
            api.request("POST", path + "cancel/", json={})  # 409 when it is over already
        elif scene.fault == "the opposite asked for":
            back = api.post(f"sites/{site.id}/move/", {"host": source})
            wait_until(lambda: api.operation(back)["state"] in ENDED, 180, every=0.2, what="the opposite has ended")
        else:
            FAULTS[scene.fault](source, target, scene.seconds)
        wait_until(lambda: api.get(path)["state"] in ENDED, 240, every=0.2, what="the move has ended")
        time.sleep(0.5)
    operation = api.get(path)
    assert_whole(site, {source, target})
    assert writers.lost() == [], f"{scene}: lost {writers.lost()[:5]} of {len(writers.acknowledged)}"
    if scene.fault in ("nothing", "the opposite asked for"):
        assert set(writers.got) == {"right"}, f"{scene}: {writers.got}"
    return {"state": operation["state"], "got": dict(writers.got), "longest": round(writers.longest, 1)}


def assert_whole(site: LiveSite, among: set[str]) -> None:
    """Exactly one of the hosts has the site, storage lets only it in, it answers, nothing is reserved."""
    places.bring_back()
    api = site.panel.api()

    def in_step() -> bool:
        hosts = api.get("hosts/", page_size=100)["results"]
        return all(one["reachable"] and not one["needs_resync"] for one in hosts)

    wait_until(in_step, 180, every=0.5, what="every host is back and in step")
    read = site.read()
    assert read["host"] in among and read["state"] == "active", read
    host = read["host"]
    wait_until(lambda: places.hosts_with_mount(site.id) == [host], 90, every=1, what=f"only {host} mounts it")
    assert places.hosts_with_vhost(site.id) == [host]
    assert places.keys_of(f"v{read['volume']}") == [host]
    wait_until(lambda: site.shows(site.name), 60, what=f"{site.name} answers through every edge")
    reserved = in_panel(
        f"from controlpanel.operations.selectors import unfinished_on\nprint(unfinished_on('site:{site.id}').count())"
    )
    assert reserved == "0", "something is still reserved"


def begun(operation: dict[str, Any], stage: int) -> bool:
    """Whether a step of that stage has begun, or all is over."""
    steps = [step for step in operation["steps"] if step["stage"] == stage]
    return operation["state"] in ENDED or any(step["state"] != "planned" for step in steps)


def run(panel: Panel, seed: int, count: int, tell: Callable[[str], None] = print) -> list[dict[str, Any]]:
    """Play so many scenes with one site."""
    site = LiveSite.create(panel)
    results = []
    tell(f"seed {seed}")
    for number, scene in enumerate(scenes(seed, count), 1):
        began = time.monotonic()
        result = play(site, scene)
        tell(f"{number}. {scene}: {result['state']} in {time.monotonic() - began:.1f} s, {result['got']}")
        results.append({"scene": str(scene), **result})
    site.delete()
    return results
