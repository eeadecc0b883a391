"""Programs that pour into each other, watched on the way: a dump into a file, or into another server."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence

from ..commands import ENVIRONMENT, KEPT
from ..errors import Failed

CHUNK = 2**18
Watch = Callable[[bytes], None]


def pour(
    source: Sequence[str],
    into: "Sequence[str] | Callable[[bytes], Any]",
    limit: float,
    inherit: Sequence[int] = (),
    watch: Optional[Watch] = None,
) -> int:
    """Pour what a program says into another, or into a function; returns the bytes. Raises Failed.

    ``limit`` is in seconds; then, and when anything fails, both are killed. ``inherit``: file descriptors that both
    keep (a lock that lasts as long as they do).
    """
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Program(source, inherit, stdout=True))
        second = None if callable(into) else stack.enter_context(Program(into, inherit, stdin=True))
        write = into if callable(into) else second.write  # type: ignore[union-attr]
        _end_after(limit, [program for program in (first, second) if program], stack)
        total = 0
        while True:
            chunk = first.read()
            if not chunk:
                break
            total += len(chunk)
            if watch is not None:
                watch(chunk)
            write(chunk)
        # The source first: what ended too early must not be taken for whole.
        first.finish()
        if second is not None:
            second.finish()
        return total


def feed(source: Iterable[bytes], into: Sequence[str], limit: float, inherit: Sequence[int] = ()) -> None:
    """Pour chunks into a program. Raises Failed."""
    with contextlib.ExitStack() as stack:
        program = stack.enter_context(Program(into, inherit, stdin=True))
        _end_after(limit, [program], stack)
        for chunk in source:
            program.write(chunk)
        program.finish()


def _end_after(limit: float, programs: "List[Program]", stack: contextlib.ExitStack) -> None:
    def end() -> None:
        for program in programs:
            program.kill(f"took longer than {limit:g} s")

    timer = threading.Timer(limit, end)
    timer.daemon = True
    timer.start()
    stack.callback(timer.cancel)


class Program:
    """A running program; killed with its children when the block ends before it does."""

    def __init__(
        self, argv: Sequence[str], inherit: Sequence[int] = (), stdin: bool = False, stdout: bool = False
    ) -> None:
        self.name = next((os.path.basename(word) for word in _own_words(argv)), argv[0])
        self._err = os.memfd_create("err")
        self._why = ""
        try:
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE if stdout else subprocess.DEVNULL,
                stderr=self._err,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
                pass_fds=tuple(inherit),
                bufsize=0,
            )
        except OSError as error:
            os.close(self._err)
            raise Failed(f"{self.name} cannot be started: {error.strerror}") from error

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill("was stopped")
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._process.wait()
        os.close(self._err)

    def read(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101
        return self._process.stdout.read(CHUNK) or b""

    def write(self, chunk: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101
        view = memoryview(chunk)
        try:
            while view:
                view = view[self._process.stdin.write(view) or 0 :]
        except OSError:
            self.finish()  # it says why
            raise Failed(f"{self.name} did not take everything") from None

    def finish(self) -> None:
        """Until it has ended well. Raises Failed with what it said."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        code = self._process.wait()
        if code or self._why:
            raise Failed(f"{self.name} {self._why or f'ended with status {code}'}", self._said())

    def kill(self, why: str) -> None:
        if self._process.poll() is None:
            self._why = why
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _said(self) -> str:
        os.lseek(self._err, 0, os.SEEK_SET)
        with os.fdopen(os.dup(self._err), "rb") as file:
            return file.read()[-KEPT:].decode(errors="replace")


def _own_words(argv: Sequence[str]) -> List[str]:
    """The program past what only changes its user."""
    words = list(argv)
    return words[words.index("--") + 1 :] if words[0] == "setpriv" and "--" in words else words


def telling(progress: Callable[[Dict[str, Any]], None], stage: str) -> Watch:
    """A ``watch`` that tells how far it is, once a second."""
    total, last = 0, time.monotonic()

    def watch(chunk: bytes) -> None:
        nonlocal total, last
        total += len(chunk)
        if time.monotonic() - last >= 1.0:
            last = time.monotonic()
            progress({"stage": stage, "bytes": total})

    return watch
