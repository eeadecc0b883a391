"""Every page in Chromium: as a member and as staff, on a phone and a desk, by day and by night, in both languages.

axe-core finds nothing, nothing scrolls sideways, the console is silent, and each page has a title, a language and one
heading of the first rank. Pictures of all are left under ``tests/results/screenshots/``.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from members.models import Login

from .every_page import Visit, admin_visits, people_pages, visits
from .furnished import Furnished
from .test_browser import FLAGS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900), pytest.mark.django_db(transaction=True)]

PICTURES = Path(__file__).parents[1] / "results" / "screenshots"
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
#: WCAG 2.2 AA and what axe's makers hold to be good besides.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: (name, width, height): both are looked at on every page.
WIDTHS = (("desk", 1280, 900), ("phone", 375, 812))
#: By night only the colours are other ones, so only what is about colours is asked then.
RULES_BY_NIGHT = ["color-contrast", "link-in-text-block"]
#: One look in each: (language, theme, width at which axe looks).
Look = tuple[str, str, str]
LOOKS: tuple[Look, ...] = (("en", "light", "desk"), ("es", "dark", "phone"))


#: What the theme of the admin (django-unfold) itself gets wrong on every page that it frames, and what it is.
THEMES_OWN = {
    "landmark-one-main": "the content is in a div with the id main",
    "region": "so nothing on the page is in a landmark",
    "landmark-unique": "the sidebar is a nav within a nav",
    "target-size": "the buttons in and beside the search of a list are small",
}
#: What its scripts complain of: styles that the policy does not let them set.
THEMES_SCRIPTS = ("inline style", "SimpleBar is not defined")
#: Its parts whose colours are too faint by night.
FAINT = [[".text-link"]]


class Walk:
    """A window in which pages are opened one after another; what is wrong with them is gathered."""

    def __init__(self, chromium: Browser, url: str, session: str, language: str, theme: str) -> None:
        self.context: BrowserContext = chromium.new_context(
            base_url=url, locale="es-MX" if language == "es" else "en-US", color_scheme=theme, reduced_motion="reduce"
        )
        if session:
            self.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": url}])
        self.language, self.theme = language, theme
        self.trouble: list[str] = []
        self.page: Page = self._tab()

    def _tab(self) -> Page:
        tab = self.context.new_page()
        tab.on("console", lambda message: message.type == "error" and self._note(message.text))
        tab.on("pageerror", lambda error: self._note(str(error)))
        return tab

    def _note(self, text: str) -> None:
        # Chromium says again what the page says; and the server of this test speaks no WebSocket, as the panel does.
        told = ("status of 4", "status of 503", "WebSocket connection")
        if not any(known in text for known in told + (THEMES_SCRIPTS if "/admin/" in self.page.url else ())):
            self.trouble.append(f"{self.page.url}: console: {text}")

    def look_at(self, visit: Visit, folder: str, axe_at: str, tolerated: Collection[str] = ()) -> None:
        """Open it, and look at it from all sides."""
        if not self._open(visit):
            return
        if not tolerated:
            self._check_frame(visit)
        page = self.page
        for size, width, height in WIDTHS:
            page.set_viewport_size({"width": width, "height": height})
            if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                self.trouble.append(f"{visit.url}: scrolls sideways at {width} px: {page.evaluate(_WIDEST)}")
            if size == axe_at:
                self.trouble += [
                    f"{visit.url} ({self.theme}): {found}" for found in _axe(page, self.theme == "dark", tolerated)
                ]
                path = PICTURES / folder / f"{visit.name}-{self.language}-{self.theme}-{size}.png"
                page.screenshot(path=path, full_page=True, animations="disabled")

    def _open(self, visit: Visit) -> bool:
        """False when there is no page: it only takes a POST, which it says without a body."""
        try:
            self.page.goto(visit.url, wait_until="load")
        except Error as error:
            if "ERR_HTTP_RESPONSE_CODE_FAILURE" not in str(error):
                raise
            self.page.close()  # it is about to show a page of Chromium's own
            self.page = self._tab()
            return False
        return True

    def _check_frame(self, visit: Visit) -> None:
        found = self.page.evaluate(
            "({h1: document.querySelectorAll('h1').length, title: document.title, lang: document.documentElement.lang})"
        )
        if found["h1"] != 1 or not found["title"].strip(" ·|") or not found["lang"].startswith(self.language):
            self.trouble.append(f"{visit.url}: {found}")


#: What sticks out furthest.
_WIDEST = """(() => { let widest = null, right = 0;
  for (const e of document.querySelectorAll('body *')) {
    const r = e.getBoundingClientRect().right; if (r > right) { right = r; widest = e; } }
  return widest && `${widest.tagName}.${widest.className}`; })()"""


def _axe(page: Page, by_night: bool, tolerated: Collection[str]) -> Iterator[str]:
    page.evaluate(AXE)
    run_only = {"type": "rule", "values": RULES_BY_NIGHT} if by_night else {"type": "tag", "values": RULES}
    asked = {"runOnly": run_only, "resultTypes": ["violations"], "elementRef": False}
    found = page.evaluate(
        "([exclude, asked]) => axe.run({exclude}, asked)", [FAINT if tolerated else [["#nothing"]], asked]
    )
    for violation in found["violations"]:
        if violation["id"] in tolerated:
            continue
        where = [" ".join(map(str, node["target"])) for node in violation["nodes"]]
        yield f"{violation['id']} ({violation['help']}): {', '.join(where[:4])}"


@pytest.fixture
def sessions(live_server: Any, settings: Any) -> dict[str, Any]:
    """The world, and who may look at it: made before there is a browser, whose event loop keeps Django's rows away."""
    settings.ALLOWED_HOSTS = ["*"]
    settings.STAFF_SECOND_FACTOR = "optional"  # what staff see once they have one
    world = Furnished()
    return {"world": world, **{who: session_of(getattr(world, who)) for who in ("login", "staff", "nobody")}}


def session_of(login: Login) -> str:
    client = Client()
    client.force_login(login, backend="members.backends.DirectoryBackend")
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def _walk(
    live_server: Any, session: str, pages: list[Visit], folder: str, look: Look, tolerated: Collection[str] = ()
) -> list[str]:
    (PICTURES / folder).mkdir(parents=True, exist_ok=True)
    language, theme, axe_at = look
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        walk = Walk(chromium, live_server.url, session, language, theme)
        for visit in pages:
            walk.look_at(visit, folder, axe_at, tolerated)
        chromium.close()
    return walk.trouble


def _assert_sound(trouble: list[str]) -> None:
    assert not trouble, "\n".join(trouble)


@pytest.mark.parametrize("look", LOOKS, ids="-".join)
class TestEveryPage:
    def test_for_a_member(self, live_server: Any, sessions: dict[str, Any], look: Look) -> None:
        pages = [*visits(sessions["world"]), Visit("no-such-page", "/no/such/page/")]
        assert len(pages) >= len(people_pages())
        _assert_sound(_walk(live_server, sessions["login"], pages, "member", look))

    def test_for_staff(self, live_server: Any, sessions: dict[str, Any], look: Look) -> None:
        """Those on which they see more."""
        more = ("hosting-orders", "hosting-site", "hosting-evidence", "hosting-database", "operations-detail")
        pages = [visit for visit in visits(sessions["world"]) if visit.name.startswith(more)]
        _assert_sound(_walk(live_server, sessions["staff"], pages, "staff", look))

    def test_for_who_has_nothing_yet(self, live_server: Any, sessions: dict[str, Any], look: Look) -> None:
        empty = [visit for visit in visits(sessions["world"]) if "/" not in visit.url.strip("/")]
        _assert_sound(_walk(live_server, sessions["nobody"], empty, "nobody", look))

    def test_for_who_is_not_logged_in(self, live_server: Any, look: Look) -> None:
        _assert_sound(_walk(live_server, "", [Visit("login", "/login/")], "nobody", look))

    def test_the_admin(self, live_server: Any, sessions: dict[str, Any], look: Look) -> None:
        pages = admin_visits(sessions["world"])
        _assert_sound(_walk(live_server, sessions["staff"], pages, "admin", look, THEMES_OWN))
