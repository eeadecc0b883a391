"""Members and staff in Chromium, on the running panel and its real hosts."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, WebSocketRoute, expect, sync_playwright

from tests.panel import Panel, cut_off, fresh_name

pytestmark = pytest.mark.browser

RESULTS = Path(__file__).parents[1] / "results"
#: The first answers Chromium without a sandbox (we are root); the others keep it from calling anybody.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SOCKETS = re.compile(r"/ws/operations/\d+/")
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
#: An operation on the lab takes about a second; other tests may keep its two cores busy meanwhile (milliseconds).
PATIENCE = 60_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Only for this module: Playwright's event loop would be in the way of tests that use the database."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


class Person:
    """A browser window, and whatever its console complained about."""

    def __init__(self, chromium: Browser, panel: Panel, **kwargs: object) -> None:
        self.context: BrowserContext = chromium.new_context(
            base_url=panel.url, **{"viewport": DESK, "locale": "en-US", **kwargs}
        )
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def log_in(self, who: dict[str, str]) -> "Person":
        self.page.goto("/")
        self.page.locator("#id_username").fill(who["username"])
        self.page.locator("#id_password").fill(who["password"])
        self.page.locator("main button[type=submit]").click()
        expect(self.page.locator("h1")).to_have_text(re.compile("^(Sites|Sitios)$"))
        return self

    def create_site(self, *names: str) -> None:
        """Fill in the form and send it; then the operation's page is open."""
        self.page.goto("/")
        self.page.locator("section.card .button").first.click()
        self.page.locator("#id_domains").fill("\n".join(names))
        self.page.locator("label.choice", has_text="PHP").click()
        self.page.locator("main button[type=submit]").click()
        self.page.wait_for_url("**/operations/*/")

    def wait_for_success(self) -> None:
        expect(self.page.locator("#operation")).to_have_attribute("data-state", "succeeded")

    def shoot(self, name: str) -> None:
        RESULTS.mkdir(exist_ok=True)
        self.page.screenshot(path=RESULTS / f"{name}.png", full_page=True)

    def has_sideways_scroll(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.fixture
def person(chromium: Browser, panel: Panel) -> Iterator[type[Person]]:
    """``person(**context)`` opens a window; all are closed at the end, and none may have complained."""
    opened: list[Person] = []

    def open_window(**kwargs: object) -> Person:
        opened.append(Person(chromium, panel, **kwargs))
        return opened[-1]

    yield open_window  # type: ignore[misc]
    for one in opened:
        one.context.close()
    assert [one.complaints for one in opened] == [[] for _one in opened]


@pytest.fixture
def anna(person, panel: Panel) -> Person:
    return person().log_in(panel.members[0])


def test_a_member_creates_a_php_site_and_opens_it_through_both_edges(anna: Person, panel: Panel) -> None:
    name = fresh_name("shop")
    anna.create_site(name, f"www.{name}")
    expect(anna.page.locator("h1")).to_contain_text(name)
    expect(anna.page.locator(".step").first).to_be_visible()
    anna.shoot("operation-running")
    anna.wait_for_success()
    states = anna.page.locator(".step").evaluate_all("steps => steps.map(step => step.dataset.state)")
    assert set(states) == {"succeeded"}
    assert len(states) >= 5
    anna.shoot("operation-done")

    assert len(panel.edges) == 2
    for edge in panel.edges:
        for served in (name, f"www.{name}"):
            answer = panel.fetch(edge, served)
            assert answer.status_code == 200, (edge, served)
            assert name in answer.text

    anna.page.get_by_role("link", name="Go to the site").click()
    expect(anna.page.locator("h1")).to_have_text(name)
    expect(anna.page.locator("h1 + .chip")).to_have_text("Active")
    for edge in panel.edges:
        expect(anna.page.locator(".addresses")).to_contain_text(edge)
    anna.shoot("site")


def test_each_step_is_seen_to_pass_without_a_reload(anna: Person) -> None:
    """The page that answers the click already has all steps; from then on they change in place."""
    anna.page.add_init_script(
        """
        window.seen = [];
        document.addEventListener("DOMContentLoaded", () => {
          const note = () => document.querySelectorAll("[data-step]").forEach((step) =>
            window.seen.push(`${step.dataset.step} ${step.dataset.state}`));
          note();
          new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
        });
        """
    )
    anna.create_site(fresh_name("steps"))
    anna.wait_for_success()
    seen = set(anna.page.evaluate("window.seen"))
    steps = anna.page.locator(".step").count()
    assert {f"{step} succeeded" for step in range(steps)} <= seen
    assert anna.page.evaluate("performance.getEntriesByType('navigation')[0].type") == "navigate"


def test_progress_survives_reloads(anna: Person) -> None:
    anna.create_site(fresh_name("reload"))
    for _time in range(3):
        anna.page.reload()
    anna.wait_for_success()
    total = anna.page.locator(".step").count()
    expect(anna.page.locator("[data-count]")).to_have_text(f"{total} of {total} done")


def test_a_server_that_is_away_and_a_lost_connection_are_told_and_nothing_is_missed(anna: Person, panel: Panel) -> None:
    """While an edge is away the operation waits; the first sockets break; what was missed is replayed."""
    sockets: list[WebSocketRoute] = []

    def connect(route: WebSocketRoute) -> None:
        sockets.append(route)
        if len(sockets) == 2:  # the first attempt to reconnect fails too
            route.close(code=1011)
        else:
            route.connect_to_server()

    anna.page.route_web_socket(SOCKETS, connect)
    with cut_off("edge2"):
        anna.create_site(fresh_name("lost"))
        expect(anna.page.locator("#operation")).to_have_attribute("data-state", "waiting")
        expect(anna.page.locator("main")).to_contain_text("Nothing is lost")
        step = anna.page.locator(".step", has_text="Announce the site on edge2")
        expect(step).to_contain_text(re.compile("edge2 cannot be reached|connection to edge2 broke"))
        anna.shoot("operation-waiting")
        sockets[0].close(code=1011)
        expect(anna.page.locator("[data-connection]")).to_contain_text("Reconnecting")
        anna.shoot("operation-reconnecting")
        expect(anna.page.locator("[data-connection]")).to_have_text("")
    anna.wait_for_success()
    assert len(sockets) >= 3
    assert int(parse_qs(urlsplit(sockets[-1].url).query)["after"][0]) > 0


def test_without_any_socket_the_page_asks_again_and_again(anna: Person) -> None:
    anna.page.route_web_socket(SOCKETS, lambda route: route.close(code=1011))
    with cut_off("edge2"):
        anna.create_site(fresh_name("poll"))
        expect(anna.page.locator("[data-connection]")).to_contain_text("asks for news")
    anna.wait_for_success()


def test_without_scripts_everything_still_works(person, panel: Panel) -> None:
    plain = person(java_script_enabled=False).log_in(panel.members[0])
    name = fresh_name("plain")
    plain.create_site(name)
    plain.wait_for_success()  # the page reloads itself
    assert panel.fetch(panel.edges[0], name).status_code == 200


def test_errors_are_beside_their_field_and_are_read_out(anna: Person) -> None:
    anna.page.goto("/")
    anna.page.locator("section.card .button").first.click()
    anna.page.locator("#id_domains").fill("http://shop.example.org/")
    anna.page.locator("main button[type=submit]").click()
    expect(anna.page.locator("#id_domains_error")).to_contain_text("without http://")
    expect(anna.page.locator("#id_domains")).to_have_attribute("aria-invalid", "true")
    expect(anna.page.locator("#id_domains")).to_have_value("http://shop.example.org/")
    expect(anna.page.locator("[role=alert]")).to_be_focused()
    anna.complaints = [text for text in anna.complaints if "422" not in text]  # Chromium logs the status


def test_a_double_click_makes_one_operation(anna: Person, panel: Panel) -> None:
    name = fresh_name("twice")
    anna.page.goto("/")
    anna.page.locator("section.card .button").first.click()
    anna.page.locator("#id_domains").fill(name)
    anna.page.locator("label.choice", has_text="PHP").click()
    anna.page.locator("main button[type=submit]").dblclick(no_wait_after=True)
    anna.page.wait_for_url("**/operations/*/")
    anna.wait_for_success()
    anna.page.goto("/operations/")
    expect(anna.page.locator(".row", has_text=f"Create the site {name}")).to_have_count(1)


def test_a_site_is_changed_disabled_enabled_deleted_and_restored(anna: Person, panel: Panel) -> None:
    name, second = fresh_name("life"), fresh_name("second")
    page = anna.page
    anna.create_site(name)
    anna.wait_for_success()
    page.get_by_role("link", name="Go to the site").click()
    site = page.url

    page.get_by_role("link", name="Change", exact=True).click()
    page.locator("#id_domains").fill(f"{name}\n{second}")
    page.locator("main button[type=submit]").click()
    anna.wait_for_success()
    assert panel.fetch(panel.edges[1], second).status_code == 200

    for what, status in (("Disable", 503), ("Enable", 200)):
        page.goto(site)
        page.get_by_role("link", name=f"{what}…").click()
        expect(page.locator("main")).to_contain_text("What will happen")
        page.get_by_role("button", name=what).click()
        anna.wait_for_success()
        assert {panel.fetch(edge, name).status_code for edge in panel.edges} == {status}

    page.goto(site)
    page.get_by_role("link", name="Delete…").click()
    anna.shoot("delete")
    page.get_by_role("button", name="Delete").click()
    anna.wait_for_success()
    assert panel.fetch(panel.edges[0], name).status_code >= 400
    page.goto(site)
    expect(page.locator("main")).to_contain_text("can be restored")
    anna.shoot("site-deleted")

    page.get_by_role("link", name="Restore…").click()
    page.get_by_role("button", name="Restore").click()
    anna.wait_for_success()
    assert {panel.fetch(edge, name).status_code for edge in panel.edges} == {200}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_pages_fit_their_screen(person, panel: Panel, size: dict[str, int], scheme: str) -> None:
    one = person(viewport=size, color_scheme=scheme).log_in(panel.members[0])
    order, site = "section.card h2 a", "section.card .row__title"
    one.page.locator(order).first.wait_for()
    links = [one.page.locator(selector).first.get_attribute("href") for selector in (order, site)]
    paths = [
        "/orders/",
        *links,
        f"{links[0]}sites/new/",
        f"{links[1]}edit/",
        "/operations/",
        "/account/",
        "/account/tokens/",
    ]
    for number, path in enumerate(paths):
        one.page.goto(path)
        assert not one.has_sideways_scroll(), path
        one.shoot(f"fit-{size['width']}-{scheme}-{number}")


def test_the_keyboard_is_enough(anna: Person) -> None:
    anna.page.goto("/")
    anna.page.keyboard.press("Tab")
    expect(anna.page.locator(".skip-link")).to_be_focused()
    expect(anna.page.locator(".skip-link")).to_be_in_viewport()
    anna.page.keyboard.press("Enter")
    expect(anna.page.locator("main")).to_be_focused()


def test_the_whole_way_in_spanish(person, panel: Panel) -> None:
    paula = person(locale="es-MX", viewport=PHONE)
    paula.page.goto("/")
    expect(paula.page.locator("h1")).to_have_text("Iniciar sesión")
    paula.shoot("spanish-login")
    paula.log_in(panel.members[1 % len(panel.members)])
    name = fresh_name("tienda")
    paula.create_site(name)
    expect(paula.page.locator("h1")).to_have_text(f"Crear el sitio {name}")
    paula.wait_for_success()
    expect(paula.page.locator(".page-head .chip")).to_have_text("Terminada")
    expect(paula.page.locator(".step__state").first).to_have_text("Hecho")
    paula.shoot("spanish-operation")
    paula.page.get_by_role("link", name="Ir al sitio").click()
    expect(paula.page.locator("h1 + .chip")).to_have_text("Activo")
    paula.shoot("spanish-site")


def test_staff_see_the_operation_and_its_host_in_the_admin(person, panel: Panel) -> None:
    name = fresh_name("seen")
    answer = panel.member.create_site(name)
    operation = answer["operation"]["id"]
    jamie = person().log_in(panel.staff)
    jamie.page.goto(f"/operations/{operation}/")
    hosts = jamie.page.locator(".step__staff code").all_inner_texts()
    assert {"edge1", "edge2"} <= set(hosts)
    assert any(host.startswith("web") for host in hosts)
    jamie.shoot("staff-operation")

    jamie.page.get_by_role("link", name=f"Operation {operation}").click()
    expect(jamie.page.locator("body")).to_contain_text(name)
    jamie.shoot("admin-operation")
    host = next(host for host in hosts if host.startswith("web"))
    jamie.page.goto(f"/admin/fleet/host/?q={host}")
    expect(jamie.page.locator("body")).to_contain_text(panel.hosts[host])
    jamie.shoot("admin-host")
    jamie.complaints = []  # the admin is not our page
