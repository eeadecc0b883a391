"""The worker and all below it are killed, at every step and at random moments; the site comes alive all the same."""

import contextlib
import json
import random

import pytest

from tests.panel import ENDED, Panel, fresh_name, kill_workers, on_host, wait_until

pytestmark = pytest.mark.lab


def assert_alive_once(panel: Panel, answer: dict, name: str) -> None:
    """The site is there on both edges, and nothing was done twice that must not be."""
    site = panel.api().get(f"sites/{answer['site']['id']}/")
    assert site["state"] == "active"
    for edge in panel.edges:
        assert name in panel.fetch(edge, name).text
    operation = panel.api().operation(answer)
    assert [step["state"] for step in operation["steps"]] == ["succeeded"] * len(operation["steps"])
    volume = panel.api().get(f"volumes/{site['volume']}/")
    assert (volume["state"], volume["hosts"]) == ("attached", [site["host"]])


def volumes_in_storage() -> int:
    return len(json.loads(on_host("store1", "ceph", "fs", "subvolume", "ls", "web", "sites", "--format=json")))


@pytest.mark.parametrize("boundary", range(6))
def test_killed_at_each_step(panel: Panel, boundary: int) -> None:
    name = fresh_name("killed")
    volumes = volumes_in_storage()
    answer = panel.member.create_site(name, wait=False)

    def step_reached() -> bool:
        operation = panel.api().operation(answer)
        done = sum(step["state"] == "succeeded" for step in operation["steps"])
        return done >= boundary or operation["state"] in ENDED

    wait_until(step_reached, 30, every=0.01)
    kill_workers()
    panel.api().wait(answer, seconds=60)
    assert_alive_once(panel, answer, name)
    assert volumes_in_storage() == volumes + 1


def test_killed_at_random_moments(panel: Panel) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    names = [fresh_name("random") for _ in range(5)]
    volumes = volumes_in_storage()
    answers = [panel.member.create_site(name, wait=False) for name in names]
    for _ in range(3):
        with contextlib.suppress(AssertionError):
            wait_until(lambda: False, moments.uniform(0.05, 1.5), every=0.01)
        kill_workers()
    for answer, name in zip(answers, names, strict=True):
        panel.api().wait(answer, seconds=120)
        assert_alive_once(panel, answer, name)
    assert volumes_in_storage() == volumes + len(names)
