"""Structured logs: one line an event, with the request or operation it belongs to, and no secret."""

import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any
from uuid import uuid4

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from controlpanel.operations.redaction import redact


def without_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """structlog processor: mask secrets by key and by shape."""
    return redact(dict(event))


#: What every line gets: the ids of the request and the operation that it belongs to, its level, its time.
COMMON: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    without_secrets,
]


def _renderer(json: bool) -> Any:
    return structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)


def formatter(*, json: bool) -> logging.Formatter:
    """For lines of libraries (and of ours) that use the standard library's logging: they look the same. LOGGING names
    it."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *COMMON],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(json)],
    )


def configure(*, json: bool) -> None:
    """Set structlog up for this process; JSON lines for machines, else plain text for people."""
    structlog.configure(
        processors=[*COMMON, _renderer(json)],
        # stdout belongs to what commands answer (`drift --json`).
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


#: Asked every few seconds by whoever watches: no line each.
QUIET = ("/healthz", "/readyz", "/metrics")


class RequestLogMiddleware:
    """Gives every request an id (kept from a proxy in front, if well-formed), binds it to its log lines, answers it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if given.isalnum() and len(given) <= 64 else uuid4().hex
        began = time.monotonic()
        with structlog.contextvars.bound_contextvars(request=request_id):
            response = self.get_response(request)
            if settings.LOG_JSON and request.path not in QUIET:
                took_ms = round((time.monotonic() - began) * 1000)
                about = {"method": request.method, "path": request.path, "status": response.status_code}
                structlog.get_logger().info("request", **about, took_ms=took_ms)
            if response.status_code >= 500:
                # The path without its query string: a query may hold what should not be kept.
                structlog.get_logger().error("request failed", path=request.path, status=response.status_code)
        response["X-Request-ID"] = request_id
        return response
