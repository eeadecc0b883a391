"""Pages of a site's logs, with answers of hosts made up here (real ones: tests/hosting/test_lab_applications.py)."""

import base64
import gzip
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from controlpanel.fleet import channel
from controlpanel.operations.errors import HostAway, Refused
from hosting.models import HostingOrder, Site
from members.models import Login
from tests.factories import SiteFactory

from .conftest import BrowserOf


class Host:
    """Answers calls as a host would."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.lines = ["GET / 200", "<script>alert(1)</script>"]
        self.parts: dict[str, bytes] = {}
        self.error: Exception | None = None

    def call(self, _host: Any, name: str, args: dict[str, Any], **_options: Any) -> "Future[dict[str, Any]]":
        self.calls.append((name, args))
        future: Future[dict[str, Any]] = Future()
        if self.error is not None:
            future.set_exception(self.error)
        else:
            future.set_result(getattr(self, name.partition(".")[2])(args))
        return future

    def log_tail(self, args: dict[str, Any]) -> dict[str, Any]:
        return {"lines": self.lines, "cursor": "5-100", "size": 100, "skipped": False}

    def log_days(self, args: dict[str, Any]) -> dict[str, Any]:
        return {"days": [{"log": args.get("log", "access"), "day": "2026-11-22", "bytes": 2048}]}

    def log_read(self, args: dict[str, Any]) -> dict[str, Any]:
        data = self.parts.get(args["part"], b"")
        piece = data[args["offset"] : args["offset"] + 7]
        return {"data": base64.b64encode(piece).decode(), "size": len(data)}


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(channel, "call", host.call)
    return host


@pytest.fixture
def site(order: HostingOrder) -> Site:
    return SiteFactory(order=order, domain="shop.example.org", kind="php", placed=True)


def test_lines_are_shown_escaped_and_go_on_by_themselves(browser: Client, site: Site, host: Host) -> None:
    page = browser.get(f"/sites/{site.pk}/logs/?log=access").content.decode()
    assert "GET / 200" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "after=5-100" in page
    assert "2026-11-22" in page


def test_the_next_lines_are_asked_from_where_the_last_ended(browser: Client, site: Site, host: Host) -> None:
    part = browser.get(f"/sites/{site.pk}/logs/lines/?log=php&after=5-100&find=a%26b&asked=3").content.decode()
    assert host.calls[-1][1]["after"] == "5-100"
    assert host.calls[-1][1]["find"] == "a&b"
    assert "find=a%26b" in part
    assert "asked=4" in part
    assert 'hx-swap-oob="beforeend"' in part


def test_a_forgotten_page_stops_asking(browser: Client, site: Site, host: Host) -> None:
    assert "hx-get" not in browser.get(f"/sites/{site.pk}/logs/lines/?after=5-100&asked=900").content.decode()


def test_a_host_that_is_away_is_told_and_asked_again(browser: Client, site: Site, host: Host) -> None:
    host.error = HostAway("web1")
    assert "does not answer" in browser.get(f"/sites/{site.pk}/logs/").content.decode()
    part = browser.get(f"/sites/{site.pk}/logs/lines/?after=5-100").content.decode()
    assert "does not answer" in part
    assert "after=5-100" in part


def test_a_log_that_was_replaced_is_told(browser: Client, site: Site, host: Host) -> None:
    host.error = Refused("log_replaced")
    assert "Something else is where this log should be" in browser.get(f"/sites/{site.pk}/logs/").content.decode()


@pytest.mark.parametrize("query", ["log=../../etc/passwd", "log=", "log=host"])
def test_only_logs_that_there_are(browser: Client, site: Site, host: Host, query: str) -> None:
    assert browser.get(f"/sites/{site.pk}/logs/?{query}").status_code == 404
    assert host.calls == []


def test_a_static_site_has_no_log_of_php(browser: Client, order: HostingOrder, host: Host) -> None:
    site = SiteFactory(order=order, kind="static", placed=True)
    assert browser.get(f"/sites/{site.pk}/logs/?log=php").status_code == 404
    assert browser.get(f"/sites/{site.pk}/logs/?log=access").status_code == 200


@pytest.mark.parametrize("path", ["logs/", "logs/lines/", "logs/download/?log=access&day=2026-11-22"])
def test_another_members_logs_are_not_there(
    browser_of: BrowserOf, stranger: Login, site: Site, host: Host, path: str
) -> None:
    assert browser_of(stranger).get(f"/sites/{site.pk}/{path}").status_code == 404
    assert Client().get(f"/sites/{site.pk}/{path}").status_code == 302
    assert host.calls == []


def test_a_day_is_sent_as_text_from_all_its_parts(browser: Client, site: Site, host: Host) -> None:
    today = datetime.now(UTC).date().isoformat()
    host.parts = {
        "volume": gzip.compress(b"one\n") + gzip.compress(b"two \x1b[31m\n"),
        "host": gzip.compress(b"three\n"),
        "live": b"four\n",
    }
    answer = browser.get(f"/sites/{site.pk}/logs/download/?log=access&day={today}")
    assert _content(answer) == b"one\ntwo ?[31m\nthree\nfour\n"
    assert answer["Content-Disposition"] == f'attachment; filename="site{site.pk}-access-{today}.log"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert _content(browser.get(f"/sites/{site.pk}/logs/download/?day=2026-11-01")).endswith(b"three\n")


def test_an_archive_that_is_none_ends_the_download(browser: Client, site: Site, host: Host) -> None:
    host.parts = {"volume": b"\x1f\x8b garbage that its owner put there"}
    answer = browser.get(f"/sites/{site.pk}/logs/download/?log=access&day=2026-11-22")
    assert b"could not be read" in _content(answer)


@pytest.mark.parametrize("day", ["", "today", "2026-11-22/../x", "../../x"])
def test_a_day_is_a_date(browser: Client, site: Site, host: Host, day: str) -> None:
    assert browser.get(f"/sites/{site.pk}/logs/download/", {"log": "access", "day": day}).status_code == 404


def _content(answer: Any) -> bytes:
    async def read() -> bytes:
        return b"".join([piece async for piece in answer])

    return async_to_sync(read)()
