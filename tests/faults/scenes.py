"""What goes wrong, and when, while something is moved: the same seed gives the same scenes."""

import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.panel import ENDED, Api, cut_off, kill_panel, kill_workers, lab, wait_until

from . import places


@dataclass(frozen=True)
class Scene:
    """What goes wrong, when (the part of the operation's stages that has begun, 0 to 1), and for how long (seconds)."""

    fault: str
    when: float
    seconds: float

    def __str__(self) -> str:
        return f"{self.fault} at {self.when:.0%} for {self.seconds:.1f} s"


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


NOTHING, CANCELLED, OPPOSITE = "nothing", "cancelled", "the opposite asked for"

#: Fault to what does it, given the source, the target and the seconds.
FAULTS: dict[str, Callable[[str, str, float], None]] = {
    NOTHING: lambda source, target, seconds: None,
    "workers killed": lambda source, target, seconds: kill_workers(),
    "panel killed": lambda source, target, seconds: kill_panel(),
    "source cut": lambda source, target, seconds: _cut(source, seconds),
    "source off": lambda source, target, seconds: _power(source, seconds),
    "target cut": lambda source, target, seconds: _cut(target, seconds),
    "target off": lambda source, target, seconds: _power(target, seconds),
    "one edge cut": lambda source, target, seconds: _cut("edge2", seconds),
    "storage cut": lambda source, target, seconds: _cut("store1", seconds),
    "storage slow": lambda source, target, seconds: _slow_storage("store1", seconds),
    "disk full on the target": lambda source, target, seconds: _full(target, seconds),
}


def seed() -> int:
    """Of the scenes of chance in ``make test``: always the same ones, for a suite that fails now and then tells nobody
    anything. Others by FAULTS_SEED; ``bench_faults`` draws another one each time."""
    return int(os.environ.get("FAULTS_SEED") or 477)


def by_chance(chance: random.Random, faults: Sequence[str], count: int) -> list[Scene]:
    """Every fault once, in an order of chance, before any comes again."""
    drawn: list[str] = []
    while len(drawn) < count:
        drawn += chance.sample(sorted(faults), len(faults))
    return [Scene(fault, chance.random(), chance.uniform(1, 8)) for fault in drawn[:count]]


def play(
    api: Api, answer: dict[str, Any], scene: Scene, source: str, target: str, opposite: Callable[[], object]
) -> dict[str, Any]:
    """Let the scene happen to that operation; the operation, ended."""
    path = f"operations/{answer['operation']['id']}/"
    wait_until(lambda: begun(api.get(path), scene.when), 90, every=0.02, what=f"{scene.when:.0%} of it has begun")
    if scene.fault == CANCELLED:
        api.request("POST", path + "cancel/", json={})  # 409 when it is over already, or past the point of no return
    elif scene.fault == OPPOSITE:
        opposite()
    else:
        FAULTS[scene.fault](source, target, scene.seconds)
    wait_until(lambda: api.request("GET", path).json().get("state") in ENDED, 300, every=0.2, what="it has ended")
    return api.get(path)  # type: ignore[no-any-return]


def begun(operation: dict[str, Any], when: float) -> bool:
    """Whether a step of that part of its stages has begun, or all is over."""
    stages = sorted({step["stage"] for step in operation["steps"]})
    stage = stages[int(when * len(stages))]
    steps = [step for step in operation["steps"] if step["stage"] == stage]
    return operation["state"] in ENDED or any(step["state"] != "planned" for step in steps)


def all_back(api: Api, seconds: float = 180) -> None:
    """Every host runs, answers and is in step."""
    places.bring_back()

    def in_step() -> bool:
        hosts = api.get("hosts/", page_size=100)["results"]
        return all(one["reachable"] and not one["needs_resync"] for one in hosts)

    wait_until(in_step, seconds, every=0.5, what="every host is back and in step")
