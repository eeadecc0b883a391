"""A database's move meets trouble: nothing acknowledged is lost, one place serves. Short form of ``bench_faults``."""

import random
import time
from collections.abc import Iterator

import pytest

from tests.hosting.live_databases import ENGINES, LiveDatabase, Writer
from tests.panel import Panel, wait_until

from . import database_moves
from .scenes import Scene, by_chance, seed

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]

SEED = seed()
SCENES = [
    Scene("source cut", 0.6, 3),
    Scene("target off", 0.7, 1),
    *by_chance(random.Random(SEED), database_moves.FAULTS, 1),
]


@pytest.fixture(scope="module", params=ENGINES)
def database(request: pytest.FixtureRequest, panel: Panel) -> Iterator[LiveDatabase]:
    made = LiveDatabase.create(panel, request.param)
    made.done("make")
    yield made
    made.delete()


@pytest.mark.parametrize("scene", SCENES, ids=[*(scene.fault for scene in SCENES[:-1]), "by chance"])
def test_a_move_in_trouble_loses_nothing_and_one_host_serves(database: LiveDatabase, scene: Scene) -> None:
    print(f"seed {SEED}: {scene}")
    database_moves.move(database, scene)


def test_a_target_whose_disk_runs_full_gives_up_and_the_source_serves(database: LiveDatabase) -> None:
    database.done("fill", first=int(time.time()) * 10**6, rows=4000, size=8000)
    source, target = database.read()["host"], database.other_host()
    with database_moves.little_room(target, database.read()["engine"]), Writer(database) as writer:
        ended = database.move(target, state="failed", seconds=180)
        enough = len(writer.acknowledged) + 3
        wait_until(lambda: len(writer.acknowledged) > enough)
    assert writer.failed == []
    database_moves.assert_whole(database, writer, ended, source, target)
