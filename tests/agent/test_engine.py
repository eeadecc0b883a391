"""The engine: order, staleness, wholeness, prune, journal, and what a killed agent leaves behind."""

import os
import signal
from pathlib import Path

import pytest

from controlpanel.agent import lock
from controlpanel.agent.errors import AgentError, Failed, Invalid, Occupied, Rejected

from .toy import Agent, data, note


def test_applied_then_unchanged_then_removed(agent):
    assert agent.statuses(note("a", "one")) == ["ok"]
    assert (agent.notes / "a").read_text() == "one"
    assert agent.statuses(note("a", "one")) == ["unchanged"]
    assert agent.reloads() == 1
    assert agent.statuses(note("a", revision=2, present=False)) == ["ok"]
    assert not (agent.notes / "a").exists()
    assert agent.statuses(note("a", revision=2, present=False)) == ["unchanged"]
    assert agent.journal() == [("a", "applied"), ("a", "removed")]


def test_one_reload_for_a_batch(agent):
    agent.apply(*[note(f"n{i}") for i in range(50)])
    assert agent.reloads() == 1


def test_an_older_revision_is_refused_and_the_rest_goes_on(agent):
    agent.apply(note("a", "new", revision=5))
    answer = agent.apply(note("a", "old", revision=4), note("b", revision=1))
    assert [item["status"] for item in answer["items"]] == ["refused", "ok"]
    assert answer["items"][0]["code"] == "stale_revision"
    assert (agent.notes / "a").read_text() == "new" and (agent.notes / "b").exists()
    assert ("a", "refused:stale_revision") in agent.journal()


def test_a_tombstone_remembers_its_revision(agent):
    agent.apply(note("a", revision=5))
    agent.apply(note("a", revision=6, present=False))
    assert agent.statuses(note("a", revision=5)) == ["refused"]
    assert not (agent.notes / "a").exists()
    assert agent.statuses(note("a", revision=7)) == ["ok"]


def test_absent_is_right_for_what_never_was(agent):
    assert agent.statuses(note("ghost", revision=3, present=False)) == ["ok"]
    assert agent.statuses(note("ghost", revision=2)) == ["refused"], "its creation arrives late"


def test_an_invalid_item_is_refused_alone(agent):
    bad = [
        note("../etc/passwd"),
        note("A"),
        note(".hidden"),
        note("a", text="x" * 101),
        {**note("b"), "surprise": 1},
        {**note("c"), "revision": "1"},
        {**note("d"), "revision": -1},
        {**note("e"), "state": "perhaps"},
        {**note("f"), "spec": []},
        {**note("g"), "kind": "unheard-of"},
        {**note("h"), "kind": ["note"]},
        note("i", colour="red"),
        "not an object",
        None,
    ]
    answer = agent.apply(*bad, note("good"))
    assert [item["status"] for item in answer["items"]] == ["refused"] * len(bad) + ["ok"]
    assert {item["code"] for item in answer["items"][:-1]} == {"invalid"}
    assert agent.names() == ["good"]


def test_the_same_thing_twice_in_a_batch_is_refused_the_second_time(agent):
    assert agent.statuses(note("a", "first"), note("a", "second")) == ["ok", "refused"]
    assert (agent.notes / "a").read_text() == "first"


@pytest.mark.parametrize("args", [{}, {"items": 1}, {"items": [], "prune": "yes"}, {"items": [], "what": 1}])
def test_bad_arguments_are_invalid(agent, args):
    with pytest.raises(Invalid):
        agent.engine.apply(args, agent.context)


def test_a_rejected_configuration_rolls_back_the_batch(agent):
    agent.apply(note("a", "one"))
    with pytest.raises(Rejected):
        agent.apply(note("a", "two", revision=2), note("b", "broken"), note("c"))
    assert {path.name: path.read_text() for path in agent.notes.iterdir()} == {"a": "one"}
    assert agent.store.get("note", "a").revision == 1
    assert agent.store.get("note", "b") is None
    assert agent.journal()[-3:] == [(id, "failed:configuration_rejected") for id in "abc"]
    assert agent.reloads() == 1
    assert agent.statuses(note("a", "two", revision=2), note("c")) == ["ok", "ok"]


def test_a_failed_confirmation_rolls_back_and_reloads(agent):
    agent.apply(note("a", "one"))
    with pytest.raises(Failed):
        agent.apply(note("b", "two", fail_reload="yes"))
    assert agent.names() == ["a"]
    assert agent.note.log.read_text().splitlines() == ["a", "a,b", "a"]


def test_one_item_may_fail_alone(agent):
    answer = agent.apply(note("a", fail_alone="yes"), note("b"))
    assert [(item["id"], item["status"]) for item in answer["items"]] == [("a", "failed"), ("b", "ok")]
    assert answer["items"][0]["reason"] == "this one only"
    assert agent.names() == ["b"]
    assert not agent.store.get("note", "a").present


def test_a_bug_in_a_kind_is_an_error_and_rolls_back(agent):
    with pytest.raises(AgentError) as raised:
        agent.apply(note("a"), note("b", stumble="yes"))
    assert raised.value.code == "internal" and "RuntimeError" in raised.value.reason
    assert agent.names() == [] and agent.store.get("note", "a") is None


# --- prune ---------------------------------------------------------------------------------------------------------


def test_prune_removes_what_is_not_listed_but_never_data(agent):
    agent.apply(note("kept"), note("surplus", revision=4), data("v1"), data("v2"))
    answer = agent.apply(note("kept"), data("v1"), prune=True)
    assert answer["pruned"] == [{"kind": "note", "id": "surplus"}]
    assert [(item["kind"], item["id"]) for item in answer["unexpected"]] == [("data", "v2")]
    assert agent.names() == ["kept"]
    assert agent.store.get("data", "v2").present
    assert ("surplus", "pruned") in agent.journal()
    assert agent.statuses(note("surplus", revision=3)) == ["refused"], "its revision is remembered"


def test_prune_leaves_alone_what_came_after_the_survey(agent):
    agent.apply(note("old"))
    survey = agent.store.last_seq()
    agent.apply(note("newcomer"))
    answer = agent.apply(prune=True, as_of=survey)
    assert answer["pruned"] == [{"kind": "note", "id": "old"}]
    assert agent.names() == ["newcomer"]


def test_a_resync_that_changes_nothing_writes_nothing(agent):
    items = [note(f"n{i}") for i in range(20)]
    agent.apply(*items)
    seq = agent.store.last_seq()
    assert set(agent.statuses(*items, prune=True)) == {"unchanged"}
    assert agent.store.last_seq() == seq and agent.reloads() == 1


def test_an_edit_by_hand_is_mended_and_journaled(agent):
    agent.apply(note("a", "one"))
    (agent.notes / "a").write_text("edited")
    assert agent.statuses(note("a", "one"), prune=True) == ["ok"]
    assert (agent.notes / "a").read_text() == "one" and agent.reloads() == 2
    assert agent.journal()[-1] == ("*", "mended")


# --- crashes -------------------------------------------------------------------------------------------------------


def die_during(agent: Agent, point: str, *items) -> None:
    """Apply in a child that is killed (SIGKILL) at the point."""
    pid = os.fork()
    if pid == 0:
        try:
            if point == "apply":
                original = agent.note.files

                def files(id, spec):
                    if id == "second":
                        os.kill(os.getpid(), signal.SIGKILL)
                    return original(id, spec)

                agent.note.files = files
            else:
                agent.note.reload = lambda: os.kill(os.getpid(), signal.SIGKILL)
            child = Agent.__new__(Agent)
            child.__dict__.update(agent.__dict__)
            from controlpanel.agent.engine import Engine
            from controlpanel.agent.store import Store

            child.store = agent.context.store = Store(agent.paths.state)
            child.engine = Engine(agent.registry, agent.context)
            child.apply(*items)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), "it was to be killed"


def test_what_a_killed_agent_wrote_is_loaded_by_the_next_try(agent):
    """The file stands there already: without the note in ``unfinished`` the second try would skip the reload."""
    die_during(agent, "reload", note("a", "one"))
    assert (agent.notes / "a").read_text() == "one" and agent.reloads() == 0
    assert agent.statuses(note("a", "one")) == ["ok"]
    assert agent.reloads() == 1
    assert agent.statuses(note("a", "one")) == ["unchanged"]


def test_another_change_in_between_does_not_hide_it(agent):
    die_during(agent, "reload", note("a", "one"))
    agent.apply(data("v1"))
    assert agent.statuses(note("a", "one")) == ["ok"]
    assert agent.reloads() == 1


def test_what_a_killed_agent_left_is_removed_by_the_undo(agent):
    die_during(agent, "apply", note("first", "x"), note("second", "y"))
    assert agent.names() == ["first"]
    agent.apply(note("first", present=False), note("second", present=False))
    assert agent.names() == []


def test_what_a_killed_agent_left_is_pruned(agent):
    die_during(agent, "apply", note("first", "x"), note("second", "y"))
    answer = agent.apply(prune=True)
    assert {item["id"] for item in answer["pruned"]} == {"first", "second"}
    assert agent.names() == []


def test_one_change_at_a_time(agent):
    with lock.held(agent.paths.lock), pytest.raises(Occupied), lock.held(agent.paths.lock, patience=0.05):
        pass
    assert agent.statuses(note("a")) == ["ok"], "the lock is free again"


# --- boot ----------------------------------------------------------------------------------------------------------


def test_boot_brings_back_what_is_stored_and_tells_what_fails(agent):
    agent.apply(note("a", "one"), note("b", "two"), note("gone"))
    agent.apply(note("gone", revision=2, present=False))
    for path in agent.notes.iterdir():
        path.unlink()
    agent.note.boot = agent.note.apply
    assert agent.engine.boot() == []
    assert agent.names() == ["a", "b"]
    agent.note.boot = lambda tx, items: 1 / 0
    assert "ZeroDivisionError" in agent.engine.boot(tries=2, pause=0)[0]


def test_what_fails_at_boot_is_tried_again_alone(agent):
    agent.apply(note("a"), note("b"), data("v1"))
    tried = []

    def boot(tx, items):
        tried.append([item.id for item in items])
        if len(tried) < 3:
            items[-1].failure = Failed("storage does not answer yet")

    agent.note.boot = boot
    assert agent.engine.boot(pause=0) == []
    assert tried == [["a", "b"], ["b"], ["b"]]


# --- size ----------------------------------------------------------------------------------------------------------


def test_one_small_change_among_a_hundred_thousand(agent):
    """No query of one apply may walk the table: counted in SQLite's own steps, not in time."""
    rows = [("data", f"v{i}", 1, {"size": 1}) for i in range(100_000)]
    agent.store.begin("", rows)
    agent.store._db.execute("UPDATE resource SET state = 'present'")
    steps = 0

    def count():
        nonlocal steps
        steps += 1

    agent.store._db.set_progress_handler(count, 100)
    assert agent.statuses(data("v500", size=2, revision=2), note("a")) == ["ok", "ok"]
    agent.store._db.set_progress_handler(None, 0)
    assert steps < 20, f"{steps} hundred steps of SQLite's machine"


def test_the_state_is_for_root_only(agent):
    agent.apply(note("a", password="very secret"))
    files = list(Path(agent.paths.state).parent.iterdir())
    assert len(files) > 1
    assert [path.name for path in files if path.stat().st_mode & 0o077] == []
