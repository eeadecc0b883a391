"""The sweep that finds operations nobody is working on, and the list of duties that come round by the clock."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, Q, QuerySet
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

from . import services
from .choices import OperationState
from .lease import blockers
from .models import Duty, Operation

log = structlog.get_logger()

#: A queued operation that no worker took within this time has lost its wake-up.
OVERDUE = timedelta(seconds=3)


def due() -> QuerySet[Operation]:
    """Operations that a worker could take now: leases run out, waits over, queued with nothing before them."""
    now = timezone.now()
    return Operation.objects.filter(
        Q(state=OperationState.RUNNING, lease_expires__lt=now)
        | Q(state=OperationState.RUNNING, lease_expires=None)
        | Q(state=OperationState.WAITING, wake_at__lte=now)
        | Q(state=OperationState.QUEUED) & ~Exists(blockers())
    ).order_by("id")


class Sweep:
    """Enqueues what is due; remembers what it enqueued, so that a busy queue is not flooded with reminders."""

    def __init__(self, remind_after: float = 5.0) -> None:
        self.remind_after = remind_after
        self._reminded: dict[int, float] = {}

    def once(self) -> int:
        """One pass; returns how many operations were enqueued."""
        now = time.monotonic()
        self._reminded = {pk: at for pk, at in self._reminded.items() if now - at < self.remind_after}
        fresh = Q(state=OperationState.QUEUED, created__gt=timezone.now() - OVERDUE)
        todo = [pk for pk in due().exclude(fresh).values_list("pk", flat=True)[:200] if pk not in self._reminded]
        for pk in todo:
            services.enqueue(pk)
            self._reminded[pk] = now
        return len(todo)


class QueueWatch:
    """Notices a queue cluster that hangs, which django-q2's can when a worker is killed at the wrong moment (django-q2
    issue 23), and which then has to be restarted: wake-ups wait, workers are idle, and nobody takes or finishes one.

    Under load wake-ups wait as well, but again and again one is taken; so it is asked again and again.
    """

    #: A wake-up that nobody has taken within this time is late.
    LATE = timedelta(seconds=5)

    def __init__(self, workers: int, patience: float = 5.0) -> None:
        self.workers, self.patience = workers, patience
        self._taken: frozenset[int] | None = None
        self._since = 0.0

    def is_stuck(self) -> bool:
        """Whether that has been so for ``patience`` seconds, at every time that it was asked."""
        taken = self._taken_while_others_wait()
        if taken is None or taken != self._taken:
            self._taken, self._since = taken, time.monotonic()
            return False
        return time.monotonic() - self._since >= self.patience

    def _taken_while_others_wait(self) -> frozenset[int] | None:
        """The wake-ups that workers have taken; None unless others wait although a worker is idle."""
        now = timezone.now()
        if not OrmQ.objects.filter(lock__lt=now - self.LATE).exists():
            return None
        if Operation.objects.filter(lease_expires__gt=now).count() >= self.workers:
            return None
        return frozenset(OrmQ.objects.filter(lock__gt=now).values_list("pk", flat=True))


# --- duties ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Duty:
    name: str
    every: timedelta
    work: Callable[[], object]


_duties: dict[str, _Duty] = {}


def every(*, seconds: float) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Decorator for an app's ``duties.py``: let one worker call the function about every so many seconds.

    A duty must be short or start operations, and must be right however often it is called.
    """

    def add(work: Callable[[], object]) -> Callable[[], object]:
        name = f"{work.__module__}.{work.__name__}"
        _duties[name] = _Duty(name, timedelta(seconds=seconds), work)
        return work

    return add


#: What runs beside a worker's sweep, each in a thread of its own, until the event is set.
Companion = Callable[[threading.Event], None]
companions: list[Companion] = []


def alongside(work: Companion) -> Companion:
    """Decorator: let every worker's main process run this in a thread. It gets an event that says when to stop, and
    must be right however many workers run it."""
    companions.append(work)
    return work


def enqueue_duties() -> None:
    """Enqueue every duty whose time has come. Several panels may do this at once: one conditional UPDATE wins."""
    now = timezone.now()
    due = dict(Duty.objects.values_list("name", "due"))
    if missing := _duties.keys() - due.keys():
        Duty.objects.bulk_create([Duty(name=name) for name in missing], ignore_conflicts=True)
    for duty in _duties.values():
        if due.get(duty.name, now) > now:
            continue
        with transaction.atomic():
            if Duty.objects.filter(name=duty.name, due__lte=now).update(due=now + duty.every):
                async_task("controlpanel.operations.tasks.do_duty", duty.name, task_name=duty.name)


def do_duty(name: str) -> None:
    """Do one duty now; an unknown name (an older release's) is ignored."""
    if name in _duties:
        _duties[name].work()
