"""Sites leave their host while something goes wrong, at a moment of chance: the short form of ``bench_faults``.

What a move does when its target loses power, an edge is cut off or somebody asks for the opposite is told step by step
in ``tests/hosting/test_lab_moves.py``; here is what has no test there.
"""

import random
from collections.abc import Iterator

import pytest

from tests.hosting.live import LiveSite
from tests.panel import Panel

from . import moves
from .scenes import Scene, by_chance, seed

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]

SEED = seed()
CHANCE = random.Random(SEED)
SCENES = [
    Scene("panel killed", 0.45, 0),
    Scene("source cut", 0.45, 2),
    Scene("storage slow", 0.56, 3),
    Scene("disk full on the target", 0, 3),
    *by_chance(CHANCE, moves.OF_MOVES, 1),
]
(EVACUATED,) = by_chance(CHANCE, moves.OF_MOVES, 1)
(RECOVERED,) = by_chance(CHANCE, moves.OF_RECOVERIES, 1)


@pytest.fixture(scope="module")
def sites(panel: Panel) -> Iterator[list[LiveSite]]:
    made = [LiveSite.create(panel), LiveSite.create(panel, kind="static")]
    yield made
    for site in made:
        site.delete()


@pytest.mark.parametrize("scene", SCENES, ids=[*(scene.fault for scene in SCENES[:-1]), "by chance"])
def test_a_move_loses_nothing_and_one_host_has_the_site(sites: list[LiveSite], scene: Scene) -> None:
    print(f"seed {SEED}: {scene}")
    moves.move(sites[0], scene)


@pytest.mark.timeout(600)
def test_an_evacuation_loses_nothing_and_one_host_has_each_site(sites: list[LiveSite]) -> None:
    print(f"seed {SEED}: {EVACUATED}")
    moves.evacuate(sites, EVACUATED)


@pytest.mark.timeout(600)
def test_a_recovery_loses_nothing_and_one_host_has_each_site(sites: list[LiveSite]) -> None:
    print(f"seed {SEED}: {RECOVERED}")
    moves.recover(sites, RECOVERED)
