"""A database's move meets trouble at each of its steps: no acknowledged write is lost, and one place serves."""

from collections.abc import Iterator

import pytest

from tests.hosting.live_databases import ENGINES, LiveDatabase, Writer
from tests.panel import Panel, wait_until

from .database_moves import Scene, assert_whole, little_room, play, settle

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]


@pytest.fixture(scope="module", params=ENGINES)
def database(request: pytest.FixtureRequest, panel: Panel) -> Iterator[LiveDatabase]:
    made = LiveDatabase.create(panel, request.param)
    made.done("make")
    yield made
    settle(made)
    made.delete()


@pytest.fixture(autouse=True)
def may_go_back(database: LiveDatabase) -> Iterator[None]:
    yield
    settle(database)


SCENES = [
    Scene("source cut", "copy"),
    Scene("source cut", "freeze"),
    Scene("target cut", "freeze"),
    Scene("target off", "open"),
    Scene("source off", "compare"),
    Scene("workers killed", "freeze"),
    Scene("the opposite asked for", "copy"),
    Scene("cancelled", "follow"),
]


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_a_move_in_trouble(database: LiveDatabase, scene: Scene) -> None:
    play(database, scene)


def test_a_target_whose_disk_runs_full_gives_up_and_the_source_serves(database: LiveDatabase) -> None:
    database.done("fill", first=10**15 + database.id * 10**6, rows=2000, size=8000)
    source, target = database.read()["host"], database.other_host()
    with little_room(target, database.read()["engine"], 6), Writer(database) as writer:
        ended = database.move(target, state="failed", seconds=180)
        enough = len(writer.acknowledged) + 3
        wait_until(lambda: len(writer.acknowledged) > enough)
    assert writer.failed == []
    assert_whole(database, writer, ended, source, target)
