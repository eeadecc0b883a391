"""Batches of several agent processes that wait for each other are done together, and answered each for itself."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controlpanel.agent.engine import Engine
from controlpanel.agent.errors import AgentError
from controlpanel.agent.store import Store

from .toy import Agent, data, note


@contextmanager
def another_change(agent: Agent) -> Iterator[None]:
    """A program holds the lock. (Were it this process, its forked children would inherit the lock with the file.)"""
    path = Path(agent.paths.lock)
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = subprocess.Popen(
        ["flock", "--no-fork", path, "sh", "-c", "echo held; exec sleep 60"], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    try:
        yield
    finally:
        holder.kill()
        holder.communicate()


class Others:
    """Agent processes beside this one, each with one batch."""

    def __init__(self, agent: Agent, folder: Path) -> None:
        self.agent = agent
        self.folder = folder
        self.children: list[int] = []

    def apply(self, *items, **options) -> int:
        """Let another process apply; its number."""
        number = len(self.children)
        child = os.fork()
        if child == 0:
            try:
                self.agent.context.store = Store(self.agent.paths.state)
                self.agent.engine = Engine(self.agent.registry, self.agent.context)
                try:
                    answer = self.agent.engine.apply(
                        {"operation": number, "items": list(items), **options}, self.agent.context
                    )
                    answer = [item["status"] for item in answer["items"]]
                except AgentError as error:
                    answer = error.code
                (self.folder / str(number)).write_text(json.dumps(answer))
            finally:
                os._exit(0)
        self.children.append(child)
        return number

    def wait_until_they_wait(self, how_many: int) -> None:
        room = Path(self.agent.paths.waiting)
        deadline = time.monotonic() + 20
        while len(list(room.glob("*.request"))) < how_many:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def answers(self) -> list:
        for child in self.children:
            os.waitpid(child, 0)
        return [json.loads((self.folder / str(number)).read_text()) for number in range(len(self.children))]


@pytest.fixture
def others(agent, tmp_path) -> Others:
    folder = tmp_path / "answers"
    folder.mkdir()
    return Others(agent, folder)


def left(agent: Agent) -> list[str]:
    return [path.name for path in Path(agent.paths.waiting).iterdir()]


def test_one_reload_for_all_who_waited(agent, others):
    with another_change(agent):
        for number in range(8):
            others.apply(note(f"n{number}"), note(f"stale{number}", revision=1))
        others.wait_until_they_wait(8)
    assert others.answers() == [["ok", "ok"]] * 8
    assert len(agent.names()) == 16 and agent.reloads() == 1
    operations = {entry["id"]: entry["operation"] for entry in agent.store.journal()}
    assert operations["n0"] == "0" and operations["n7"] == "7", "each by its own operation"
    assert left(agent) == []


def test_one_bad_batch_fails_alone(agent, others):
    with another_change(agent):
        others.apply(note("a"))
        others.apply(note("b", "broken"))
        others.apply(note("c", stumble="yes"))
        others.apply(note("d"), note("D"))
        others.wait_until_they_wait(4)
    assert others.answers() == [["ok"], "configuration_rejected", "internal", ["ok", "refused"]]
    assert agent.names() == ["a", "d"]
    assert left(agent) == []


def test_batches_about_the_same_thing_stay_in_order(agent, others):
    with another_change(agent):
        for revision in range(1, 5):
            others.apply(note("a", f"text {revision}", revision=revision))
            others.wait_until_they_wait(revision)
    answers = others.answers()
    assert (agent.notes / "a").read_text() == "text 4"
    assert answers[-1] == ["ok"] and set(map(tuple, answers)) <= {("ok",), ("refused",)}


def test_a_resync_is_done_by_itself(agent, others):
    agent.apply(note("surplus"), data("v1"))
    with another_change(agent):
        others.apply(note("a"), prune=True, as_of=agent.store.last_seq())
        others.apply(note("b"))
        others.wait_until_they_wait(1)
    assert others.answers() == [["ok"], ["ok"]]
    assert agent.names() == ["a", "b"]


def test_what_a_dead_agent_had_asked_for_is_not_done(agent, others):
    with another_change(agent):
        others.apply(note("dead"))
        others.wait_until_they_wait(1)
        os.kill(others.children[0], 9)
        os.waitpid(others.children[0], 0)
        others.children.clear()
        others.apply(note("alive"))
        others.wait_until_they_wait(2)
    assert others.answers() == [["ok"]]
    assert agent.names() == ["alive"] and left(agent) == []


def test_a_leader_that_dies_leaves_the_work_to_the_next(agent, others):
    pid = os.getpid()
    reload = agent.note.reload

    def die_once() -> None:
        marker = agent.notes.parent / "died"
        if os.getpid() != pid and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), 9)
        reload()

    agent.note.reload = die_once
    with another_change(agent):
        for number in range(4):
            others.apply(note(f"n{number}"))
        others.wait_until_they_wait(4)
    for child in others.children:
        os.waitpid(child, 0)
    answered = [json.loads(path.read_text()) for path in others.folder.iterdir()]
    assert answered == [["ok"]] * 3, "the others were done by who came next; the dead one's answer is lost"
    assert agent.reloads() == 1
    agent.note.reload = reload
    assert agent.statuses(*[note(f"n{number}") for number in range(4)]) == ["ok"] * 4, "asked again"


def test_the_waiting_room_is_for_root_only(agent, others):
    with another_change(agent):
        others.apply(note("a", password="very secret"))
        others.wait_until_they_wait(1)
        room = Path(agent.paths.waiting)
        assert room.stat().st_mode & 0o077 == 0
        assert all(path.stat().st_mode & 0o077 == 0 for path in room.iterdir())
    assert others.answers() == [["ok"]]
