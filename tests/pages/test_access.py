"""Who may open which page. What is somebody else's is not there: 404, like what does not exist."""

import pytest
from django.test import Client

from hosting.models import HostingOrder
from members.models import Login
from tests.factories import DatabaseFactory, OperationFactory, SiteFactory

from .conftest import BrowserOf

PATHS = [
    "/orders/{order}/",
    "/orders/{order}/sites/new/",
    "/orders/{order}/databases/new/",
    "/databases/{database}/",
    "/databases/{database}/now/",
    "/databases/{database}/users/new/",
    "/databases/{database}/users/db{database}/rotate/",
    "/databases/{database}/users/db{database}/remove/",
    "/databases/{database}/delete/",
    "/databases/{database}/restore/",
    "/sites/{site}/",
    "/sites/{site}/now/",
    "/sites/{site}/edit/",
    "/sites/{site}/php/",
    "/sites/{site}/disable/",
    "/sites/{site}/enable/",
    "/sites/{site}/delete/",
    "/sites/{site}/restore/",
    "/operations/{operation}/",
    "/operations/{operation}/live/",
]
ORDERS = [
    "/orders/{order}/sites/new/",
    "/sites/{site}/edit/",
    "/sites/{site}/php/",
    "/sites/{site}/disable/",
    "/sites/{site}/enable/",
    "/sites/{site}/delete/",
    "/sites/{site}/restore/",
    "/orders/{order}/databases/new/",
    "/databases/{database}/users/new/",
    "/databases/{database}/users/db{database}/rotate/",
    "/databases/{database}/users/db{database}/remove/",
    "/databases/{database}/delete/",
    "/databases/{database}/restore/",
    "/operations/{operation}/retry/",
    "/operations/{operation}/cancel/",
]


@pytest.fixture
def ids(order: HostingOrder) -> dict[str, int]:
    site = SiteFactory(order=order, placed=True, kind="php")
    operation = OperationFactory(scopes=order.scopes, params={"site": site.pk})
    database = DatabaseFactory(order=order)
    return {"order": order.pk, "site": site.pk, "database": database.pk, "operation": operation.pk}


@pytest.mark.parametrize("path", [*PATHS, "/orders/", "/operations/"])
def test_without_a_login_every_page_leads_to_the_login(ids: dict[str, int], path: str) -> None:
    target = path.format(**ids)
    response = Client().get(target)
    assert response.status_code == 302
    assert response["Location"] == f"/login/?next={target}"


@pytest.mark.parametrize("path", PATHS)
def test_members_open_what_is_theirs(browser: Client, ids: dict[str, int], path: str) -> None:
    assert browser.get(path.format(**ids)).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("who", ["stranger", "nobody"])
def test_others_things_are_not_there(
    request: pytest.FixtureRequest, browser_of: BrowserOf, ids: dict[str, int], path: str, who: str
) -> None:
    browser = browser_of(request.getfixturevalue(who))
    theirs = browser.get(path.format(**ids))
    missing = browser.get(path.format(order=10**9, site=10**9, database=10**9, operation=10**9))
    assert theirs.status_code == missing.status_code == 404
    assert theirs.content == missing.content


@pytest.mark.parametrize("path", ORDERS)
def test_nor_can_others_change_them(browser_of: BrowserOf, stranger: Login, ids: dict[str, int], path: str) -> None:
    assert browser_of(stranger).post(path.format(**ids), {"domains": "a.test", "kind": "php"}).status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_staff_open_everything(browser_of: BrowserOf, staff: Login, ids: dict[str, int], path: str) -> None:
    assert browser_of(staff).get(path.format(**ids)).status_code == 200


@pytest.mark.parametrize("path", [path for path in ORDERS if "operations" in path])
def test_orders_are_not_given_by_links(browser: Client, ids: dict[str, int], path: str) -> None:
    assert browser.get(path.format(**ids)).status_code == 405


def test_whoever_loses_access_loses_the_pages(browser: Client, anna: Login, ids: dict[str, int]) -> None:
    anna.accesses.all().delete()
    assert browser.get(f"/sites/{ids['site']}/").status_code == 404


def test_forms_of_other_sites_are_refused(anna: Login, browser_of: BrowserOf, ids: dict[str, int]) -> None:
    browser = browser_of(anna, enforce_csrf_checks=True)
    response = browser.post(f"/sites/{ids['site']}/delete/", {})
    assert response.status_code == 403
    assert "This form is out of date" in response.content.decode()
