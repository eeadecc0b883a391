"""Log lines: whose request, whose operation, and no secret, whoever wrote them."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from controlpanel import logs
from controlpanel.agent import journal
from controlpanel.fleet import channel
from controlpanel.operations import runner
from controlpanel.operations.redaction import MASK
from tests import factories as make


@pytest.fixture
def lines(settings: Any) -> Iterator[io.StringIO]:
    """What is logged as JSON, by structlog and by the standard library."""
    settings.LOG_JSON = True
    stream = io.StringIO()
    before = structlog.get_config()
    structlog.configure(
        processors=[*logs.COMMON, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter(json=True))
    logging.getLogger("members").addHandler(handler)
    yield stream
    logging.getLogger("members").removeHandler(handler)
    structlog.configure(**before)


def parsed(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_line_of_a_request_has_its_id(lines: io.StringIO) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        structlog.get_logger().info("ours", token="cp_" + "x" * 43)
        logging.getLogger("members").warning("the library's: %s", "cp_" + "y" * 43)
        return HttpResponse()

    answer = logs.RequestLogMiddleware(view)(
        RequestFactory().get("/orders/?secret=1", headers={"X-Request-ID": "abc1"})
    )

    found = parsed(lines)
    assert [line["request"] for line in found] == ["abc1"] * 3
    assert answer["X-Request-ID"] == "abc1"
    assert found[0]["token"] == MASK and "yyyy" not in lines.getvalue()
    whole = found[2]
    assert (whole["event"], whole["method"], whole["path"], whole["status"]) == ("request", "GET", "/orders/", 200)
    assert "secret" not in lines.getvalue()
    assert all({"timestamp", "level"} <= line.keys() for line in found)


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\nb", "../x"])
def test_an_id_that_is_none_is_replaced(lines: io.StringIO, given: str) -> None:
    request = RequestFactory().get("/")
    request.META["HTTP_X_REQUEST_ID"] = given
    answer = logs.RequestLogMiddleware(lambda request: HttpResponse())(request)
    assert len(answer["X-Request-ID"]) == 32


@pytest.mark.django_db
def test_every_line_of_an_operation_has_its_id_and_every_call_to_a_host(
    lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = make.OperationFactory(state="queued")
    seen = []

    def go(self: Any) -> None:
        structlog.get_logger().info("at work")
        seen.append(channel._ids())

    monkeypatch.setattr(runner._Run, "go", go)
    runner.run(operation.pk)

    assert parsed(lines)[0]["operation"] == operation.pk
    assert seen == [{"operation": operation.pk}]
    assert channel._ids() == {}


def test_the_host_writes_down_whom_a_call_was_for(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(journal.syslog, "syslog", lambda level, line: written.append(line))

    journal.note({"call": "apply", "args": {"key": "secret"}, "for": {"operation": 7, "request": "abc1"}}, "ok", 0.0123)
    journal.note({"call": "ping"}, "ok", 0.001)
    for forged in ({"operation": "7\nroot: x"}, {"request": "a b"}, "x", None, {"operation": "x" * 65}):
        journal.note({"call": "apply", "for": forged}, "ok", 0.1)
    journal.note({"call": "apply\nx", "for": {"operation": 7}}, "ok", 0.1)

    assert written == ["call=apply operation=7 request=abc1 outcome=ok took_ms=12"]
