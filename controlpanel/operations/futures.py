"""The futures of ``Action.submit``: known at once, from a thread, or another's with its trouble told in other words."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from django.db import connection


def answered(answer: dict[str, Any]) -> "Future[dict[str, Any]]":
    """Of a step that has nothing to wait for."""
    future: Future[dict[str, Any]] = Future()
    future.set_result(answer)
    return future


def in_thread(work: Callable[[], dict[str, Any]], name: str) -> "Future[dict[str, Any]]":
    """Of work in a thread of its own, called ``name``. What it raises is the future's exception."""
    future: Future[dict[str, Any]] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)
        finally:
            connection.close()  # this thread's own, if the work used one

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


def with_trouble(
    future: "Future[dict[str, Any]]", told: Callable[[BaseException], BaseException]
) -> "Future[dict[str, Any]]":
    """The same answer; instead of an exception what ``told`` makes of it. It runs in the thread that brings the
    exception, and must not use the database."""
    outer: Future[dict[str, Any]] = Future()

    def arrived(inner: "Future[dict[str, Any]]") -> None:
        error = inner.exception()
        if error is None:
            outer.set_result(inner.result())
        else:
            outer.set_exception(told(error))

    future.add_done_callback(arrived)
    return outer
