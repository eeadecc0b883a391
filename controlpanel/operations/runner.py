"""Runs one operation: its stages in order, the steps of a stage in parallel, every transition recorded.

1. Take the lease (``lease.py``); somebody else has it, or something before it is not done: leave.
2. Not begun yet: plan again, for the database may have changed while it was queued.
3. Find the first stage that is not done. Mark its steps running, *then* submit them: after a crash a running step
   means "perhaps done", so it is submitted again, which an action must allow.
4. Each answer is confirmed in one transaction with the step's new state and its event.
5. A step that cannot be done now (host away, answer lost) waits: so does the operation, with back-off, off the worker.
6. A step that is refused fails the operation; the plan decides whether its steps are taken back.
7. A lost lease stops everything at once: whoever has it now goes on from what is recorded.
"""

import queue
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from controlpanel.audit import context as audit
from controlpanel.audit.choices import Via

from . import events, services
from .choices import OperationState, StepState
from .errors import AnswerLost, HostAway, NotNow, PassedOver, StepError
from .lease import LEASE, Lease, LeaseLost
from .models import Operation, Step
from .redaction import redact
from .registry import Action, action_for, plan_for

log = structlog.get_logger()

#: Seconds until the next try of a waiting step, by how often it was tried.
BACK_OFF = (1, 1, 2, 3, 5, 8, 10)
#: An answer that has not come by then is lost, whatever the channel's own limits say (seconds).
PATIENCE = 1800.0
#: Progress lines of one step are stored at most this often (seconds).
PROGRESS_EVERY = 0.2

DONE = (StepState.SUCCEEDED, StepState.SKIPPED)


def run(operation_id: int) -> None:
    """Run the operation as far as it goes now. Safe to call at any time, any number of times, from anywhere."""
    lease = Lease(operation_id)
    operation = lease.claim()
    if operation is None:
        return
    # Every line that is logged meanwhile says so, and every call to a host.
    with structlog.contextvars.bound_contextvars(operation=operation_id):
        try:
            with audit.acting(lambda: _asker(operation)):
                _Run(operation, lease).go()
        except LeaseLost:
            log.warning("lease lost, another worker goes on", kind=operation.kind)


def _asker(operation: Operation) -> dict[str, Any]:
    """For the audit: what a step writes is by the operation, and for whoever asked for it."""
    asker = audit.person(operation.requested_by)
    return {**asker, "via": Via.OPERATION, "from": operation.requested_from, "operation": operation.pk}


def back_off(attempts: int) -> timedelta:
    """How long to wait before try number ``attempts + 1``."""
    return timedelta(seconds=BACK_OFF[min(attempts, len(BACK_OFF)) - 1])


class _Run:
    """One worker's turn at one operation, while it holds the lease."""

    def __init__(self, operation: Operation, lease: Lease) -> None:
        self.operation = operation
        self.lease = lease
        self.plan = plan_for(operation.kind)
        self.inbox: queue.Queue[tuple[str, Step, Any]] = queue.Queue()
        #: By step: whether something may have reached its host before the try that is under way.
        self.touched: dict[int, bool] = {}

    # --- the whole ---------------------------------------------------------------------------------------------

    def go(self) -> None:
        self._begin()
        while True:
            self._heed_cancel()
            stage = self._next_stage()
            if not stage:
                self._finish()
                return
            self._work(stage)
            failed = next((step for step in stage if step.state == StepState.FAILED), None)
            waiting = [step for step in stage if step.state == StepState.WAITING]
            if failed and not self.operation.undoing:
                if not self._fail(failed):
                    return
            elif waiting:
                self._wait(waiting)
                return
            elif failed:  # what cannot be taken back is for people to look at
                self._end(OperationState.FAILED)
                return

    def _begin(self) -> None:
        with transaction.atomic():
            self.lease.renew()
            untouched = not self.operation.steps.exclude(state=StepState.PLANNED).exists()
            if untouched and not self.operation.undoing:
                services.write_steps(self.operation)
            events.record(self.operation, "operation", {"state": OperationState.RUNNING})

    def _heed_cancel(self) -> None:
        self.operation.refresh_from_db()
        wanted = self.operation.cancel_requested and not self.operation.undoing
        if wanted and self.plan.may_turn_back(self.operation):
            self._take_back(OperationState.CANCELLED)

    def _next_stage(self) -> list[Step]:
        """The steps to do now: those not done of the first stage that has any; backwards when undoing."""
        steps = list(self.operation.steps.all())
        if self.operation.undoing:
            if not self.plan.undo_on_failure:
                return []
            todo = [step for step in steps if self._must_undo(step)]
            stage = max((step.stage for step in todo), default=None)
        else:
            todo = [step for step in steps if step.state not in DONE]
            stage = min((step.stage for step in todo), default=None)
        return [step for step in todo if step.stage == stage]

    @staticmethod
    def _must_undo(step: Step) -> bool:
        return step.touched and step.state != StepState.UNDONE and action_for(step.action).undoable

    # --- one stage ---------------------------------------------------------------------------------------------

    def _work(self, stage: list[Step]) -> None:
        """Submit all steps of a stage and take in their answers, until each has one."""
        unable: dict[int, Exception] = {}
        with transaction.atomic():
            self.lease.renew()
            for step in stage:
                if error := self._intend(step):
                    unable[step.pk] = error
                step.state = StepState.RUNNING
                step.attempts += 1
                step.started = step.started or timezone.now()
                step.finished = None
                self.touched[step.pk], step.touched = step.touched, True
                step.save(update_fields=["state", "attempts", "started", "finished", "touched"])
                events.record(self.operation, "step", {"state": step.state, "attempts": step.attempts}, step)
        waiting_for = {step.pk: step for step in stage}
        for step in stage:
            step.report = self._reporter(step)  # type: ignore[assignment,method-assign]
            if step.pk in unable:
                self.inbox.put(("answer", step, unable[step.pk]))
            else:
                self._submit(step)
        deadline = timezone.now() + timedelta(seconds=PATIENCE)
        while waiting_for:
            try:
                kind, step, payload = self.inbox.get(timeout=LEASE.total_seconds() / 4)
            except queue.Empty:
                self.lease.renew()
                if timezone.now() > deadline:
                    for step in waiting_for.values():
                        self._settle(step, AnswerLost(step.host, "no answer for too long"))
                    return
                continue
            if kind == "progress":
                with transaction.atomic():
                    self.lease.renew()
                    events.record(self.operation, "progress", payload, step)
            else:
                waiting_for.pop(step.pk)
                self._settle(step, payload)

    def _intend(self, step: Step) -> Exception | None:
        """Let the step's action write its intent; why it could not, with nothing written."""
        action = action_for(step.action)
        try:
            with transaction.atomic():
                action.intend_undo(step) if self.operation.undoing else action.intend(step)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            return error
        return None

    def _submit(self, step: Step) -> None:
        action = action_for(step.action)
        try:
            future = action.submit_undo(step) if self.operation.undoing else action.submit(step)
        except Exception as error:
            self.inbox.put(("answer", step, error))
            return

        def arrived(future: "Future[dict[str, Any]]") -> None:
            self.inbox.put(("answer", step, future.exception() or future.result()))

        future.add_done_callback(arrived)

    def _reporter(self, step: Step) -> Callable[[dict[str, Any]], None]:
        last = 0.0

        def report(data: dict[str, Any]) -> None:
            nonlocal last
            now = timezone.now().timestamp()
            if now - last >= PROGRESS_EVERY:
                last = now
                self.inbox.put(("progress", step, data))

        return report

    def _settle(self, step: Step, answer: dict[str, Any] | BaseException) -> None:
        """Record how a step ended, in one transaction with what its action makes of the answer."""
        action = action_for(step.action)
        if not isinstance(answer, BaseException):
            try:
                self._confirm(step, action, answer)
                return
            except LeaseLost:
                raise
            except Exception as error:  # the host may have done it, but we could not store it
                answer = error
        if isinstance(answer, (OperationalError, InterfaceError)):
            # PostgreSQL was restarted under us, or chose us to end a deadlock: the step is no worse for it.
            log.warning("database away", operation=self.operation.pk, step=step.action, error=str(answer))
            answer = NotNow("database_away", {}, str(answer))
        trouble = self._trouble(step, answer)
        if isinstance(answer, PassedOver):
            self._pass_over(step, trouble)
            return
        with transaction.atomic():
            self.lease.renew()
            not_now = isinstance(answer, NotNow)
            step.state = StepState.WAITING if not_now else StepState.FAILED
            step.trouble = redact(trouble)
            if isinstance(answer, HostAway):
                step.touched = self.touched[step.pk]  # this try has sent nothing
            step.finished = None if not_now else timezone.now()
            step.save(update_fields=["state", "trouble", "touched", "finished"])
            events.record(self.operation, "step", {"state": step.state, "trouble": step.trouble}, step)

    def _pass_over(self, step: Step, trouble: dict[str, Any]) -> None:
        """As if staff had skipped it; its trouble stays to be read."""
        with transaction.atomic():
            self.lease.renew()
            step.state = StepState.SKIPPED
            step.trouble = redact(trouble)
            step.touched = step.touched and not self.operation.undoing  # else it would be taken back once more
            step.finished = timezone.now()
            step.save(update_fields=["state", "trouble", "touched", "finished"])
            action_for(step.action).on_skip(step)
            events.record(self.operation, "step", {"state": step.state, "trouble": step.trouble}, step)

    def _confirm(self, step: Step, action: Action, answer: dict[str, Any]) -> None:
        with transaction.atomic():
            self.lease.renew()
            if self.operation.undoing:
                action.confirm_undo(step, answer)
                step.state = StepState.UNDONE
            else:
                action.confirm(step, answer)
                step.state = StepState.SUCCEEDED
            step.trouble = {}
            step.answer = redact(answer)
            step.finished = timezone.now()
            step.save(update_fields=["state", "trouble", "answer", "finished"])
            events.record(self.operation, "step", {"state": step.state}, step)

    def _trouble(self, step: Step, error: BaseException) -> dict[str, Any]:
        if isinstance(error, StepError):
            return error.as_trouble()
        log.error("step raised", operation=self.operation.pk, step=step.action, exc_info=error)
        return {"code": "internal", "params": {}, "output": f"{type(error).__name__}: {error}"}

    # --- ends --------------------------------------------------------------------------------------------------

    def _wait(self, waiting: list[Step]) -> None:
        with transaction.atomic():
            trouble = waiting[0].trouble
            self.lease.release(
                state=OperationState.WAITING,
                wake_at=timezone.now() + back_off(max(step.attempts for step in waiting)),
            )
            self.operation.refresh_from_db()
            events.record(self.operation, "operation", {"state": OperationState.WAITING, "trouble": trouble})

    def _fail(self, step: Step) -> bool:
        """False when the operation has ended with that: it is too far to be taken back."""
        with transaction.atomic():
            self.lease.renew()
            Operation.objects.filter(pk=self.operation.pk).update(error=step.trouble)
        if not self.plan.may_turn_back(self.operation):
            self._end(OperationState.FAILED)
            return False
        self._take_back(OperationState.FAILED)
        return True

    def _take_back(self, outcome: OperationState) -> None:
        """From now on steps are undone (none are, if the plan does not undo); then it ends as ``outcome``."""
        with transaction.atomic():
            self.lease.renew()
            Operation.objects.filter(pk=self.operation.pk).update(undoing=True, outcome=outcome)
            self.operation.refresh_from_db()
            events.record(self.operation, "operation", {"state": self.operation.state, "undoing": True})

    def _finish(self) -> None:
        self._end(OperationState(self.operation.outcome) if self.operation.undoing else OperationState.SUCCEEDED)

    def _end(self, state: OperationState) -> None:
        hook = {
            OperationState.SUCCEEDED: self.plan.on_success,
            OperationState.FAILED: self.plan.on_failure,
            OperationState.CANCELLED: self.plan.on_cancel,
        }[state]
        with transaction.atomic():
            self.lease.release(state=state, finished=timezone.now())
            self.operation.refresh_from_db()
            hook(self.operation)
            events.record(self.operation, "operation", {"state": state, "trouble": self.operation.error})
            services.wake_followers(self.operation)


def drain(limit: int = 100) -> None:
    """Run every operation that can run now, here, until none can. For commands and tests; workers use the queue."""
    from .recovery import due

    for _turn in range(limit):
        ids = list(due().values_list("pk", flat=True))
        if not ids:
            return
        for pk in ids:
            run(pk)
