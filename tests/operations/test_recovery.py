"""Nothing is ever only in memory: what nobody works on is found and handed to a worker."""

import os
import subprocess
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from controlpanel.operations import lease, recovery, runner
from controlpanel.operations.lease import Lease
from controlpanel.operations.models import Duty, Operation

from .plans import World

pytestmark = pytest.mark.django_db(transaction=True)
Start = Callable[..., Operation]


def age(operation: Operation, **columns: float) -> None:
    Operation.objects.filter(pk=operation.pk).update(
        **{name: timezone.now() - timedelta(seconds=seconds) for name, seconds in columns.items()}
    )


def test_an_expired_lease_is_swept_up(start: Start) -> None:
    operation = start()
    Lease(operation.pk).claim()
    assert operation not in recovery.due()
    age(operation, lease_expires=1)
    assert operation in recovery.due()


def test_what_a_dead_process_of_a_worker_held_is_swept_up_at_once(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = start()
    with subprocess.Popen(["sleep", "60"]) as child:
        with monkeypatch.context() as patch:
            patch.setenv(lease.WORKER, "panel.1")
            patch.setattr(os, "getpid", lambda: child.pid)
            assert Lease(operation.pk).claim()
        assert lease.end_those_of_the_dead("panel.1") == 0
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the list of processes
        assert lease.end_those_of_the_dead("panel") == lease.end_those_of_the_dead("panel.10") == 0
        assert operation not in recovery.due()
        assert lease.end_those_of_the_dead("panel.1") == 1
    assert operation in recovery.due()


def test_a_wait_that_is_over_is_swept_up(start: Start, world: World) -> None:
    world.trouble("a", "away")
    operation = start()
    runner.run(operation.pk)
    assert operation not in recovery.due()
    age(operation, wake_at=1)
    assert operation in recovery.due()


def test_a_lost_wake_up_is_made_good_after_a_moment(start: Start) -> None:
    operation = start()
    OrmQ.objects.all().delete()
    sweep = recovery.Sweep()
    assert sweep.once() == 0, "a fresh one has its own wake-up under way"
    age(operation, created=10)
    assert sweep.once() == 1 and OrmQ.objects.count() == 1
    assert sweep.once() == 0, "it is not reminded of again at once"


def test_what_waits_for_another_operation_is_not_woken(start: Start) -> None:
    start()
    second = start()
    age(second, created=10)
    assert second not in recovery.due()


def test_the_end_of_an_operation_wakes_the_next(start: Start) -> None:
    first, second = start(), start()
    OrmQ.objects.all().delete()
    runner.run(first.pk)
    assert [task.task["args"] for task in OrmQ.objects.all()] == [(second.pk,)]


def test_an_enqueued_wake_up_rolls_back_with_its_intent(start: Start) -> None:
    from django.db import transaction

    with pytest.raises(ValueError), transaction.atomic():
        start()
        raise ValueError
    assert not OrmQ.objects.exists()


def test_a_stuck_queue_is_noticed_only_while_workers_are_idle(start: Start) -> None:
    operation, watch = start(), recovery.QueueWatch(workers=1, patience=0)
    assert not any(watch.is_stuck() for _ in range(3))
    OrmQ.objects.update(lock=timezone.now() - timedelta(seconds=30))
    assert [watch.is_stuck() for _ in range(2)] == [False, True]
    Lease(operation.pk).claim()
    assert not any(watch.is_stuck() for _ in range(3))


def test_a_queue_that_is_only_long_is_not_stuck(start: Start) -> None:
    for _ in range(6):
        start()
    watch = recovery.QueueWatch(workers=1, patience=0)
    OrmQ.objects.update(lock=timezone.now() - timedelta(seconds=30))
    for task in list(OrmQ.objects.all())[:4]:
        OrmQ.objects.filter(pk=task.pk).update(lock=timezone.now() + timedelta(hours=1))  # a worker takes it
        assert not watch.is_stuck()
        OrmQ.objects.filter(pk=task.pk).delete()  # and has done it
        assert not watch.is_stuck()
    assert watch.is_stuck()


def test_a_duty_comes_round_once_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    monkeypatch.setattr(recovery, "_duties", {})

    def count() -> None:
        done.append(1)

    recovery.every(seconds=60)(count)
    recovery.enqueue_duties()
    recovery.enqueue_duties()
    assert OrmQ.objects.count() == 1
    name = Duty.objects.get().name
    recovery.do_duty(name)
    recovery.do_duty("of.an.older.release")
    assert done == [1]
