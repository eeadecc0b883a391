"""A worker's exclusive right to an operation, for a while."""

import os
import socket
import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from .choices import UNFINISHED, OperationState
from .locks import lock_resources
from .models import Operation, Reservation

#: How long a worker may be silent before the recovery sweep gives its operation to another.
LEASE = timedelta(seconds=10)


class LeaseLost(Exception):
    """Another worker has the operation now (this one was silent too long): stop at once, write nothing."""


class Lease:
    """Held from ``claim`` until ``release``; every write about the operation goes through ``renew`` first."""

    def __init__(self, operation_id: int) -> None:
        self.operation_id = operation_id
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"

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
