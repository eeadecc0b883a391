"""The line to the panel: whatever comes in, one answer each, and the agent lives on."""

import glob
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlpanel.agent import calls, facts, serve
from controlpanel.agent.calls import call
from controlpanel.agent.errors import Busy
from controlpanel.agent.settings import Settings


@call("test.echo")
def echo(args, context):
    for step in range(args.get("steps", 0)):
        context.progress({"step": step})
    return {"echo": args.get("text")}


@call("test.raise")
def fail(args, context):
    if args.get("how") == "busy":
        raise Busy("it is held", "by web2")
    raise ZeroDivisionError("a bug")


@call("test.unserializable")
def unserializable(args, context):
    return {"path": Path("/x"), "set": {1}}


@call("test.slow", parallel=True)
def slow(args, context):
    GATE.wait(10)
    return {"slow": context.store.last_seq()}


GATE = threading.Event()


class Line:
    """A server in a thread, and our end of its line."""

    def __init__(self, agent) -> None:
        theirs, ours = os.pipe()
        back, forth = os.pipe()
        self.writer = os.fdopen(ours, "wb", buffering=0)
        self.reader = os.fdopen(back, "rb")
        own = Settings("web1", frozenset({"web"}))
        server = serve.Server(os.fdopen(theirs, "rb"), os.fdopen(forth, "wb"), agent.context, own)
        self.thread = threading.Thread(target=server.run, daemon=True)
        self.thread.start()
        self.hello = self.read()["hello"]

    def write(self, *requests) -> None:
        for request in requests:
            self.writer.write(request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n")

    def read(self) -> dict:
        return json.loads(self.reader.readline())

    def ask(self, request) -> dict:
        self.write(request)
        return self.read()

    def close(self) -> None:
        self.writer.close()
        self.thread.join(5)
        assert not self.thread.is_alive(), "it ends when the line ends"


@pytest.fixture
def line(agent):
    line = Line(agent)
    yield line
    line.close()


def test_hello(line):
    assert line.hello["protocol"] == 1 and line.hello["host"] == "web1" and line.hello["roles"] == ["web"]
    assert line.hello["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert {"os", "cpus", "memory_mb", "disk_mb"} <= set(line.hello["facts"])


def test_a_host_tells_the_newest_php_that_it_has(monkeypatch):
    found = []
    monkeypatch.setattr(glob, "glob", lambda _pattern: found)
    assert "php" not in facts.gather()
    found += ["/usr/sbin/php-fpm8.4", "/usr/sbin/php-fpm8.10", "/usr/sbin/php-fpm7.4", "/usr/sbin/php-fpm8.2.dpkg-new"]
    assert facts.gather()["php"] == "8.10"


def test_progress_then_one_result(line):
    line.write({"id": 5, "call": "test.echo", "args": {"text": "ñ\n", "steps": 2}})
    assert [line.read() for _ in range(3)] == [
        {"id": 5, "progress": {"step": 0}},
        {"id": 5, "progress": {"step": 1}},
        {"id": 5, "result": {"echo": "ñ\n"}},
    ]


def test_calls_are_answered_in_order(line):
    line.write(*[{"id": number, "call": "test.echo", "args": {"text": number}} for number in range(500)])
    assert [line.read()["result"]["echo"] for _ in range(500)] == list(range(500))


def test_an_error_is_an_answer(line):
    answer = line.ask({"id": 1, "call": "test.raise", "args": {"how": "busy"}})
    assert answer == {"id": 1, "error": {"code": "busy", "reason": "it is held", "output": "by web2"}}
    answer = line.ask({"id": 2, "call": "test.raise"})
    assert answer["error"]["code"] == "internal" and "ZeroDivisionError" in answer["error"]["reason"]
    assert line.ask({"id": 3, "call": "test.echo"})["result"] == {"echo": None}


def test_what_json_does_not_know_is_not_the_end(line):
    assert line.ask({"id": 1, "call": "test.unserializable"})["result"]["path"] == "/x"


def test_an_unknown_call_is_named(line):
    answer = line.ask({"id": 1, "call": "sh -c 'id'"})
    assert answer["error"]["code"] == "invalid" and "no such call" in answer["error"]["reason"]


@pytest.mark.parametrize(
    "garbage",
    [
        *[b"garbage\n", b"[]\n", b'"x"\n', b"\xff\xfe\x00\n", b"{\n", b"[" * 100_000 + b"\n"],
        *[b'{"id": "1", "call": "ping"}\n', b'{"id": true}\n', b'{"id": 1, "call": 7}\n'],
        b'{"id": 1, "call": "ping", "args": []}\n',
    ],
)
def test_garbage_is_refused_and_the_next_call_is_answered(line, garbage):
    answer = line.ask(garbage)
    assert answer["error"]["code"] == "invalid"
    assert line.ask({"id": 9, "call": "test.echo"})["id"] == 9


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(junk=st.binary(min_size=1, max_size=300).filter(lambda data: b"\n" not in data and data.strip()))
def test_any_bytes(line, junk):
    assert "error" in line.ask(junk + b"\n")


def test_a_huge_request_is_refused_and_passed_over(line, monkeypatch):
    monkeypatch.setattr(serve, "LONGEST", 4096)
    line.ask(b"\n" + json.dumps({"id": 0, "call": "test.echo"}).encode() + b"\n")  # the reader has the new limit now
    line.write(b'{"id": 1, "call": "test.echo", "args": {"text": "' + b"x" * 100_000 + b'"}}\n')
    assert "more than 4096 bytes" in line.read()["error"]["reason"]
    assert line.ask({"id": 2, "call": "test.echo"})["id"] == 2


def test_a_request_that_was_cut_is_not_done(agent):
    line = Line(agent)
    line.write(b'{"id": 1, "call": "test.echo", "args": {"text": "half')
    line.close()
    assert line.reader.read() == b""


def test_a_slow_look_does_not_hold_up_the_others(line):
    GATE.clear()
    line.write({"id": 1, "call": "test.slow"}, {"id": 2, "call": "test.echo"})
    assert line.read()["id"] == 2
    GATE.set()
    assert line.read() == {"id": 1, "result": {"slow": 0}}


def test_nobody_listens_any_more(agent):
    """The panel went away in the middle of a call: the call is finished all the same."""
    line = Line(agent)
    line.reader.close()
    done = threading.Event()
    calls._calls["test.done"] = calls.Registered(lambda args, context: done.set() or {}, False)
    try:
        line.write({"id": 1, "call": "test.echo", "args": {"steps": 50}}, {"id": 2, "call": "test.done"})
        assert done.wait(5)
    finally:
        del calls._calls["test.done"]
    line.close()


def test_what_others_print_stays_out_of_the_protocol(tmp_path):
    """A print in a kind, or the output of a program that it runs, must not break the line."""
    script = """
import os, subprocess, sys
from controlpanel.agent import serve, calls
from controlpanel.agent.calls import Context
from controlpanel.agent.paths import Paths
from controlpanel.agent.settings import Settings
from controlpanel.agent.store import Store

@calls.call("test.noise")
def noise(args, context):
    print("noise of a print")
    subprocess.run(["sh", "-c", "echo noise of a program; cat; echo noise >&2"], check=True)
    os.write(1, b"noise of a write")
    return {"quiet": True}

paths = Paths(sys.argv[1])
own = Settings("web1", frozenset({"web"}))
sys.exit(serve.serve(Context(Store(paths.state), own.roles, paths), own))
"""
    requests = b"".join(b'{"id":%d,"call":"test.noise"}\n' % number for number in range(3))
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], input=requests, capture_output=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [message.get("result") for message in lines[1:]] == [{"quiet": True}] * 3
    assert done.stderr.count(b"noise of a program") == 3
