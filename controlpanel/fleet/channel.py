"""The panel's line to the agents: one long-lived SSH channel per host and process, typed JSON lines over it."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from .models import Host

Progress = Callable[[dict[str, Any]], None]
Check = Callable[[dict[str, Any]], dict[str, Any]]


def call(
    host: Host | str,
    name: str,
    args: dict[str, Any] | None = None,
    *,
    timeout: float = 60.0,
    progress: Progress | None = None,
    check: Check | None = None,
) -> "Future[dict[str, Any]]":
    """Hand a call to the host's channel and return at once.

    The future resolves to the answer, or raises ``HostAway`` (nothing was sent), ``AnswerLost`` (sent, no answer: it
    may have been done), or ``Refused`` (code, params and output are the agent's). It is always resolved within about
    ``timeout`` seconds. ``progress`` and ``check`` run in the channel's thread and must not use the database; what
    ``check`` returns is the result, what it raises is the future's exception.
    """
    raise NotImplementedError


def close_all() -> None:
    """Close every channel of this process (its agents end when they have finished what they are doing)."""
    raise NotImplementedError
