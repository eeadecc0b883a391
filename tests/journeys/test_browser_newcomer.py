"""A newcomer puts up a WordPress with a certificate and a second name: on a phone, in Spanish."""

import socket

import pytest
from playwright.sync_api import expect

from tests.pages.test_browser import PATIENCE, PHONE
from tests.panel import Panel, fresh_name, wait_until
from tests.routing.edges import context
from tests.routing.internet import chain_at, root_pem

from .people import OpenWindow, chromium, seen, window  # noqa: F401  # fixtures

pytestmark = pytest.mark.browser


def test_a_wordpress_with_a_certificate_and_a_second_name(window: OpenWindow, panel: Panel) -> None:  # noqa: F811
    name, second = fresh_name("diario"), fresh_name("cuaderno")
    rosa = window(viewport=PHONE, locale="es-MX").log_in(panel.members[2])
    page = rosa.page
    seen(rosa, "newcomer-1-home")
    page.get_by_role("link", name="Sitio nuevo").first.click()
    page.locator("#id_domains").fill(name)
    page.locator("label.choice", has_text="WordPress").click()
    page.locator("#id_title").fill("Nuestro diario")
    seen(rosa, "newcomer-2-form")
    page.locator("main button[type=submit]").click()
    expect(page.locator("#password")).not_to_be_empty()
    page.locator("main a.button--primary").click()
    expect(page.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=2 * PATIENCE)
    seen(rosa, "newcomer-3-done")

    page.get_by_role("link", name="Ir al sitio").click()
    expect(page.locator("h1")).to_have_text(name)
    site = page.url
    page.get_by_role("link", name="Cambiar", exact=True).click()
    page.locator("#id_domains").fill(f"{name}\n{second}")
    page.locator("main button[type=submit]").click()
    rosa.wait_for_success()

    def both_have_one() -> bool:
        page.goto(site)
        return page.locator("#certificates .chip--good").count() == 2

    wait_until(both_have_one, 90, every=2, what="a certificate for each name")
    seen(rosa, "newcomer-4-site")
    for edge in panel.edges:
        assert "Nuestro diario" in _page(edge, name)
        assert chain_at(edge, second)


def _page(edge: str, name: str) -> str:
    """The start page as a browser gets it by https that trusts nobody but the lab's authority."""
    plain = socket.create_connection((edge, 443), timeout=30)
    with context(root_pem()).wrap_socket(plain, server_hostname=name) as secured:
        secured.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        with secured.makefile("rb") as answer:
            return answer.read().decode(errors="replace")
