"""The API's own pages in Chromium: what is there can be read, and tried as who is logged in."""

from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from tests import factories as make
from tests.pages.test_browser import FLAGS
from tests.pages.test_browser_every_page import PICTURES, session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def session(live_server: Any, settings: Any) -> str:
    """Of somebody with an order; made before there is a browser, whose event loop keeps Django's rows away."""
    settings.ALLOWED_HOSTS = ["*"]
    login = make.MemberAdminFactory()
    make.HostingOrderFactory(member=login.member, name="Libreria")
    return session_of(login)


def test_a_member_reads_what_there_is_and_tries_it(live_server: Any, session: str, settings: Any) -> None:
    broken: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        context = chromium.new_context(base_url=live_server.url)
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.on("console", lambda m: broken.append(m.text) if m.type == "error" else None)

        page.goto("/api/v1/docs/")
        expect(page.locator(".opblock").first).to_be_visible(timeout=60_000)
        assert page.locator(".opblock").count() > 100
        orders = page.locator(".opblock-get", has=page.locator('[data-path="/api/v1/orders/"]'))
        orders.locator(".opblock-summary").click()
        orders.get_by_role("button", name="Try it out").click()
        orders.get_by_role("button", name="Execute").click()
        expect(orders.locator(".live-responses-table")).to_contain_text("Libreria", timeout=60_000)
        PICTURES.joinpath("member").mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / "member" / "api-docs.png")
        chromium.close()
    assert not broken
