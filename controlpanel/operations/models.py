"""The ledger: every change to a host is an operation made of steps, watched through its events."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.urls import reverse
from django.utils import timezone

from controlpanel.encryption import EncryptedTextField

from .choices import FINISHED, UNFINISHED, OperationState, StepState


class Operation(models.Model):
    """One change, from the click until every host has confirmed it.

    States::

        queued ──▶ running ──▶ succeeded
          ▲  ▲        │  ├────▶ failed      (its steps undone where the plan says so)
          │  │        │  └────▶ cancelled   (its steps undone)
          │  │        ▼
          │  └───── waiting   (a host is away; ``wake_at`` says when it is tried again)
          └──────── failed    (retry)

    A worker may touch an operation only while it holds its lease: ``lease_holder`` set and ``lease_expires`` ahead.
    Every transition is one conditional UPDATE that checks that (``runner.py``).
    """

    kind = models.CharField(max_length=64)
    #: What the plan is a function of, besides the database: ids and names, never a secret.
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=OperationState, default=OperationState.QUEUED)
    #: Who may see it: "member:3", "order:5". Staff see all.
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    #: Who of the staff asked for it in that login's name, for support.
    impersonated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    requested_from = models.GenericIPAddressField(null=True)
    #: Chosen by the client: the same key from the same login is the same operation (double click, retried POST).
    idempotency_key = models.CharField(max_length=80, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    #: Steps are being taken back; ``outcome`` is the state that the operation ends in then.
    undoing = models.BooleanField(default=False)
    outcome = models.CharField(max_length=10, choices=OperationState, blank=True)
    cancel_requested = models.BooleanField(default=False)
    lease_holder = models.CharField(max_length=80, blank=True)
    lease_expires = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True)
    #: Number of the newest event, raised by each (``events.record``).
    last_seq = models.PositiveIntegerField(default=0)
    #: Why it failed: ``{"code", "params"}`` of errors.py, rendered for the reader.
    error = models.JSONField(default=dict)

    class Meta:
        ordering = ("-id",)
        indexes = [
            GinIndex(fields=["scopes"], name="operation_scopes"),
            models.Index(fields=["state"], name="operation_unfinished", condition=models.Q(state__in=UNFINISHED)),
            models.Index(fields=["created"], name="operation_failed", condition=models.Q(state=OperationState.FAILED)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["requested_by", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="operation_once_per_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("operations:detail", args=[self.pk])

    @property
    def is_finished(self) -> bool:
        return self.state in FINISHED

    @property
    def title(self) -> str:
        """What it does, in the reader's language."""
        from .registry import plan_for

        return plan_for(self.kind).describe(self.params)


class Step(models.Model):
    """One idempotent piece of an operation: one call to one host, or one write to the directory.

    Steps of the same ``stage`` run in parallel; a stage starts when all steps of the stages before it have ended well.
    """

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="steps")
    stage = models.PositiveSmallIntegerField()
    position = models.PositiveSmallIntegerField()
    action = models.CharField(max_length=64)
    #: Name of the host that it speaks to; empty when it speaks to none.
    host = models.CharField(max_length=63, blank=True)
    args = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=StepState, default=StepState.PLANNED)
    attempts = models.PositiveIntegerField(default=0)
    #: Something may have reached the host, so an undo must visit it.
    touched = models.BooleanField(default=False)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    #: The last trouble: ``{"code", "params"}`` of errors.py; empty when there is none.
    trouble = models.JSONField(default=dict)
    #: What the host answered, secrets taken out (``redaction.py``); for staff.
    answer = models.JSONField(default=dict)

    class Meta:
        ordering = ("operation", "position")
        constraints = [models.UniqueConstraint(fields=["operation", "position"], name="step_position")]

    def __str__(self) -> str:
        return f"{self.operation_id}.{self.position} {self.action}"

    @staticmethod
    def report(data: dict[str, Any]) -> None:
        """Pass on a host's progress line. The runner puts its own here while the step runs."""

    @property
    def title(self) -> str:
        """What it does, in the reader's language."""
        from .registry import action_for

        return action_for(self.action).describe({**self.args, "host": self.host})

    @property
    def detail(self) -> str:
        """The last trouble, in the reader's language."""
        from .errors import explain

        return explain(self.trouble)


class Event(models.Model):
    """Something for a watcher to see. Rows first, messages second: who reconnects replays from its last ``seq``."""

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    time = models.DateTimeField(auto_now_add=True)
    step = models.ForeignKey(Step, null=True, on_delete=models.CASCADE, related_name="events")
    #: "operation" (its state changed), "step" (its state changed), "progress" (a host says how far it is).
    kind = models.CharField(max_length=12)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ("operation", "seq")
        constraints = [models.UniqueConstraint(fields=["operation", "seq"], name="event_seq")]

    def __str__(self) -> str:
        return f"{self.operation_id}/{self.seq} {self.kind}"


class Reservation(models.Model):
    """An operation's hold on a resource ("site:7", "host:web1") until it ends.

    Of two unfinished operations that reserve the same resource, at least one exclusively, the one with the higher id
    waits. ``services.start`` takes an advisory lock a resource, so that ids and commits have the same order.
    """

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="reservations")
    resource = models.CharField(max_length=80)
    exclusive = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["operation", "resource"], name="reservation_once")]
        indexes = [models.Index(fields=["resource"], name="reservation_resource")]

    def __str__(self) -> str:
        return f"{self.resource} by {self.operation_id}"


class Answer(models.Model):
    """What a write with an Idempotency-Key was answered with: the same request again is answered the same, and not done
    again (``api/repeats.py``)."""

    login = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=80)
    #: Of method, path and body: another request with this key is an error.
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    location = models.CharField(max_length=500, blank=True)
    #: JSON, passwords and tokens taken out; empty when there was no body.
    body = EncryptedTextField(blank=True)
    created = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["login", "key"], name="answer_once_per_key")]

    def __str__(self) -> str:
        return f"{self.status} to {self.key}"


class Duty(models.Model):
    """When a duty that comes round by the clock is due next (``recovery.every``)."""

    name = models.CharField(max_length=120, primary_key=True)
    due = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "duties"

    def __str__(self) -> str:
        return self.name


def as_json(value: Any) -> Any:
    """What JSONField will give back for ``value``: tuples become lists, lazy texts become str."""
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)
