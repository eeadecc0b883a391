"""Structured logs: one line an event, with the request or operation it belongs to, and no secret."""

import sys
from collections.abc import Callable, MutableMapping
from typing import Any
from uuid import uuid4

import structlog
from django.http import HttpRequest, HttpResponse

from controlpanel.operations.redaction import redact


def without_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """structlog processor: mask secrets by key and by shape."""
    return redact(dict(event))


def configure(*, json: bool) -> None:
    """Set structlog up for this process; JSON lines for machines, else plain text for people."""
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            without_secrets,
            renderer,
        ],
        # stdout belongs to what commands answer (`drift --json`).
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


class RequestLogMiddleware:
    """Gives every request an id (kept from a proxy in front, if well-formed), binds it to its log lines, answers it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if given.isalnum() and len(given) <= 64 else uuid4().hex
        with structlog.contextvars.bound_contextvars(request=request_id):
            response = self.get_response(request)
            if response.status_code >= 500:
                # The path without its query string: a query may hold what should not be kept.
                structlog.get_logger().error("request failed", path=request.path, status=response.status_code)
        response["X-Request-ID"] = request_id
        return response
