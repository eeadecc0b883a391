"""The panel's own processes, kept alive while `make run` is in the foreground."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from . import files
from .cgroups import Group
from .instance import CHECKOUT, Lab
from .progress import Progress

#: A process that lived shorter than this waits before its next start, seconds; each time twice as long.
_SHORT_LIFE = 10.0
_LONGEST_WAIT = 30.0
#: How long a process may take to stop when asked, seconds.
_PATIENCE = 15.0


class Service:
    """One program with all that it starts: its control group ends with it, as under systemd.

    Its pid is in ``var/<LAB_NAME>/run/<name>.pid``.
    """

    def __init__(
        self,
        lab: Lab,
        name: str,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.name = name
        self._argv = argv
        self._environment = {**os.environ, **(environment or {})}
        self._log = log
        self._pid_file = lab.home / "run" / f"{name}.pid"
        self._group = Group(f"{lab.name}.panel", name)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._wait = 0.0

    def start(self) -> None:
        self._group.create()
        self._group.kill()  # what an earlier run left, if it was killed itself
        output = self._log.open("ab") if self._log else None
        try:
            self._process = subprocess.Popen(
                # It ends with us even when we are killed; and a Ctrl-C is ours to handle, so it has its own session.
                self._group.entering(["setpriv", "--pdeathsig", "TERM", "--", *self._argv]),
                cwd=CHECKOUT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            if output:
                output.close()
        self._started = time.monotonic()
        files.write(self._pid_file, f"{self._process.pid}\n", mode=0o644)

    def revive(self, progress: Progress) -> None:
        """Start it again if it has ended; called in a loop."""
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            lived = time.monotonic() - self._started
            self._wait = min(max(1.0, self._wait * 2), _LONGEST_WAIT) if lived < _SHORT_LIFE else 0.0
            progress(f"{self.name} ended by itself ({_reason(code)}); starting it again in {self._wait:.0f} s")
            self._process = None
            self._started = time.monotonic()
        if time.monotonic() - self._started >= self._wait:
            self.start()

    def ask_to_stop(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    def stop(self) -> None:
        """Stop it and everything it started, the hard way when it takes too long."""
        self.ask_to_stop()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
        self._group.kill()
        if self._process is not None:
            self._process.wait()
        self._group.remove()
        self._pid_file.unlink(missing_ok=True)


def _reason(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
