"""kill -9 of the worker, at every boundary and in the middle of steps, ends in the same final state."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from controlpanel.operations import runner
from controlpanel.operations.models import Operation

from .plans import World
from .test_runner import ALL

pytestmark = pytest.mark.django_db(transaction=True)

#: Runs one operation and kills itself, with no chance to clean up, when it comes to the given place.
WORKER = """
import os, signal, sys
import django
django.setup()
from django.conf import settings
from django.db import connections
settings.DATABASES["default"]["NAME"] = connections["default"].settings_dict["NAME"] = sys.argv[1]
import tests.operations.plans
from controlpanel.operations import runner
place, count = sys.argv[3], int(sys.argv[4])
original = getattr(runner._Run, place)
def counted(self, *args, **kwargs):
    global count
    count -= 1
    if count == 0 and sys.argv[5] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(self, *args, **kwargs)
    if count == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
setattr(runner._Run, place, counted)
runner.run(int(sys.argv[2]))
"""


def run_and_die(operation: Operation, place: str, count: int, when: str) -> int:
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", WORKER, connection.settings_dict["NAME"], str(operation.pk), place, str(count), when],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "DJANGO_SETTINGS_MODULE": "controlpanel.settings"},
        timeout=60,
        check=False,
    ).returncode


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("place", "count"),
    [("_begin", 1), ("_next_stage", 2), ("_submit", 2), ("_submit", 3), ("_confirm", 1), ("_confirm", 4), ("_end", 1)],
)
def test_the_next_worker_ends_what_a_killed_one_began(
    start: Callable[..., Operation], world: World, place: str, count: int, when: str
) -> None:
    operation = start()
    assert run_and_die(operation, place, count, when) == -signal.SIGKILL
    Operation.objects.filter(pk=operation.pk).update(lease_expires=timezone.now() - timedelta(seconds=1))
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "succeeded"
    assert world.applied() >= ALL
    assert sum(line.startswith("do end/") for line in world.lines()) == 1
    numbers = list(operation.events.values_list("seq", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
