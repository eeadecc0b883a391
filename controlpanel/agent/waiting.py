"""Batches that wait for the host's lock: whoever gets it next finds them here and does them together with its own.

Panels have several worker processes, each with an agent of its own here. Twenty sites at once are then few transactions
with few reloads, not twenty.

A waiting batch is a file (in /run, root only) that its owner keeps locked: one that can be locked belongs to an agent
that is gone, and nobody will ever know whether it was done, so it is not.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

from .errors import AgentError

#: Batches that are done together, at most.
TOGETHER = 32
#: An answer that its owner has not fetched by then (seconds) has lost its owner.
FORGOTTEN = 600.0

Outcome = Dict[str, Any]


class WaitingRoom:
    """A folder of requests (``ID.request``) and answers (``ID.answer``)."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def seat(self, args: Dict[str, Any]) -> Iterator["Seat"]:
        """Wait here with a batch."""
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        seat = Seat(self.folder, args)
        try:
            yield seat
        finally:
            seat.leave()

    def others(self) -> List[Tuple[str, Dict[str, Any]]]:
        """Ids and arguments of the batches that wait and whose owners live, those who came first at the front.

        Only for who holds the host's lock.
        """
        found: List[Tuple[str, Dict[str, Any]]] = []
        try:
            names = sorted(os.listdir(self.folder))
        except FileNotFoundError:
            return []
        for name in names:
            path = os.path.join(self.folder, name)
            if name.endswith(".request") and len(found) < TOGETHER:
                args = _read_if_owned(path)
                if args is None:
                    _forget(path)
                elif not os.path.exists(path[: -len("request")] + "answer"):
                    found.append((name[: -len(".request")], args))
            elif name.endswith(".answer"):
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - os.stat(path).st_mtime > FORGOTTEN:
                        _forget(path)
        return found

    def answer(self, id: str, outcome: Outcome) -> None:
        """Leave the answer for its owner."""
        _write(os.path.join(self.folder, f"{id}.answer"), outcome)


class Seat:
    """One waiting batch; owned, as long as this process lives, until ``leave``."""

    def __init__(self, folder: str, args: Dict[str, Any]) -> None:
        self.id = f"{time.monotonic_ns():020d}-{os.getpid()}"
        self._request = os.path.join(folder, f"{self.id}.request")
        self._answer = os.path.join(folder, f"{self.id}.answer")
        beside = os.path.join(folder, f".{self.id}")
        self._fd = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)  # before others can see it
        with open(os.dup(self._fd), "w", encoding="utf-8") as file:
            json.dump(args, file)
        os.rename(beside, self._request)

    def answered(self) -> bool:
        """Whether somebody has done it."""
        return os.path.exists(self._answer)

    def take(self) -> Optional[Outcome]:
        """What came of it; None when nobody has done it."""
        try:
            with open(self._answer, encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return None

    def leave(self) -> None:
        """Nothing of it stays."""
        _forget(self._request)
        _forget(self._answer)
        os.close(self._fd)


def as_outcome(error: AgentError) -> Outcome:
    """An error, to be left as an answer."""
    return {"error": [error.code, error.reason, error.output]}


def result_of(outcome: Outcome) -> Dict[str, Any]:
    """The result that was left, or the error raised again."""
    if "error" not in outcome:
        return outcome["result"]
    code, reason, output = outcome["error"]
    error = AgentError(reason, output)
    error.code = code
    raise error


def _read_if_owned(path: str) -> Optional[Dict[str, Any]]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with open(fd, encoding="utf-8") as file:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return json.load(file)
        return None


def _write(path: str, value: Any) -> None:
    beside = path + ".new"
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        json.dump(value, file, default=str)
    os.rename(beside, path)


def _forget(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
