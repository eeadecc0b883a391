"""The panel's line to the agents: one long-lived SSH channel per host and process, typed JSON lines over it."""

import json
import os
import threading
import time
from concurrent.futures import Future
from typing import Any

import structlog

from .connection import Target
from .line import Back, Check, Contact, Line, Pending, Progress
from .models import Host

__all__ = ["Check", "Contact", "Progress", "call", "close_all", "contacts", "when_back"]

_lines: dict[str, Line] = {}
_listeners: list[Back] = []
_lock = threading.Lock()
#: Lines of the process that we were forked from. They are kept, because paramiko's objects say goodbye on the wire
#: when they are collected, and that wire is our parent's.
_inherited: list[Line] = []


def call(
    host: Host | str,
    name: str,
    args: dict[str, Any] | None = None,
    *,
    timeout: float = 60.0,
    progress: Progress | None = None,
    check: Check | None = None,
    quick: bool = False,
) -> "Future[dict[str, Any]]":
    """Hand a call to the host's channel and return at once.

    The future resolves to the answer, or raises ``HostAway`` (nothing was sent), ``AnswerLost`` (sent, no answer: it
    may have been done), or ``Refused`` (code, params and output are the agent's). It is always resolved within about
    ``timeout`` seconds. ``progress`` and ``check`` run in the channel's thread and must not use the database; what
    ``check`` returns is the result, what it raises is the future's exception.

    A ``quick`` call does not wait for a host that was away when it was last tried: it gets HostAway at once, and the
    host is tried behind it. Callers that come again anyway thus never keep a worker from others' work.

    Raises ``Host.DoesNotExist`` for the name of a host that is not enrolled, TypeError for args that are not JSON.
    """
    if isinstance(host, str):
        host = Host.objects.get(name=host)
    parts = [b'"args":' + json.dumps(args or {}, separators=(",", ":")).encode()]
    if ids := _ids():
        parts.append(b'"for":' + json.dumps(ids).encode())
    body = b",".join(parts) + b"}\n"
    pending = Pending(name, body, time.monotonic() + timeout, progress, check, quick)
    target = Target(host.name, str(host.address), host.port, host.host_key, tuple(host.roles))
    with _lock:
        line = _lines.get(target.name)
        if line is None or line.target != target:
            if line is not None:  # it moved, or was enrolled again with another key
                line.stop()
            line = _lines[target.name] = Line(target, _tell_back)
        line.put(pending)
    return pending.future


def _ids() -> dict[str, Any]:
    """Of the operation and the request that this is done for: the host writes them into its journal."""
    bound = structlog.contextvars.get_contextvars()
    return {name: bound[name] for name in ("operation", "request") if name in bound}


def when_back(listener: Back) -> Back:
    """Decorator: call the function with a host's name when it answers again after it was away. It gets a thread of its
    own, so it may use the database (and must close its connection to it)."""
    _listeners.append(listener)
    return listener


def _tell_back(name: str) -> None:
    for listener in _listeners:
        listener(name)


def contacts() -> dict[str, Contact]:
    """What this process last knew of the hosts that it spoke to, by name."""
    with _lock:
        lines = list(_lines.values())
    return {line.target.name: line.contact for line in lines if line.contact is not None}


def close(name: str) -> None:
    """Close the channel to one host, once what is under way has been answered; the next call opens another."""
    with _lock:
        line = _lines.pop(name, None)
    if line is not None:
        line.stop()


def close_all() -> None:
    """Close every channel of this process (its agents end when they have finished what they are doing)."""
    with _lock:
        names = list(_lines)
    for name in names:
        close(name)


def _forget_after_fork() -> None:
    global _lock, _lines
    _lock = threading.Lock()
    _inherited.extend(_lines.values())
    for line in _lines.values():
        line.abandon()
    _lines = {}


os.register_at_fork(after_in_child=_forget_after_fork)
