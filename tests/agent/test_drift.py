"""Drift: compares what should be, what was applied and what is there, and changes nothing."""

import threading

from controlpanel.agent import lock

from .toy import data, note


def drift(agent, *items):
    before = (agent.store.last_seq(), {path: path.read_bytes() for path in agent.notes.iterdir()}, agent.reloads())
    found = agent.apply(*items, check=True)["differences"]
    assert before == (
        agent.store.last_seq(),
        {path: path.read_bytes() for path in agent.notes.iterdir()},
        agent.reloads(),
    )
    return [(item["id"], item["problem"]) for item in found]


def test_nothing_differs(agent):
    agent.apply(note("a"), data("v1"))
    assert drift(agent, note("a"), data("v1")) == []


def test_missing_different_unexpected(agent):
    agent.apply(note("a"), note("b"), note("surplus"), data("v1"), data("v2"))
    found = drift(agent, note("a", "other", revision=2), note("b", revision=2), note("new"), data("v1"))
    assert found == [
        ("v2", "unexpected"),
        ("a", "different"),
        ("b", "different"),
        ("new", "missing"),
        ("surplus", "unexpected"),
    ]


def test_files_edited_by_hand(agent):
    agent.apply(note("a"), note("b"), note("c"), note("d"))
    (agent.notes / "a").write_text("edited")
    (agent.notes / "b").unlink()
    (agent.notes / "c").chmod(0o666)
    found = agent.apply(*map(note, "abcd"), check=True)["differences"]
    details = {item["id"]: item["detail"].replace(str(agent.notes) + "/", "") for item in found}
    assert details == {
        "a": "a has other content",
        "b": "b is missing",
        "c": "c has mode 0666 instead of 0644",
    }


def test_what_runs_is_looked_at(agent):
    agent.apply(note("a"), note("b"))
    agent.note.observe = lambda id, spec: "does not answer" if id == "b" else None
    assert drift(agent, note("a"), note("b")) == [("b", "edited")]


def test_a_look_that_fails_is_a_difference_and_not_the_end(agent):
    agent.apply(note("a"), note("b"))
    agent.note.observe_all = lambda specs: 1 / 0
    assert drift(agent, note("a"), note("b")) == [("*", "edited")]


def test_what_was_begun_and_never_finished(agent):
    agent.store.begin("7", [("note", "a", 1, {"text": "hello"})])
    assert drift(agent, note("a")) == [("a", "different")]
    assert drift(agent) == [("a", "unexpected")]


def test_a_tombstone_is_not_unexpected(agent):
    agent.apply(note("a"))
    agent.apply(note("a", revision=2, present=False))
    assert drift(agent) == []


def test_what_is_wanted_may_be_invalid(agent):
    assert drift(agent, note("a", colour="red")) == [("a", "different")]


def test_a_change_under_way_is_no_drift(agent):
    """The first look sees the file before its row; the second waits for the change to end."""
    agent.apply(note("a", "one"))
    (agent.notes / "a").write_text("two")  # as in the middle of a change
    released = threading.Event()

    def change():
        with lock.held(agent.paths.lock):
            holding.set()
            released.wait(5)
            (agent.notes / "a").write_text("one")

    holding = threading.Event()
    thread = threading.Thread(target=change)
    thread.start()
    holding.wait(5)
    threading.Timer(0.2, released.set).start()
    assert drift_without_checks(agent, note("a", "one")) == []
    thread.join()


def drift_without_checks(agent, *items):
    return agent.apply(*items, check=True)["differences"]
