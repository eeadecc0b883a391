"""How the agent asks the workers of HAProxy, on a socket whose other end is played here: no real one can be made to end
just between two words."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controlpanel.agent.errors import Failed
from controlpanel.agent.haproxy import runtime

#: Starts the other end, given what it does with each connection; returns the socket's path.
Listen = Callable[[Callable[[socket.socket], None]], str]


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Listen]:
    path = tmp_path / "master.sock"
    open_: list[socket.socket] = []

    def start(serve: Callable[[socket.socket], None]) -> str:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        open_.append(listener)

        def run() -> None:
            connection, _address = listener.accept()
            open_.append(connection)
            connection.recv(1 << 16)
            serve(connection)

        threading.Thread(target=run, daemon=True).start()
        return str(path)

    yield start
    for one in open_:
        one.close()


def keep_silent(connection: socket.socket) -> None:
    """As a master does whose worker ended over the question."""


def test_a_worker_that_ends_over_a_question_is_gone(listen: Listen) -> None:
    worker = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    def end(connection: socket.socket) -> None:
        worker.communicate(b"\n")

    with pytest.raises(runtime.Gone):
        runtime.Process(listen(end), str(worker.pid)).ask("show map", timeout=5.0)


def test_one_that_had_ended_before_is_gone(listen: Listen) -> None:
    worker = subprocess.Popen([sys.executable, "-c", ""])
    worker.wait()
    with pytest.raises(runtime.Gone):
        runtime.Process(listen(keep_silent), str(worker.pid)).ask("show map", timeout=5.0)


def test_a_worker_that_lives_and_does_not_answer_is_a_failure(listen: Listen) -> None:
    with pytest.raises(Failed) as raised:
        runtime.Process(listen(keep_silent), str(os.getpid())).ask("show map", timeout=0.5)
    assert not isinstance(raised.value, runtime.Gone)


def test_the_present_worker_is_never_gone(listen: Listen) -> None:
    with pytest.raises(Failed) as raised:
        runtime.Process(listen(keep_silent)).ask("show map", timeout=0.5)
    assert not isinstance(raised.value, runtime.Gone)


def test_a_worker_may_take_its_time(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "LOOK", 0.01)

    def answer_late(connection: socket.socket) -> None:
        threading.Event().wait(0.2)
        connection.sendall(b"id=1 (/etc/map)\n")
        connection.close()

    answer = runtime.Process(listen(answer_late), str(os.getpid())).ask("show map", timeout=5.0)
    assert answer == "id=1 (/etc/map)"
