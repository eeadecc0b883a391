"""Sites to try things on, taken away afterwards; hosts found running and left running."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.panel import ENDED, Panel, fresh_name, wait_until

from . import places
from .scenes import all_back

Create = Callable[..., dict[str, Any]]


class Pages:
    """The panel's pages as a member's browser without JavaScript meets them."""

    def __init__(self, url: str, who: dict[str, str]) -> None:
        self.url = url.rstrip("/")
        self.who = who
        self.session = requests.Session()

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.url + path, timeout=30, allow_redirects=False)

    def post(self, path: str, data: dict[str, Any] | None = None) -> requests.Response:
        token = self.session.cookies.get("csrftoken", "")
        return self.session.post(
            self.url + path, {"csrfmiddlewaretoken": token, **(data or {})}, timeout=30, allow_redirects=False
        )

    def log_in(self) -> requests.Response:
        self.get("/login/")
        return self.post("/login/", {"username": self.who["username"], "password": self.who["password"]})


@pytest.fixture
def pages(panel: Panel) -> Pages:
    """The first member, logged in."""
    pages = Pages(panel.url, panel.members[0])
    assert pages.log_in().status_code == 302
    return pages


@pytest.fixture
def hosts_as_found(panel: Panel) -> Iterator[None]:
    """Whatever a test does to hosts, and however it ends: they run, answer, and nothing waits for them."""
    yield
    all_back(panel.api(), seconds=90)


@pytest.fixture
def create(panel: Panel, request: pytest.FixtureRequest) -> Iterator[Create]:
    """Create a site of the first member. All that a test creates is deleted again (with every host there)."""
    answers: list[dict[str, Any]] = []

    def create(*domains: str, **options: Any) -> dict[str, Any]:
        answers.append(panel.member.create_site(*(domains or [fresh_name()]), **{"wait": False, **options}))
        if options.get("wait", True):
            panel.member.wait(answers[-1])
        return answers[-1]

    yield create
    if "hosts_as_found" in request.fixturenames:
        places.bring_back()
    deletions = []
    for answer in answers:
        wait_until(lambda answer=answer: panel.api().operation(answer)["state"] in ENDED, 120, every=0.5)
        if panel.api().get(f"sites/{answer['site']['id']}/")["state"] not in ("deleted", "deleting"):
            deletions.append(panel.api().delete(f"sites/{answer['site']['id']}/"))
    for deletion in deletions:
        panel.api().wait(deletion, seconds=120)
