"""Comparisons that go on after the call that began them: of what a copy was when it had caught up."""

from __future__ import annotations

import threading
from typing import Any, Callable, Dict

from . import holding, marks

_INCOMPLETE: Dict[str, Any] = {"complete": False, "structure": "", "tables": {}}


def begin(name: str, compare: Callable[[], Dict[str, Any]], before: Callable[[], None]) -> None:
    """Do ``before`` and then compare, in a thread; the result is kept for ``wait``."""
    marks.drop_result(name)
    ready = threading.Event()

    def work() -> None:
        with holding.held(name, patience=5, what="compare"):
            ready.set()
            try:
                before()
            finally:
                marks.save_result(name, compare())

    threading.Thread(target=work, name=f"compare-{name}", daemon=True).start()
    ready.wait(5)


def wait(name: str, patience: float) -> Dict[str, Any]:
    """The result, once the comparison has ended; an incomplete one when whoever made it is gone."""
    with holding.held(name, patience, what="compare"):
        return marks.read_result(name) or _INCOMPLETE
