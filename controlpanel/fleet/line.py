"""A host's line: a queue of calls, and the one thread that owns the connection."""

import contextlib
import json
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.utils import timezone

from controlpanel.operations.errors import AnswerLost, HostAway, NotNow, Refused, StepError

from .connection import Broken, Connection, Target

log = structlog.get_logger()

Progress = Callable[[dict[str, Any]], None]
Check = Callable[[dict[str, Any]], dict[str, Any]]
Back = Callable[[str], None]


@dataclass(eq=False)
class Pending:
    """A call on its way. ``deadline`` is of ``time.monotonic``."""

    name: str
    body: bytes
    deadline: float
    progress: Progress | None = None
    check: Check | None = None
    #: Not to wait for a host that was away when it was last tried: be refused, and let the line try behind.
    quick: bool = False
    future: "Future[dict[str, Any]]" = field(default_factory=Future)

    def resolve(self, answer: dict[str, Any] | BaseException) -> None:
        """Give the caller the answer or the exception."""
        if isinstance(answer, BaseException):
            self.future.set_exception(answer)
            return
        try:
            self.future.set_result(self.check(answer) if self.check else answer)
        except Exception as error:
            self.future.set_exception(error)


@dataclass(frozen=True)
class Contact:
    """The last thing known of a host: it said ``hello`` or answered, or why it did not (``reason``)."""

    reachable: bool
    at: Any
    hello: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


class Line:
    """Takes calls from any thread; a thread of its own connects, sends, receives and gives up."""

    def __init__(self, target: Target, back: Back = lambda name: None) -> None:
        self.target = target
        self.contact: Contact | None = None
        #: Told the host's name, in a thread of its own, when it is there again after it was away.
        self._back = back
        #: Why the last try to connect failed; None when there was none, or it went well.
        self._away: HostAway | None = None
        self._connection: Connection | None = None
        #: What came of opening a connection, by a thread that does only that: calls have their own, shorter limits.
        self._opened: deque[Connection | HostAway] = deque()
        self._opening = False
        self._waiting: deque[Pending] = deque()
        self._sent: dict[int, Pending] = {}
        self._last_id = 0
        self._stopping = False
        self._ears, self._bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name=f"line-{target.name}", daemon=True)
        self._thread.start()

    # --- any thread ------------------------------------------------------------------------------------------

    def put(self, pending: Pending) -> None:
        """Queue a call."""
        self._waiting.append(pending)
        self._ring()

    def stop(self) -> None:
        """Take no more calls; close once those under way are answered."""
        self._stopping = True
        self._ring()

    def abandon(self) -> None:
        """In a forked child: this line's thread stayed with the parent, only its files are here. Close them."""
        for fd in (self._ears, self._bell):
            with contextlib.suppress(OSError):
                os.close(fd)
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.abandon()

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):  # full: it is ringing already
            os.write(self._bell, b"!")

    # --- the owner -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                if self._turn():
                    break
            except Exception as error:  # never leave callers waiting for a thread that is gone
                log.exception("line failed", host=self.target.name)
                self._hang_up(f"{type(error).__name__}: {error}")
                self._refuse_waiting(f"{type(error).__name__}: {error}")
        os.close(self._ears)
        os.close(self._bell)

    def _turn(self) -> bool:
        """Wait for something to do and do it; True when this line is to end."""
        self._listen()
        if self._opened:
            self._take_connection(self._opened.popleft())
        if self._waiting and self._connection is None and not self._opening:
            self._opening = True
            threading.Thread(target=self._open, name=f"open-{self.target.name}", daemon=True).start()
        if self._away is not None:
            self._refuse_quick(self._away)
        if self._connection is not None:
            try:
                self._send()
                self._receive()
            except Broken as error:
                self._hang_up(str(error))
        self._expire()
        if self._stopping and not self._waiting and not self._sent and not self._opening:
            self._hang_up("closed")
            return True
        return False

    def _listen(self) -> None:
        """Until somebody calls, something arrives, or a deadline passes."""
        timeout = None
        limits = [pending.deadline for pending in (*self._sent.values(), *tuple(self._waiting))]
        if limits:
            timeout = max(0.0, min(limits) - time.monotonic())
        if self._connection is not None:
            # A transport that dies tells nobody who waits on the pipe in rare cases: look from time to time.
            timeout = min(timeout, 2.0) if timeout is not None else 30.0
        with selectors.DefaultSelector() as selector:
            selector.register(self._ears, selectors.EVENT_READ)
            if self._connection is not None:
                selector.register(self._connection.fileno(), selectors.EVENT_READ)
            if self._opened or (self._waiting and not self._opening):
                timeout = 0.0
            for key, _events in selector.select(timeout):
                if key.fd == self._ears:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._ears, 4096)

    def _open(self) -> None:
        try:
            self._opened.append(Connection.open(self.target))
        except HostAway as error:
            self._opened.append(error)
        except Exception as error:
            log.exception("opening a line failed", host=self.target.name)
            self._opened.append(HostAway(self.target.name, f"{type(error).__name__}: {error}"))
        self._ring()

    def _take_connection(self, opened: Connection | HostAway) -> None:
        self._opening = False
        was_away, self._away = self._away, opened if isinstance(opened, HostAway) else None
        if isinstance(opened, HostAway):
            self.contact = Contact(False, timezone.now(), reason=opened.output)
            self._refuse_waiting(opened.output, like=opened)
            return
        self._connection = opened
        self.contact = Contact(True, timezone.now(), opened.hello)
        if was_away is not None:
            threading.Thread(target=self._back, args=[self.target.name], daemon=True).start()

    def _send(self) -> None:
        assert self._connection is not None  # noqa: S101
        while self._waiting:
            pending = self._waiting.popleft()
            if not pending.future.set_running_or_notify_cancel():
                continue
            self._last_id += 1
            self._sent[self._last_id] = pending  # before: half a line may have left when it breaks
            self._connection.send(
                b'{"id":%d,"call":%s,' % (self._last_id, json.dumps(pending.name).encode()) + pending.body
            )

    def _receive(self) -> None:
        assert self._connection is not None  # noqa: S101
        messages = self._connection.receive()
        if messages:
            self.contact = Contact(True, timezone.now(), self._connection.hello)
        for message in messages:
            number = message.get("id")
            if "progress" in message:
                pending = self._sent.get(number) if isinstance(number, int) else None
                if pending is not None and pending.progress is not None:
                    with contextlib.suppress(Exception):
                        pending.progress(message["progress"])
                continue
            pending = self._sent.pop(number, None) if isinstance(number, int) else None
            if pending is None:  # an answer that came too late, or to a line that the agent could not read
                log.info("answer to no call", host=self.target.name, id=number)
            elif "result" in message:
                pending.resolve(message["result"])
            else:
                pending.resolve(self._refusal(message.get("error") or {}))

    def _refusal(self, error: dict[str, Any]) -> StepError:
        params = {"host": self.target.name, "reason": error.get("reason", "")}
        output = "\n".join(part for part in (error.get("reason"), error.get("output")) if part)
        kind = NotNow if error.get("code") == "occupied" else Refused
        return kind(error.get("code", "internal"), params, output)

    def _expire(self) -> None:
        now = time.monotonic()
        for pending in [pending for pending in tuple(self._waiting) if pending.deadline <= now]:
            self._waiting.remove(pending)
            if pending.future.set_running_or_notify_cancel():
                pending.resolve(HostAway(self.target.name, "it could not be spoken to in time"))
        late = [number for number, pending in self._sent.items() if pending.deadline <= now]
        for number in late:
            pending = self._sent.pop(number)
            pending.resolve(AnswerLost(self.target.name, f"no answer to {pending.name} in time"))
        if late and not self._sent:
            # Nothing else is under way: leave that agent to what it is stuck in, and talk to a new one.
            self._hang_up("no answer in time")

    def _hang_up(self, reason: str) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()
        sent, self._sent = self._sent, {}
        for pending in sent.values():
            pending.resolve(AnswerLost(self.target.name, reason))

    def _refuse_quick(self, like: HostAway) -> None:
        """Refuse those who do not want to wait for a host that was away a moment ago; the others stay."""
        for _ in range(len(self._waiting)):
            pending = self._waiting.popleft()
            if not pending.quick:
                self._waiting.append(pending)
            elif pending.future.set_running_or_notify_cancel():
                pending.resolve(type(like)(self.target.name, like.output))

    def _refuse_waiting(self, reason: str, like: HostAway | None = None) -> None:
        """Nothing was sent of those that wait now; those who call later cause another try."""
        for _ in range(len(self._waiting)):
            pending = self._waiting.popleft()
            if pending.future.set_running_or_notify_cancel():
                pending.resolve(type(like)(self.target.name, reason) if like else HostAway(self.target.name, reason))
