"""System calls on a network volume, with a time limit: they hang while its server does not answer."""

from __future__ import annotations

import threading
from typing import Any, Callable, Dict, List, TypeVar

from ..errors import AgentError, Failed

Result = TypeVar("Result")
Key = TypeVar("Key")


class NoAnswer(Failed):
    """The volume did not answer in time. What was asked may still happen."""

    code = "storage_away"


def each(things: "List[Key]", work: Callable[[Key], Any], seconds: float, at_once: int = 16) -> Dict[Key, Any]:
    """Do it with each, several at a time; by thing its result, or the AgentError that it raised.

    A call that hangs keeps its thread (a daemon: it ends with the process) and counts as NoAnswer.
    """
    results: Dict[Key, Any] = {}
    for start in range(0, len(things), at_once):
        part = things[start : start + at_once]
        threads = [threading.Thread(target=_one, args=(thing, work, results), daemon=True) for thing in part]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds)
    return {thing: results.get(thing, NoAnswer(f"no answer within {seconds:g} s")) for thing in things}


def _one(thing: Any, work: Callable[[Any], Any], results: Dict[Any, Any]) -> None:
    try:
        results[thing] = work(thing)
    except AgentError as error:
        results[thing] = error
    except OSError as error:
        results[thing] = Failed(f"{error.strerror}")
    except Exception as error:
        results[thing] = Failed(f"{type(error).__name__}: {error}")
