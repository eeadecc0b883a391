"""Lines that say what the lab is doing, and for how long already."""

import sys
import threading
import time
from typing import TextIO


class Progress:
    """Prints one line per event, stamped with the seconds since the start. Safe to use from several threads."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._start = time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, line: str) -> None:
        with self._lock:
            print(f"[{time.monotonic() - self._start:6.1f} s] {line}", file=self._stream, flush=True)
