"""Moves of a site while something goes wrong, at a moment of chance: the short form of ``bench_faults``.

What a move does when its target loses power, an edge is cut off or somebody asks for the opposite is told step by step
in ``tests/hosting/test_lab_moves.py``; here is what has no test there.
"""

import os
import random

import pytest

from tests.hosting.live import LiveSite
from tests.panel import Panel

from . import moves

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]

#: FAULTS_SEED repeats the scenes of a run.
SEED = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(10**6))
SCENES = [
    moves.Scene("panel killed", 4, 0),
    moves.Scene("source cut", 4, 2),
    moves.Scene("storage slow", 5, 3),
    moves.Scene("disk full on the target", 0, 3),
    *moves.scenes(SEED, 1),
]


@pytest.fixture(scope="module")
def site(panel: Panel) -> LiveSite:
    return LiveSite.create(panel)


@pytest.mark.parametrize("scene", SCENES, ids=[*(scene.fault for scene in SCENES[:-1]), "by chance"])
def test_nothing_is_lost_and_one_host_has_it(site: LiveSite, scene: moves.Scene) -> None:
    print(f"seed {SEED}: {scene}")
    moves.play(site, scene)
