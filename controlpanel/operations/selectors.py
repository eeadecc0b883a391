"""Reads, scoped to who asks; nobody sees nothing."""

from django.db.models import Q, QuerySet

from .access import Actor, Asker
from .choices import UNFINISHED
from .models import Event, Operation


def operations_for(actor: Asker) -> QuerySet[Operation]:
    """Operations that ``actor`` may see: all for staff, else those whose scopes it shares. None sees none."""
    if not isinstance(actor, Actor) or not actor.is_active:
        return Operation.objects.none()
    if actor.is_staff:
        return Operation.objects.all()
    return Operation.objects.filter(scopes__overlap=actor.scopes())


def unfinished_on(resource: str) -> QuerySet[Operation]:
    """Unfinished operations that reserved ``resource`` ("site:7"), oldest first. For callers that checked access."""
    return Operation.objects.filter(reservations__resource=resource, state__in=UNFINISHED).order_by("id")


def history_of(resource: str) -> QuerySet[Operation]:
    """All operations that reserved ``resource``, newest first. For pages that already checked access to it."""
    return Operation.objects.filter(reservations__resource=resource).order_by("-id")


def blockers_of(operation: Operation) -> QuerySet[Operation]:
    """Unfinished operations that a queued one waits for, oldest first. For callers that checked access."""
    if operation.started or operation.is_finished:
        return Operation.objects.none()
    resources = operation.reservations.values("resource")
    return (
        Operation.objects.filter(reservations__resource__in=resources, state__in=UNFINISHED)
        .filter(Q(started__isnull=False) | Q(pk__lt=operation.pk))
        .exclude(pk=operation.pk)
        .order_by("id")
        .distinct()
    )


def events_after(operation_id: int, seq: int) -> QuerySet[Event]:
    """Events newer than ``seq``, in order."""
    return (
        Event.objects.filter(operation_id=operation_id, seq__gt=seq).select_related("operation", "step").order_by("seq")
    )


def by_key(actor: Actor | None, key: str) -> Operation | None:
    """The operation that this login already started with this idempotency key."""
    if not key or actor is None:
        return None
    return Operation.objects.filter(requested_by_id=actor.pk, idempotency_key=key).first()
