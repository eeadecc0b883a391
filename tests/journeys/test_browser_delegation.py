"""An organization's administrator gives a colleague one order, and later asks: who changed this?"""

import uuid

import pytest
from playwright.sync_api import expect

from tests.panel import Panel, fresh_name

from .people import OpenWindow, chromium, seen, window  # noqa: F401  # fixtures

pytestmark = pytest.mark.browser

PASSWORD = "three unrelated words here"


def test_an_order_is_delegated_and_a_change_is_traced(window: OpenWindow, panel: Panel) -> None:  # noqa: F811
    boss, colleague = panel.members[1], f"luz{uuid.uuid4().hex[:8]}"
    api = panel.api(boss)
    member, order = (api.get(path)["results"][0] for path in ("members/", "orders/"))
    site = api.create_site(fresh_name("office"), kind="php")
    made = api.post("logins/", {"username": colleague, "member": member["id"], "password": PASSWORD})
    api.wait(made)

    admin = window().log_in(boss)
    admin.page.goto(f"/members/{member['id']}/people/{made['login']['id']}/")
    admin.page.get_by_label("Chosen orders", exact=True).check()
    admin.page.get_by_label(order["name"], exact=True).check()
    seen(admin, "delegation-1-access")
    admin.page.get_by_role("button", name="Save").click()
    expect(admin.page.locator(".messages")).to_contain_text("Saved")

    luz = window().log_in({"username": colleague, "password": PASSWORD})
    added = fresh_name("second")
    luz.page.goto(f"/sites/{site['id']}/edit/")
    luz.page.locator("#id_domains").fill("\n".join([*site["domains"], added]))
    luz.page.locator("main button[type=submit]").click()
    luz.wait_for_success()
    seen(luz, "delegation-2-change")

    admin.page.goto(f"/sites/{site['id']}/")
    admin.page.get_by_role("link", name="Who changed what").click()
    entry = admin.page.locator(".history__deed", has_text=added).first
    expect(entry).to_contain_text(colleague)
    seen(admin, "delegation-3-who-changed-this")
