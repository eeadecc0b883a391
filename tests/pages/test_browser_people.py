"""Somebody is invited by mail, accepts on a phone in Spanish, sees one order, and logs in with a key from then on."""

import email
import email.policy
import os
import re
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.panel import ROOT, Panel, wait_until

from .test_browser import FLAGS, PATIENCE, PHONE, Person

pytestmark = pytest.mark.browser

MAIL = ROOT / "var" / os.environ.get("LAB_NAME", "lab") / "mail"
PASSWORD = "three unrelated words here"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


def letters_to(address: str) -> list[str]:
    """Texts of the messages to that address, oldest first."""
    texts = []
    for file in sorted(MAIL.glob("*"), key=lambda path: path.stat().st_mtime):
        message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        if message["To"] == address:
            texts.append(message.get_content())
    return texts


def link_to(address: str) -> str:
    text = wait_until(lambda: letters_to(address), 60, what=f"a message to {address}")[-1]
    found = re.search(r"https?://\S+\?key=[\w-]{43}", text)
    assert found, text
    return found[0]


def looked_at(person: Person, name: str) -> None:
    """A picture is kept, nothing sticks out at the side, and axe finds nothing."""
    person.shoot(name)
    assert not person.has_sideways_scroll(), name
    found = Axe().run(person.page)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"


def by_name(panel: Panel) -> Panel:
    """The same panel by a name: browsers use no keys with addresses that are numbers."""
    parts = urlsplit(panel.url)
    return Panel(f"http://localhost:{parts.port}/", panel.staff, panel.members, panel.edges, panel.hosts)


def enter(page: Page, username: str) -> None:
    page.goto("/login/")
    page.locator("#id_username").fill(username)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("main button[type=submit]").click()


def test_from_the_invitation_to_a_login_with_a_key(chromium: Browser, panel: Panel) -> None:
    address, username = f"rosa-{uuid.uuid4().hex[:8]}@example.org", f"rosa{uuid.uuid4().hex[:8]}"
    boss = panel.members[1]
    member = panel.api(boss).get("members/")["results"][0]["id"]
    order = panel.api(boss).get("orders/")["results"][0]
    other = panel.api().post("orders/", {"member": member, "name": f"Other {username}"}, expect=201)

    # The administrator of the member invites.
    admin = Person(chromium, panel).log_in(boss)
    admin.page.goto("/people/")
    admin.page.get_by_role("link", name="Invite somebody").click()
    admin.page.locator("#id_email").fill(address)
    admin.page.get_by_label(order["name"], exact=True).check()
    admin.page.locator("#id_language").select_option("es")
    looked_at(admin, "people-invite")
    admin.page.get_by_role("button", name="Send the invitation").click()
    expect(admin.page.locator("main")).to_contain_text(address)
    looked_at(admin, "people")

    # The guest opens the link on a phone.
    local = by_name(panel)
    rosa = Person(chromium, local, viewport=PHONE, locale="es-MX")
    rosa.page.goto(link_to(address).replace(panel.url, local.url))
    assert "key=" not in rosa.page.url
    expect(rosa.page.locator("main")).to_contain_text(order["name"])
    looked_at(rosa, "people-invitation")
    for field, value in {"username": username, "name": "Rosa", "new": PASSWORD, "again": PASSWORD}.items():
        rosa.page.locator(f"#id_{field}").fill(value)
    rosa.page.get_by_role("button", name="Aceptar").click()
    expect(rosa.page.locator(".messages")).to_contain_text("Tu usuario está listo")
    enter(rosa.page, username)
    expect(rosa.page.locator("h1")).to_have_text("Sitios")
    expect(rosa.page.locator("main")).to_contain_text(order["name"])
    expect(rosa.page.locator("main")).not_to_contain_text(other["name"])
    answer = rosa.page.request.get(f"/orders/{other['id']}/")
    assert answer.status == 404

    # A key, which Chromium has in software.
    devtools = rosa.context.new_cdp_session(rosa.page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "automaticPresenceSimulation": True}})
    rosa.page.goto("/account/second-factor/")
    looked_at(rosa, "factors")
    rosa.page.goto("/account/second-factor/app/")
    looked_at(rosa, "factors-app")
    rosa.page.goto("/account/second-factor/key/")
    rosa.page.locator("#id_name").fill("azul")
    looked_at(rosa, "factors-key")
    rosa.page.get_by_role("button", name="Añadir la llave").click()
    expect(rosa.page.locator(".codes li")).to_have_count(10)
    looked_at(rosa, "factors-codes")
    rosa.page.goto("/account/sessions/")
    looked_at(rosa, "sessions")
    rosa.page.goto("/account/")
    looked_at(rosa, "account")
    rosa.page.locator("form[action='/logout/'] button").click()
    enter(rosa.page, username)
    expect(rosa.page.locator("h1")).to_have_text("Segundo paso")
    looked_at(rosa, "second-step")
    rosa.page.get_by_role("button", name="Usar mi llave").click()
    expect(rosa.page.locator("h1")).to_have_text("Sitios")

    # It is seen who has access, and taken away.
    admin.page.goto("/people/")
    admin.page.get_by_role("link", name="Rosa").last.click()
    looked_at(admin, "people-person")
    admin.page.get_by_label("Nothing", exact=True).check()
    admin.page.get_by_role("button", name="Save").click()
    expect(admin.page.locator(".messages")).to_contain_text("Saved")
    assert rosa.page.request.get(f"/orders/{order['id']}/").status == 404
    complaints = [admin.complaints, rosa.complaints]
    for one in (admin, rosa):
        one.context.close()
    assert complaints == [[], []]
