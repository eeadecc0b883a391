"""Events: rows first, messages second, so that nothing a watcher should see is only in memory."""

import asyncio
import os
import threading
from typing import Any

import structlog
from channels.layers import get_channel_layer
from django.db import transaction
from django.db.models import F

from .choices import FINISHED
from .errors import explain
from .models import Event, Operation, Step
from .redaction import redact
from .signals import operation_finished

log = structlog.get_logger()


def group_name(operation_id: int) -> str:
    """Channel layer group of an operation's watchers."""
    return f"operation.{operation_id}"


def record(operation: Operation, kind: str, data: dict[str, Any], step: Step | None = None) -> None:
    """Add an event in the caller's transaction, and tell the watchers once that has committed.

    The UPDATE of ``last_seq`` locks the operation's row, so numbers have no gap and no double.
    """
    Operation.objects.filter(pk=operation.pk).update(last_seq=F("last_seq") + 1)
    operation.refresh_from_db(fields=["last_seq"])
    Event.objects.create(operation=operation, seq=operation.last_seq, step=step, kind=kind, data=redact(data))
    transaction.on_commit(lambda: announce(operation.pk))
    if kind == "operation" and data.get("state") in FINISHED:
        operation_finished.send(sender=Operation, operation=operation)


def render(event: Event, *, staff: bool) -> dict[str, Any]:
    """An event as its reader gets it, in the active language; raw output goes to staff only."""
    data = dict(event.data)
    trouble = data.pop("trouble", {})
    payload: dict[str, Any] = {
        "seq": event.seq,
        "kind": event.kind,
        "time": event.time.isoformat(),
        "step": event.step.position if event.step else None,
        "operation": {
            "state": event.operation.state,
            "state_label": event.operation.get_state_display(),
            "finished": event.operation.is_finished,
        },
        "data": {**data, "detail": explain(trouble)} if event.kind != "progress" or staff else {},
    }
    if event.kind == "operation":
        payload["data"]["state_label"] = _label(Operation, data.get("state", ""))
    if event.kind == "step" and event.step:
        payload["data"]["state_label"] = _label(Step, data.get("state", ""))
        payload["data"]["title"] = event.step.title
        if staff:
            payload["data"]["host"] = event.step.host
            payload["data"]["output"] = trouble.get("output", "")
        else:
            payload["data"].pop("answer", None)
    return payload


def _label(model: type[Operation] | type[Step], state: str) -> str:
    choices = dict(model._meta.get_field("state").flatchoices)
    return str(choices.get(state, state))


class _Announcer:
    """One event loop in one thread a process: channel layers are async and dislike a new loop for each message."""

    def __init__(self) -> None:
        self._pid = 0
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def send(self, group: str, message: dict[str, Any]) -> None:
        layer = get_channel_layer()
        if layer is None:
            return
        with self._lock:
            if self._loop is None or self._pid != os.getpid():  # a forked worker needs a thread of its own
                self._pid = os.getpid()
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="announcer", daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._send(layer, group, message), self._loop)

    async def _send(self, layer: Any, group: str, message: dict[str, Any]) -> None:
        try:
            await asyncio.wait_for(layer.group_send(group, message), timeout=5)
        except Exception as error:  # watchers poll the rows when messages do not come: never fail the work for it
            log.warning("announcement lost", group=group, error=repr(error))


_announcer = _Announcer()


def announce(operation_id: int) -> None:
    """Tell the watchers of an operation that it has new events. Never blocks and never raises."""
    _announcer.send(group_name(operation_id), {"type": "operation.changed", "id": operation_id})
