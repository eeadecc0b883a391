"""Starting operations and telling them what to do. Everything here is one transaction and returns at once."""

from collections.abc import Callable
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_q.tasks import async_task

from controlpanel.audit import context as audit_context
from controlpanel.audit import services as audit
from controlpanel.audit.choices import Verb

from . import events, selectors
from .access import Actor, Asker, impersonator
from .choices import UNFINISHED, OperationState, StepState
from .locks import lock_resources
from .models import Operation, Reservation, Step, as_json
from .registry import PlannedStep, action_for, plan_for

log = structlog.get_logger()


class NotPossible(Exception):
    """The operation is not in a state for that; ``str()`` says why, in the reader's language."""


def enqueue(operation_id: int) -> None:
    """Ask a worker to look at the operation, once the transaction has committed (the queue is in the same database)."""
    async_task("controlpanel.operations.tasks.run", operation_id, task_name=f"operation-{operation_id}")


def once(actor: Actor | None, key: str, make: Callable[[], Operation]) -> Operation:
    """Call ``make`` (intent and ``start``) in a transaction, or return what the same login made with the same key.

    Two requests with one key, at the same instant: the second waits for the first and gets its operation.
    """
    with transaction.atomic():
        if key and actor is not None:
            lock_resources([f"key:{actor.pk}:{key}"])
            if existing := selectors.by_key(actor, key):
                return existing
        return make()


def start(
    kind: str,
    params: dict[str, Any],
    *,
    scopes: list[str],
    actor: Actor | None = None,
    idempotency_key: str = "",
    requested_from: str | None = None,
) -> Operation:
    """Write an operation with its steps and reservations, and wake a worker.

    Call it inside the transaction that writes the intent. ``params`` hold ids and names, never a secret. Raises
    ``transaction.TransactionManagementError`` outside a transaction.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("start() belongs into the transaction that writes the intent")
    plan = plan_for(kind)
    params = as_json(params)
    reserves = plan.reservations(params)
    lock_resources(reserve.resource for reserve in reserves)
    operation = Operation.objects.create(
        kind=kind,
        params=params,
        scopes=scopes,
        requested_by_id=actor.pk if actor is not None else None,
        impersonated_by_id=impersonator(),
        requested_from=requested_from,
        idempotency_key=idempotency_key,
    )
    Reservation.objects.bulk_create(
        Reservation(operation=operation, resource=reserve.resource, exclusive=reserve.exclusive) for reserve in reserves
    )
    write_steps(operation)
    events.record(operation, "operation", {"state": operation.state})
    enqueue(operation.pk)
    if actor is not None or audit_context.now().get("id"):  # what comes round by the clock nobody asked for
        _note(operation, Verb.ASKED, actor, kind=kind, params=params)
    log.info("operation asked for", operation=operation.pk, kind=kind)
    return operation


def preview(kind: str, params: dict[str, Any]) -> list[list[PlannedStep]]:
    """What ``start`` would do, from the same plan, writing nothing."""
    return [list(stage) for stage in plan_for(kind).stages(as_json(params))]


def write_steps(operation: Operation) -> None:
    """Store the plan's steps as they follow from the database now, replacing steps that have not begun."""
    operation.steps.all().delete()
    rows: list[Step] = []
    for number, stage in enumerate(plan_for(operation.kind).stages(operation.params)):
        for planned in stage:
            rows.append(
                Step(
                    operation=operation,
                    stage=number,
                    position=len(rows),
                    action=planned.action,
                    host=planned.host,
                    args=as_json(planned.args),
                )
            )
    Step.objects.bulk_create(rows)


@transaction.atomic
def cancel(operation: Operation, actor: Actor | None = None) -> Operation:
    """Stop as soon as the step under way allows it, and take back what was done where the plan can.

    Raises NotPossible when it has ended, or when it cannot be taken back and ``actor`` is not staff.
    """
    operation = Operation.objects.select_for_update().get(pk=operation.pk)
    if operation.is_finished:
        raise NotPossible(_("This operation has already ended."))
    _check_steering(operation, actor)
    if not plan_for(operation.kind).undo_on_failure and operation.started and not (actor and actor.is_staff):
        raise NotPossible(
            _("This change has begun and cannot be taken back half way. Wait for it, then change it again.")
        )
    if not plan_for(operation.kind).may_turn_back(operation):
        raise NotPossible(_("This change is too far to be taken back. Wait for it, then change it again."))
    operation.cancel_requested = True
    operation.wake_at = timezone.now()
    operation.save(update_fields=["cancel_requested", "wake_at"])
    events.record(operation, "operation", {"state": operation.state, "cancel_requested": True})
    enqueue(operation.pk)
    _note(operation, Verb.STEERED, actor, kind=operation.kind, params=operation.params, did="cancel")
    return operation


def may_steer(operation: Operation, actor: Asker) -> bool:
    """Whether who sees the operation may also cancel it and try it again. (None is the panel itself.)"""
    return actor is None or getattr(actor, "is_staff", False) or not plan_for(operation.kind).steered_by_staff


def _check_steering(operation: Operation, actor: Actor | None) -> None:
    if not may_steer(operation, actor):
        raise NotPossible(_("Only staff can stop this or try it again."))


@transaction.atomic
def retry(operation: Operation, actor: Actor | None = None) -> Operation:
    """Queue a failed operation again from its first step that is not done, or try a waiting one at once.

    Raises NotPossible in other states.
    """
    operation = Operation.objects.select_for_update().get(pk=operation.pk)
    _check_steering(operation, actor)
    if operation.state == OperationState.FAILED:
        lock_resources(operation.reservations.values_list("resource", flat=True))
        plan = plan_for(operation.kind)
        # Where steps were taken back all begin again; else those that are done stay done.
        undone = plan.undo_on_failure and operation.undoing
        again = operation.steps.all() if undone else operation.steps.exclude(state=StepState.SUCCEEDED)
        again.update(state=StepState.PLANNED, trouble={}, started=None, finished=None)
        Operation.objects.filter(pk=operation.pk).update(
            state=OperationState.QUEUED,
            undoing=False,
            outcome="",
            cancel_requested=False,
            error={},
            started=None,
            finished=None,
        )
        operation.refresh_from_db()
        plan.on_retry(operation)
    elif operation.state == OperationState.WAITING:
        Operation.objects.filter(pk=operation.pk).update(wake_at=timezone.now())
    else:
        raise NotPossible(_("Only an operation that failed or waits can be tried again."))
    events.record(operation, "operation", {"state": operation.state})
    enqueue(operation.pk)
    _note(operation, Verb.STEERED, actor, kind=operation.kind, params=operation.params, did="retry")
    return operation


@transaction.atomic
def skip(step: Step, actor: Actor) -> Operation:
    """Go on without a step that waits, or without taking it back (its host is then due for a full resync). Staff only.

    Raises NotPossible when the step does not wait, or a worker is just trying it.
    """
    if not actor.is_staff:
        raise PermissionError("only staff skip steps")
    operation = Operation.objects.select_for_update().get(pk=step.operation_id)
    step = operation.steps.get(pk=step.pk)
    if operation.state != OperationState.WAITING or step.state != StepState.WAITING:
        raise NotPossible(_("Only a step that waits can be skipped."))
    step.state = StepState.SKIPPED
    step.finished = timezone.now()
    step.touched = step.touched and not operation.undoing  # else it would be taken back once more
    step.save(update_fields=["state", "finished", "touched"])
    action_for(step.action).on_skip(step)
    events.record(operation, "step", {"state": step.state}, step)
    enqueue(operation.pk)
    detail = {"did": "skip", "step": step.position, "host": step.host}
    _note(operation, Verb.STEERED, actor, kind=operation.kind, params=operation.params, **detail)
    return operation


@transaction.atomic
def supersede(operation: Operation, trouble: dict[str, Any]) -> bool:
    """End an unfinished operation as failed without taking it back: what it was to do can no longer be done so.

    Its worker has lost its lease and writes nothing more; what it has sent and hosts still do is older than what comes
    now, and refused. Returns whether it was unfinished. Call it with its resources locked.
    """
    changed = Operation.objects.filter(pk=operation.pk, state__in=UNFINISHED).update(
        state=OperationState.FAILED,
        started=operation.started or timezone.now(),
        finished=timezone.now(),
        lease_holder="",
        lease_expires=None,
        wake_at=None,
        error=trouble,
    )
    if not changed:
        return False
    operation.refresh_from_db()
    begun = operation.steps.filter(state__in=(StepState.RUNNING, StepState.WAITING))
    begun.update(state=StepState.FAILED, trouble=trouble, finished=timezone.now())
    plan_for(operation.kind).on_failure(operation)
    events.record(operation, "operation", {"state": operation.state, "trouble": trouble})
    wake_followers(operation)
    return True


def _note(operation: Operation, verb: str, actor: Actor | None, **detail: Any) -> None:
    audit.note(
        verb,
        f"operations.operation:{operation.pk}",
        label=f"{operation.kind} {operation.pk}",
        scopes=operation.scopes,
        detail=detail,
        actor=actor,
        operation=operation.pk,
    )


def wake_followers(operation: Operation) -> None:
    """Enqueue the operations that may have waited for what this one had reserved."""
    resources = list(operation.reservations.values_list("resource", flat=True))
    followers = (
        Operation.objects.filter(state__in=UNFINISHED, reservations__resource__in=resources)
        .exclude(pk=operation.pk)
        .values_list("pk", flat=True)
        .distinct()
    )
    for pk in followers:
        enqueue(pk)


def wake_waiting(host: str) -> int:
    """Let the operations that wait for a host try at once: it is back. Returns how many."""
    steps = Step.objects.filter(host=host, state=StepState.WAITING, operation__state=OperationState.WAITING)
    waiting = Operation.objects.filter(state=OperationState.WAITING, pk__in=steps.values("operation"))
    return waiting.update(wake_at=timezone.now())
