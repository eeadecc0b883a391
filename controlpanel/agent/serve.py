"""The line to the panel: JSON lines in, JSON lines out, until the line ends.

A thread reads, so that the panel can always write; the main thread does one call after the other; calls that only look
and may take long run in threads of their own. Whatever a call raises becomes an error line, never the agent's end.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from dataclasses import replace
from typing import Any, BinaryIO, Dict, Optional

from . import builtins, calls, facts, journal
from .calls import Context, Registered
from .errors import AgentError, Invalid
from .settings import Settings
from .store import Store

PROTOCOL = 1
#: Bytes of one request; a longer one is answered with an error and passed over.
LONGEST = 256 * 2**20
#: Calls that run beside others, at most.
BESIDE = 8


class Server:
    """Serves one line. ``source`` and ``sink`` are binary streams that nobody else uses."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, context: Context, settings: Settings) -> None:
        self.source = source
        self.sink = sink
        self.context = context
        self.settings = settings
        self.busy = False
        self.stopping = False
        self._writing = threading.Lock()
        self._beside = threading.BoundedSemaphore(BESIDE)
        self._requests: "queue.SimpleQueue[Optional[Dict[str, Any]]]" = queue.SimpleQueue()

    def run(self) -> None:
        """Say hello, then serve until the line ends or we are told to stop (after the call under way)."""
        self.send({"hello": self.hello()})
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        while not self.stopping:
            request = self._requests.get()
            if request is None:
                return
            self.busy = True
            self._dispatch(request)
            self.busy = False

    def stop(self, *_: Any) -> None:
        """Told to end: at once when idle, else after the call under way (a transaction is never cut in two)."""
        self.stopping = True
        if not self.busy:
            raise SystemExit(0)

    def hello(self) -> Dict[str, Any]:
        return {
            "protocol": PROTOCOL,
            "version": self.context.version,
            "boot_id": facts.boot_id(),
            "host": self.settings.name,
            "roles": sorted(self.settings.roles),
            "facts": facts.gather(),
        }

    def send(self, message: Dict[str, Any]) -> None:
        """Write a line. That nobody listens any more must not disturb what is being done: the reader sees it too."""
        line = json.dumps(message, separators=(",", ":"), default=str).encode() + b"\n"
        with self._writing, contextlib.suppress(OSError, ValueError):
            self.sink.write(line)
            self.sink.flush()

    # --- requests --------------------------------------------------------------------------------------------

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while True:
                line = self.source.readline(LONGEST)
                if not line:
                    break
                if not line.endswith(b"\n"):
                    rest = line
                    while rest and not rest.endswith(b"\n"):
                        rest = self.source.readline(2**20)
                    if len(line) < LONGEST:
                        break  # the line was cut in the middle: what it asked for was not all there
                    self._refuse(None, Invalid(f"a request of more than {LONGEST} bytes"))
                    continue
                if line.strip():
                    self._take(line)
        self._requests.put(None)

    def _take(self, line: bytes) -> None:
        id = None
        try:
            try:
                request = json.loads(line)
            except (ValueError, RecursionError):
                raise Invalid("the request is not JSON") from None
            if not isinstance(request, dict):
                raise Invalid("the request is not an object")
            id = request.get("id")
            if isinstance(id, bool) or not isinstance(id, int):
                id = None
                raise Invalid("id: not a whole number")
            if not isinstance(request.get("call"), str) or not isinstance(request.get("args", {}), dict):
                raise Invalid("call: not text, or args: not an object")
        except Invalid as error:
            self._refuse(id, error)
            return
        known = calls.find(request["call"])
        if known is not None and known.parallel:
            threading.Thread(target=self._perform_beside, args=(request, known), daemon=True).start()
        else:
            self._requests.put(request)

    def _dispatch(self, request: Dict[str, Any]) -> None:
        name = request["call"]
        known = calls.find(name)
        if known is None:
            self._refuse(request["id"], Invalid(f"no such call: {name[:60]!a}; known are {', '.join(calls.names())}"))
        else:
            self._perform(request, known, self.context)

    def _perform_beside(self, request: Dict[str, Any], known: Registered) -> None:
        with self._beside:
            try:
                store = Store(self.context.store.path)  # a connection of SQLite is for one thread
                try:
                    self._perform(request, known, replace(self.context, store=store))
                finally:
                    store.close()
            except Exception as error:
                self._refuse(request["id"], AgentError(f"{type(error).__name__}: {error}"))

    def _perform(self, request: Dict[str, Any], known: Registered, context: Context) -> None:
        id, outcome, began = request["id"], "ok", time.monotonic()
        context = replace(context, progress=lambda data: self.send({"id": id, "progress": data}))
        try:
            context.store.renew()
            result = known.function(request.get("args", {}), context)
        except AgentError as error:
            outcome = error.code
            self._refuse(id, error)
        except Exception as error:
            outcome = type(error).__name__
            trace = traceback.format_exc(limit=-6)
            self._refuse(id, AgentError(f"{type(error).__name__}: {error}", trace))
        else:
            self.send({"id": id, "result": result})
        journal.note(request, outcome, time.monotonic() - began)

    def _refuse(self, id: Optional[int], error: AgentError) -> None:
        self.send({"id": id, "error": {"code": error.code, "reason": error.reason, "output": error.output}})


def serve(context: Context, settings: Settings) -> int:
    """Serve stdin and stdout. They become private to the protocol: what anything else prints goes to stderr."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    for number in (source.fileno(), sink.fileno()):
        os.set_inheritable(number, False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    builtins.prepare(context, settings)
    server = Server(source, sink, context, settings)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, server.stop)
    server.run()
    return 0
