"""Windows of people on a journey: what they see on the way is kept with the results."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.pages.test_browser import FLAGS, PATIENCE, Person
from tests.panel import Panel

OpenWindow = Callable[..., Person]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One a module: Playwright's event loop would be in the way of tests that use the database."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def window(chromium: Browser, panel: Panel) -> Iterator[OpenWindow]:
    """``window(**context)`` opens one; all are closed at the end, and none may have complained."""
    opened: list[Person] = []

    def open_window(**kwargs: object) -> Person:
        opened.append(Person(chromium, panel, **kwargs))
        return opened[-1]

    yield open_window
    for one in opened:
        one.context.close()
    assert [one.complaints for one in opened] == [[] for _one in opened]


def seen(person: Person, name: str) -> None:
    """A picture is kept, and nothing sticks out at the side."""
    person.shoot(f"journey-{name}")
    assert not person.has_sideways_scroll(), name
