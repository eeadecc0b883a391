"""A whole move of a database, step by step as the panel does it, with somebody who writes all the time."""

import subprocess
import sys
import time
from typing import Any

from controlpanel.fleet.models import Host
from tests.panel import ROOT, wait_until

from .lab import LabDatabase

_WRITER = """\
import os, ssl, sys, threading, time
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
engine, name, password = sys.argv[1:4]
hosts = sys.argv[4:]
if engine == "mariadb":
    import pymysql as driver
    def connect(host):
        return driver.connect(host=host, user=name, password=password, database=name, autocommit=True,
                              connect_timeout=3, read_timeout=5, ssl=ssl._create_unverified_context())
    insert = "INSERT INTO w(n) VALUES (%s)"
else:
    import psycopg as driver
    def connect(host):
        return driver.connect(host=host, user=name, password=password, dbname=name, autocommit=True, connect_timeout=3,
                              sslmode="require")
    insert = "INSERT INTO w(n) VALUES (%s)"
n, turn, ended, acked = 0, 0, time.monotonic() + 120, time.monotonic()
gap = 0.0
while time.monotonic() < ended:
    n += 1
    try:
        connection = connect(hosts[turn % len(hosts)])
        try:
            with connection.cursor() as cursor:
                cursor.execute(insert, (n,))
        finally:
            connection.close()
    except Exception as error:
        turn += 1  # the other host, with the next number: this one was never acknowledged
        print("E", str(error)[:200].replace("\\n", " "), flush=True)
        time.sleep(0.005)
        continue
    gap, acked = time.monotonic() - acked, time.monotonic()
    print("A", n, round(gap * 1000), flush=True)
    time.sleep(0.003)
"""


class Writer:
    """A client that opens a connection for each row, and goes to the other host when one does not take it.

    It runs on a host that may reach both. What was acknowledged is known here.
    """

    def __init__(self, database: LabDatabase, client: Host, hosts: list[Host]) -> None:
        password = database.passwords[database.name]
        addresses = [host.address for host in hosts]
        command = ["python3", "-c", _WRITER, database.engine, database.name, password, *addresses]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "controlpanel.lab", "exec", client.name, "--", *command],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.acknowledged: list[int] = []
        self.errors: list[str] = []
        #: Milliseconds between two acknowledged rows, at most.
        self.longest_gap = 0

    def stop(self) -> None:
        """End it, and read what it said."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()  # a signal would end only what stands between us and it
        for line in self._process.stdout:
            word, _, rest = line.strip().partition(" ")
            if word == "A" and len(rest.split()) == 2:
                number, gap = rest.split()
                self.acknowledged.append(int(number))
                self.longest_gap = max(self.longest_gap, int(gap))
            elif word == "E":
                self.errors.append(rest)
        self._process.wait(20)


class LabMove:
    """The steps; ``timings`` are seconds."""

    def __init__(self, database: LabDatabase, source: Host, target: Host) -> None:
        self.database, self.source, self.target = database, source, target
        self.place = {"name": source.name, "address": source.address}
        self.position: Any = None
        self.timings: dict[str, float] = {}

    def at_source(self, call: str, /, **args: Any) -> dict[str, Any]:
        return self.database.step(self.source, call, **args)

    def at_target(self, call: str, /, **args: Any) -> dict[str, Any]:
        return self.database.step(self.target, call, **args)

    def prepare(self) -> None:
        self.database.make(self.target, state="locked")
        self.at_source("publish")

    def seed(self, method: str = "replicate") -> dict[str, Any]:
        begun = time.monotonic()
        answer = self.at_target("seed", source=self.place, method=method)
        self.timings["seed"] = time.monotonic() - begun
        return answer

    def follow(self) -> None:
        self.at_target("follow")
        wait_until(self.is_near, 60)

    def is_near(self) -> bool:
        lag = self.at_target("lag")
        assert not lag["error"], lag
        return bool(lag["ready"])

    def lock(self, **args: Any) -> None:
        self.position = self.at_source("lock", **args)["position"]

    def catch_up(self) -> None:
        self.at_target("catch_up", position=self.position, limit=20)

    def switch(self) -> None:
        """The part in which clients wait."""
        begun = time.monotonic()
        self.lock()
        self.catch_up()
        self.database.make(self.source, state="copy")
        self.database.ask(self.target, "unlock")
        self.timings["switch"] = time.monotonic() - begun
        self.database.host = self.target

    def whole(self) -> None:
        self.prepare()
        self.seed()
        self.follow()
        self.switch()
        self.at_source("forget_source")

    def is_same(self) -> bool:
        """Whether what came is what was there."""
        there, here = [self.database.ask(host, "compare") for host in (self.source, self.target)]
        return there["complete"] and there == here

    def turn_back(self) -> None:
        """Before the target was unlocked: as if nothing had been."""
        self.database.ask(self.source, "unlock")
        self.at_target("abort")
        self.at_source("forget_source")
