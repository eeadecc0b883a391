"""Visitors that keep asking while something is done to a site: who answered, what failed, how long the longest took."""

import threading
import time
from collections import Counter
from types import TracebackType

import requests

from tests.hosting.live import LiveSite
from tests.panel import wait_until

#: A page that says on which host it ran, and takes a while, so that requests are under way at any moment.
PAGE = "<?php usleep(30000); echo gethostname();"


class Visitors:
    """``with Visitors(site, "/page.php") as visitors:`` — some through every edge, one request after the other."""

    def __init__(self, site: LiveSite, path: str, each: int = 2, timeout: float = 15) -> None:
        self.site, self.path, self.timeout = site, path, timeout
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self.times: list[float] = []
        self._turns: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._visit, args=(edge, number), daemon=True)
            for number, edge in enumerate(site.panel.edges * each)
        ]

    def __enter__(self) -> "Visitors":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(self.timeout + 5)

    def _visit(self, edge: str, number: int) -> None:
        session = requests.Session()
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                answer = session.get(
                    f"http://{edge}{self.path}", headers={"Host": self.site.name}, timeout=self.timeout
                )
                failure = "" if answer.status_code == 200 else f"{answer.status_code} through {edge}"
            except requests.RequestException as error:
                failure = f"{type(error).__name__} through {edge}: {error}"
            with self._lock:
                self.times.append(time.monotonic() - begun)
                self._turns[number] += 1
                if failure:
                    self.failures.append(failure)
                    time.sleep(0.05)
                else:
                    self.answers[answer.text.strip()] += 1

    def forget(self) -> None:
        """Count anew."""
        with self._lock:
            self.answers.clear()
            self.failures.clear()
            self.times.clear()

    def all_asked_again(self) -> bool:
        """Wait until every visitor has ended the request that is under way now, and one more; then count anew."""
        before = Counter(self._turns)
        wait_until(lambda: all(self._turns[one] >= before[one] + 2 for one in range(len(self._threads))), 60)
        self.forget()
        return True

    def seen(self, *hosts: str, least: int = 3) -> bool:
        """Whether each of these hosts, and no other since ``forget``, has answered some times."""
        with self._lock:
            return set(self.answers) == set(hosts) and all(self.answers[host] >= least for host in hosts)
