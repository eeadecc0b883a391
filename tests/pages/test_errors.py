"""The pages for what went wrong: in both languages, and with nothing that may itself be broken."""

import pytest
from django.db import OperationalError
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.utils import translation

from controlpanel import views
from hosting.views import orders as order_pages
from members.models import Login

from .conftest import BrowserOf
from .html import Page

HEADINGS = {
    "400.html": ("The request was not understood", "No se entendió la petición"),
    "403.html": ("You may not do this", "No tienes permiso para hacer esto"),
    "404.html": ("There is no such page", "Esta página no existe"),
    "500.html": ("Something went wrong on our side", "Algo falló de nuestro lado"),
    "403_csrf.html": ("This form is out of date", "Este formulario ya no es válido"),
}


@pytest.mark.parametrize("template", HEADINGS)
def test_each_speaks_both_languages_and_shows_a_way_out(template: str) -> None:
    """Rendered without a request, as Django does for the one about forged forms."""
    for language, heading in zip(("en", "es"), HEADINGS[template], strict=True):
        with translation.override(language):
            text = render_to_string(template)
        assert f"<h1>{heading}</h1>" in text
        assert 'href="/"' in text


def test_unknown_addresses_are_answered_in_the_readers_language(client: Client) -> None:
    response = client.get("/no/such/page/", headers={"accept-language": "es"})
    assert response.status_code == 404
    assert "Esta página no existe" in response.content.decode()


def test_a_broken_database_still_gets_a_page(
    browser_of: BrowserOf, anna: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = browser_of(anna, raise_request_exception=False)

    def broken(*args: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(order_pages.selectors, "orders_for", broken)
    response = browser.get("/orders/")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    page = Page(response)
    assert "We will be back in a moment" in page.text
    assert "server closed" not in page.text


def test_the_page_for_failures_asks_the_database_nothing(rf: RequestFactory) -> None:
    """Without the db fixture any query raises; the session and the login would be queries."""
    request = rf.get("/")
    assert views.server_error(request).status_code == 500
    away = views.DatabaseAwayMiddleware(views.home).process_exception(request, OperationalError())
    assert away is not None
    assert away.status_code == 503
