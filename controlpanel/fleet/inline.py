"""Runs an operation in this process and tells its steps, for commands that must work without a worker."""

import time
from collections.abc import Callable

from django.db.models import Exists
from django.utils import timezone

from controlpanel.operations import runner
from controlpanel.operations.choices import OperationState, StepState
from controlpanel.operations.lease import blockers
from controlpanel.operations.models import Operation
from controlpanel.operations.recovery import due

#: Seconds for which a waiting operation is tried again here before it is left to the worker.
PATIENCE = 20.0


def follow(operation: Operation, report: Callable[[str], None], *, patience: float = PATIENCE) -> bool:
    """Run it until it ends, or waits for longer than ``patience`` (seconds); True when it succeeded.

    A worker that is there too may take it first: then this only watches.
    """
    told: dict[int, tuple[str, str]] = {}
    deadline = time.monotonic() + patience
    while True:
        runner.run(operation.pk)
        _run_what_is_before(operation)
        operation.refresh_from_db()
        _tell(operation, told, report)
        if operation.is_finished:
            return operation.state == OperationState.SUCCEEDED
        if operation.state == OperationState.RUNNING:
            deadline = time.monotonic() + patience
        elif time.monotonic() > deadline:
            _say_why(operation, report)
            return False
        pause = 0.2
        if operation.state == OperationState.WAITING and operation.wake_at is not None:
            pause = max(pause, (operation.wake_at - timezone.now()).total_seconds())
        time.sleep(min(pause, 2.0))


def _run_what_is_before(operation: Operation) -> None:
    """Operations that use the same hosts and were first (a resync that waited for them, say) are run here too."""
    if not Operation.objects.filter(pk=operation.pk, state=OperationState.QUEUED).exists():
        return
    resources = operation.reservations.values_list("resource", flat=True)
    before = due().filter(pk__lt=operation.pk, reservations__resource__in=list(resources)).distinct()
    for pk in before.values_list("pk", flat=True):
        runner.run(pk)


def _tell(operation: Operation, told: dict[int, tuple[str, str]], report: Callable[[str], None]) -> None:
    for step in operation.steps.order_by("position"):
        now = (step.state, step.detail)
        if told.get(step.position) != now and step.state != StepState.PLANNED:
            told[step.position] = now
            took = (
                f" ({(step.finished - step.started).total_seconds():.1f} s)" if step.finished and step.started else ""
            )
            report(f"{step.title}: {step.get_state_display()}{took}")
            if step.trouble:
                report(f"  {step.detail}")
            for line in str(step.trouble.get("output", "")).splitlines()[:40]:
                report(f"  | {line}")


def _say_why(operation: Operation, report: Callable[[str], None]) -> None:
    if operation.state == OperationState.WAITING:
        report(f"Operation {operation.pk} waits, and the worker goes on with it as soon as it can.")
        return
    blocked = Operation.objects.filter(pk=operation.pk).filter(Exists(blockers())).exists()
    reason = "another operation that uses the same hosts has not ended" if blocked else "no worker took it yet"
    report(f"Operation {operation.pk} is queued: {reason}. The worker goes on with it.")
