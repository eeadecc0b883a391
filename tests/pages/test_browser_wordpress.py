"""A member orders a WordPress in Chromium, writes the password down, and logs in with it, through an edge."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.panel import Panel, fresh_name

from .test_browser import FLAGS, PATIENCE, RESULTS, Person

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium(panel: Panel) -> Iterator[Browser]:
    """One for which every name of the tests is at the first edge."""
    expect.set_options(timeout=PATIENCE)
    flags = [*FLAGS, f"--host-resolver-rules=MAP *.test {panel.edges[0]}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        yield browser
        browser.close()


def test_from_the_order_to_the_dashboard(chromium: Browser, panel: Panel) -> None:
    name = fresh_name("diary")
    member = Person(chromium, panel, ignore_https_errors=True).log_in(panel.members[0])
    page = member.page
    page.get_by_role("link", name="New site").first.click()
    page.locator("#id_domains").fill(name)
    expect(page.locator("#id_title")).to_be_hidden()
    page.locator("label.choice", has_text="WordPress").click()
    page.locator("#id_title").fill("Our diary")
    page.locator("main button[type=submit]").click()
    username, password = page.locator("#username").inner_text(), page.locator("#password").inner_text()
    RESULTS.mkdir(exist_ok=True)
    page.screenshot(path=RESULTS / "wordpress-password.png", mask=[page.locator("#password")])
    page.get_by_role("link", name="I have it").click()
    expect(page.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=2 * PATIENCE)
    assert not member.complaints

    page.goto(f"https://{name}/wp-login.php")
    page.locator("#user_login").fill(username)
    page.locator("#user_pass").fill(password)
    page.locator("#wp-submit").click()
    expect(page.locator("#wpadminbar")).to_contain_text("Our diary")
    page.screenshot(path=RESULTS / "wordpress.png")


def test_a_log_goes_on_while_it_is_looked_at(chromium: Browser, panel: Panel) -> None:
    site = panel.member.create_site(fresh_name("watched"), kind="static")
    name = site["domains"][0]
    member = Person(chromium, panel).log_in(panel.members[0])
    page = member.page
    page.goto(f"/sites/{site['id']}/logs/?log=access")
    panel.fetch(panel.edges[0], name, "/seen-live?<b>bold</b>")
    expect(page.locator("#log-lines")).to_contain_text("/seen-live")
    assert page.locator("#log-lines b").count() == 0
    page.screenshot(path=RESULTS / "log.png")
    assert not member.complaints
