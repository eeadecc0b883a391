"""``manage.py worker``: everything that happens behind the pages."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from argparse import ArgumentParser
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import OperationalError, close_old_connections, connection

from controlpanel.operations import lease, recovery

log = structlog.get_logger()

#: Seconds that a queue cluster may take until it has done its first work: on a busy machine Django alone takes some.
#: One that was ended before it had begun would be started anew for ever.
WARM_UP = 45.0

_libc = ctypes.CDLL(None)


def _end_with_us() -> None:
    """In the child: be terminated when the parent is gone, also when it was killed (prctl(2), PR_SET_PDEATHSIG)."""
    _libc.prctl(1, signal.SIGTERM)


class Command(BaseCommand):
    help = "Run the queue's workers, the recovery sweep and the duties that come round by the clock."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--sweep-every", type=float, default=0.5, help="seconds between sweeps (default 0.5)")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        name = lease.name_worker()
        sweep, watch = recovery.Sweep(), recovery.QueueWatch(settings.Q_CLUSTER["workers"])
        for work in recovery.companions:
            threading.Thread(target=work, args=[self.stopping], name=work.__module__, daemon=True).start()
        cluster, began = self._start_cluster(), time.monotonic()
        beat = 0
        try:
            while not self.stopping.wait(options["sweep_every"]):
                beat += 1
                try:
                    close_old_connections()
                    lease.end_those_of_the_dead(name)
                    sweep.once()
                    if beat % 10 == 0:
                        recovery.enqueue_duties()
                    warm = time.monotonic() - began > WARM_UP
                    stuck = beat % 2 == 0 and warm and watch.is_stuck()
                except OperationalError as error:  # PostgreSQL restarts: so do we, in a moment
                    log.warning("database away", error=str(error))
                    connection.close()
                    continue
                if stuck or cluster.poll() is not None:
                    log.error("queue cluster hangs or died, restarting it", stuck=stuck, code=cluster.poll())
                    self._stop_cluster(cluster, patience=2)
                    cluster, began = self._start_cluster(), time.monotonic()
        finally:
            self._stop_cluster(cluster, patience=10)

    def _start_cluster(self) -> "subprocess.Popen[bytes]":
        # A session of its own, so that a hung cluster can be ended with all its workers.
        return subprocess.Popen(
            [sys.executable, sys.argv[0], "qcluster"], start_new_session=True, preexec_fn=_end_with_us
        )

    def _stop_cluster(self, cluster: "subprocess.Popen[bytes]", patience: float) -> None:
        if cluster.poll() is None:
            cluster.terminate()
            try:
                cluster.wait(patience)
            except subprocess.TimeoutExpired:
                log.warning("queue cluster does not stop, killing it")
        with contextlib.suppress(ProcessLookupError):  # workers that outlived their cluster
            os.killpg(cluster.pid, signal.SIGKILL)
        cluster.wait()
