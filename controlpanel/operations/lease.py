"""A worker's exclusive right to an operation, for a while."""

import os
import socket
import uuid
from datetime import timedelta
from pathlib import Path

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from .choices import UNFINISHED, OperationState
from .locks import lock_resources
from .models import Operation, Reservation

#: How long a worker may be silent before the recovery sweep gives its operation to another.
LEASE = timedelta(seconds=10)
#: Environment variable by which ``manage.py worker`` tells the processes below it whose they are.
WORKER = "CONTROLPANEL_WORKER"


class LeaseLost(Exception):
    """Another worker has the operation now (this one was silent too long): stop at once, write nothing."""


class Lease:
    """Held from ``claim`` until ``release``; every write about the operation goes through ``renew`` first."""

    def __init__(self, operation_id: int) -> None:
        self.operation_id = operation_id
        self.holder = f"{os.environ.get(WORKER) or _hostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"

    def claim(self) -> Operation | None:
        """Take the operation if it is due, nobody holds it, and nothing before it has what it needs; else None."""
        with transaction.atomic():
            lock_resources(
                Reservation.objects.filter(operation_id=self.operation_id).values_list("resource", flat=True)
            )
            now = timezone.now()
            taken = (
                Operation.objects.filter(pk=self.operation_id, state__in=UNFINISHED)
                .filter(Q(lease_expires=None) | Q(lease_expires__lt=now))
                .filter(Q(wake_at=None) | Q(wake_at__lte=now))
                .filter(~Exists(blockers()) | Q(started__isnull=False))
                .update(
                    lease_holder=self.holder,
                    lease_expires=now + LEASE,
                    state=OperationState.RUNNING,
                    started=Coalesce("started", Now()),
                    wake_at=None,
                )
            )
        return Operation.objects.get(pk=self.operation_id) if taken else None

    def renew(self) -> None:
        """Keep it for another LEASE, and lock the operation's row inside a transaction. Raises LeaseLost."""
        kept = Operation.objects.filter(pk=self.operation_id, lease_holder=self.holder).update(
            lease_expires=timezone.now() + LEASE
        )
        if not kept:
            raise LeaseLost(self.operation_id)

    def release(self, **changes: object) -> None:
        """Give it back, writing ``changes`` to the operation in the same UPDATE. Raises LeaseLost."""
        kept = Operation.objects.filter(pk=self.operation_id, lease_holder=self.holder).update(
            lease_holder="", lease_expires=None, **changes
        )
        if not kept:
            raise LeaseLost(self.operation_id)


def name_worker() -> str:
    """A name for a worker and the processes that it is going to start, which no other has; put into WORKER."""
    os.environ[WORKER] = f"{_hostname()}.{uuid.uuid4().hex[:6]}"
    return os.environ[WORKER]


def end_those_of_the_dead(worker: str) -> int:
    """End the leases of processes of that worker that are no more, without waiting until they run out; returns how
    many. Only for the worker itself: pids mean something to who started them."""
    now = timezone.now()
    held = Operation.objects.filter(
        state=OperationState.RUNNING, lease_holder__startswith=f"{worker}:", lease_expires__gt=now
    )
    ended = 0
    for operation, holder in held.values_list("pk", "lease_holder"):
        if not _lives(holder.removeprefix(f"{worker}:").partition(":")[0]):
            ended += Operation.objects.filter(pk=operation, lease_holder=holder).update(lease_expires=now)
    return ended


def _lives(pid: str) -> bool:
    """Dead ones that nobody has asked about yet (proc(5): state Z) do not."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def _hostname() -> str:
    return socket.gethostname()[:40]


def blockers() -> QuerySet[Reservation]:
    """Reservations that keep a not yet started operation (the outer query's row) waiting.

    One that has started goes on undisturbed; among those that have not, the lower id goes first. Two shared
    reservations of one resource do not block each other.
    """
    others = (
        Reservation.objects.filter(resource=OuterRef("resource"), operation__state__in=UNFINISHED)
        .exclude(operation_id=OuterRef("operation_id"))
        .filter(Q(operation__started__isnull=False) | Q(operation_id__lt=OuterRef("operation_id")))
    )
    return Reservation.objects.filter(operation_id=OuterRef("pk")).filter(
        Exists(others.filter(exclusive=True)) | Q(exclusive=True) & Exists(others)
    )
