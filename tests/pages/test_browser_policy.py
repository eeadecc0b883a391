"""The content security policy, and pages that need no exception from it."""

import pytest
from django.test import Client

from hosting.models import HostingOrder
from members.models import Login
from tests.factories import OperationFactory, SiteFactory

from .conftest import BrowserOf
from .html import Page

PATHS = [
    "/orders/",
    "/orders/{order}/",
    "/orders/{order}/sites/new/",
    "/sites/{site}/",
    "/sites/{site}/edit/",
    "/sites/{site}/delete/",
    "/operations/",
    "/operations/{operation}/",
    "/account/",
    "/account/password/",
    "/account/tokens/",
    "/account/keys/",
    "/no/such/page/",
]


@pytest.fixture
def ids(order: HostingOrder) -> dict[str, int]:
    site = SiteFactory(order=order, placed=True)
    operation = OperationFactory(scopes=order.scopes, params={"site": site.pk})
    return {"order": order.pk, "site": site.pk, "operation": operation.pk}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("who", ["anna", "staff"])
def test_no_page_carries_scripts_or_styles_of_its_own(
    request: pytest.FixtureRequest, browser_of: BrowserOf, ids: dict[str, int], path: str, who: str
) -> None:
    login: Login = request.getfixturevalue(who)
    response = browser_of(login).get(path.format(**ids))
    policy = response["Content-Security-Policy"]
    assert "unsafe-" not in policy
    assert "default-src 'self'" in policy
    page = Page(response)
    assert not page.all("style")
    for script in page.all("script"):
        assert script.attributes["src"].startswith("/static/")
        assert not script.text.strip()
    for element in page.all():
        inline = [name for name in element.attributes if name == "style" or name.startswith("on")]
        assert not inline, (element.tag, inline)


@pytest.mark.parametrize("path", PATHS)
def test_pages_are_built_for_screen_readers(browser: Client, ids: dict[str, int], path: str) -> None:
    page = Page(browser.get(path.format(**ids)))
    assert page.one("html").attributes["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert page.one("a", class_="skip-link").attributes["href"] == "#content"
    assert page.one("main").attributes["id"] == "content"
    assert page.one("title").text.strip()
    ids_seen = [element.attributes["id"] for element in page.all() if "id" in element.attributes]
    assert len(ids_seen) == len(set(ids_seen)), "an id stands twice"
    labelled = {label.attributes["for"] for label in page.all("label")}
    for field in [*page.all("input"), *page.all("textarea"), *page.all("select")]:
        if field.attributes.get("type") not in ("hidden", "submit"):
            assert field.attributes["id"] in labelled, field.attributes
    for button in page.all("button"):
        assert button.text.strip()
    for element in page.all():
        for reference in ("aria-labelledby", "aria-describedby"):
            for target in element.attributes.get(reference, "").split():
                assert target in ids_seen, (element.tag, target)


def test_pages_are_not_kept_by_anybody_on_the_way(browser: Client, ids: dict[str, int]) -> None:
    for path in ("/orders/", "/sites/{site}/", "/operations/{operation}/"):
        assert "no-store" in browser.get(path.format(**ids))["Cache-Control"]
