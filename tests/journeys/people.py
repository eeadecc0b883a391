"""Windows of people on a journey: what they see on the way is kept with the results."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.pages.test_browser import Person, chromium  # noqa: F401  # a fixture
from tests.panel import Panel

OpenWindow = Callable[..., Person]


@pytest.fixture
def window(chromium: Browser, panel: Panel) -> Iterator[OpenWindow]:  # noqa: F811
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
