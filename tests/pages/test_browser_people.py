"""Somebody is invited by mail, accepts on a phone in Spanish, and sees one order; somebody logs in with a key."""

import email
import email.policy
import os
import re
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.panel import ROOT, Panel, wait_until

from .test_browser import PHONE, Person, chromium  # noqa: F401  # a fixture

pytestmark = pytest.mark.browser

MAIL = ROOT / "var" / os.environ.get("LAB_NAME", "lab") / "mail"
PASSWORD = "three unrelated words here"


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
    """A picture is kept, and nothing sticks out at the side. (axe sees every page in test_browser_every_page.py.)"""
    person.shoot(name)
    assert not person.has_sideways_scroll(), name


def by_name(panel: Panel) -> Panel:
    """The same panel by a name: browsers use no keys with addresses that are numbers."""
    parts = urlsplit(panel.url)
    return Panel(f"http://localhost:{parts.port}/", panel.staff, panel.members, panel.edges, panel.hosts)


@pytest.fixture
def person(chromium: Browser) -> Iterator[Callable[..., Person]]:  # noqa: F811
    """``person(panel, **context)`` opens a window; all are closed at the end, and none may have complained."""
    opened: list[Person] = []

    def open_window(panel: Panel, **kwargs: object) -> Person:
        opened.append(Person(chromium, panel, **kwargs))
        return opened[-1]

    yield open_window
    for one in opened:
        one.context.close()
    assert [one.complaints for one in opened] == [[] for _one in opened]


def enter(page: Page, username: str) -> None:
    page.goto("/login/")
    page.locator("#id_username").fill(username)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("main button[type=submit]").click()


def test_from_the_invitation_to_the_order(person: Callable[..., Person], panel: Panel) -> None:
    address, username = f"rosa-{uuid.uuid4().hex[:8]}@example.org", f"rosa{uuid.uuid4().hex[:8]}"
    boss = panel.members[1]
    member = panel.api(boss).get("members/")["results"][0]["id"]
    order = panel.api(boss).get("orders/")["results"][0]
    other = panel.api().post("orders/", {"member": member, "name": f"Other {username}"}, expect=201)

    admin = person(panel).log_in(boss)
    admin.page.goto("/people/")
    admin.page.get_by_role("link", name="Invite somebody").click()
    admin.page.locator("#id_email").fill(address)
    admin.page.get_by_label(order["name"], exact=True).check()
    admin.page.locator("#id_language").select_option("es")
    looked_at(admin, "people-invite")
    admin.page.get_by_role("button", name="Send the invitation").click()
    expect(admin.page.locator("main")).to_contain_text(address)
    looked_at(admin, "people")

    rosa = person(panel, viewport=PHONE, locale="es-MX")
    rosa.page.goto(link_to(address))
    assert "key=" not in rosa.page.url
    expect(rosa.page.locator("main")).to_contain_text(order["name"])
    looked_at(rosa, "people-invitation")
    for field, value in {"username": username, "name": "Rosa", "new": PASSWORD, "again": PASSWORD}.items():
        rosa.page.locator(f"#id_{field}").fill(value)
    rosa.page.locator("main button[type=submit]").click()
    expect(rosa.page.locator(".messages")).to_contain_text("Tu usuario está listo")
    enter(rosa.page, username)
    expect(rosa.page.locator("h1")).to_have_text("Sitios")
    expect(rosa.page.locator("main")).to_contain_text(order["name"])
    expect(rosa.page.locator("main")).not_to_contain_text(other["name"])
    assert rosa.page.request.get(f"/orders/{other['id']}/").status == 404

    rosas = panel.api(boss).get("logins/", username=username)["results"][0]["id"]
    admin.page.goto(f"/members/{member}/people/{rosas}/")
    looked_at(admin, "people-person")
    admin.page.get_by_label("Nothing", exact=True).check()
    admin.page.get_by_role("button", name="Save").click()
    expect(admin.page.locator(".messages")).to_contain_text("Saved")
    assert rosa.page.request.get(f"/orders/{order['id']}/").status == 404


def test_logging_in_with_a_key(person: Callable[..., Person], panel: Panel) -> None:
    """Which Chromium has in software."""
    username, boss = f"kai{uuid.uuid4().hex[:8]}", panel.members[1]
    member = panel.api(boss).get("members/")["results"][0]["id"]
    panel.api(boss).post("logins/", {"username": username, "member": member, "password": PASSWORD})

    kai = person(by_name(panel), viewport=PHONE, locale="es-MX")
    enter(kai.page, username)
    expect(kai.page.locator("h1")).to_have_text("Sitios")
    devtools = kai.context.new_cdp_session(kai.page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "automaticPresenceSimulation": True}})
    kai.page.goto("/account/second-factor/key/")
    kai.page.locator("#id_name").fill("azul")
    kai.page.locator("main button[type=submit]").click()
    expect(kai.page.locator(".codes li")).to_have_count(10)
    kai.page.locator("form[action='/logout/'] button").click()
    enter(kai.page, username)
    expect(kai.page.locator("h1")).to_have_text("Segundo paso")
    looked_at(kai, "second-step")
    kai.page.get_by_role("button", name="Usar mi llave").click()
    expect(kai.page.locator("h1")).to_have_text("Sitios")
