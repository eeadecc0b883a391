"""Visitors who write: each request appends a line of its own to a file of the site and is answered with it.

What was answered is acknowledged. After whatever happened to the site, every acknowledged line must be there, once.
"""

import threading
import time
import uuid
from collections import Counter
from typing import Any

import requests

from tests.hosting.live import LiveSite
from tests.panel import on_host

PAGE = """<?php
$file = fopen('../files/lines', 'a');
flock($file, LOCK_EX);
fwrite($file, $_GET['line'] . "\\n");
%s
fclose($file);
echo $_GET['line'];
"""
#: A host that loses its power takes along what was not synced: there only what is on the disk is acknowledged.
SYNC = "if (!fflush($file) || !fsync($file)) { http_response_code(500); exit; }"


class Writers:
    """``with Writers(site) as writers: …``; then ``writers.got`` and ``writers.lost()``."""

    def __init__(self, site: LiveSite, count: int = 4, pause: float = 0.03, synced: bool = False) -> None:
        self.site, self.pause = site, pause
        self.run = uuid.uuid4().hex[:6]  # lines of another's turn on the same site are none of ours
        self.got: Counter[Any] = Counter()
        self.acknowledged: list[str] = []
        #: Seconds of the longest request.
        self.longest = 0.0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._visit, args=(number,), daemon=True) for number in range(count)]
        site.put("web/write.php", PAGE % (SYNC if synced else ""))

    def _visit(self, number: int) -> None:
        edges = self.site.panel.edges
        session = requests.Session()
        turn = 0
        while not self._stop.is_set():
            turn += 1
            line = f"{self.run}-{number}-{turn}"
            begun = time.monotonic()
            try:
                address = f"http://{edges[number % len(edges)]}/write.php?line={line}"
                answer = session.get(address, headers={"Host": self.site.name}, timeout=30)
                if answer.status_code == 200 and answer.text == line:
                    self.got["right"] += 1
                    self.acknowledged.append(line)
                else:
                    self.got[answer.status_code] += 1
            except requests.RequestException as error:
                self.got[type(error).__name__] += 1
                session = requests.Session()
            self.longest = max(self.longest, time.monotonic() - begun)
            time.sleep(self.pause)

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def lost(self) -> list[str]:
        """Acknowledged lines that are not in the file exactly once."""
        text = on_host(self.site.host, "cat", f"{self.site.root}/files/lines")
        # Where a host lost its power in the middle of a write that it had not acknowledged, a hole may be left.
        lines = Counter(text.replace("\0", " ").split())
        return [line for line in self.acknowledged if lines[line] != 1]
