"""The page of an operation: friendly for members, complete for staff."""

import pytest
from django.test import Client

from controlpanel.operations.choices import OperationState, StepState
from controlpanel.operations.models import Operation
from hosting.models import HostingOrder, Site
from members.models import Login
from tests.factories import OperationFactory, SiteFactory, StepFactory

from .conftest import BrowserOf
from .html import Page


@pytest.fixture
def site(order: HostingOrder) -> Site:
    return SiteFactory(order=order, placed=True)


@pytest.fixture
def operation(order: HostingOrder, site: Site) -> Operation:
    """Waits for web7, after one step that is done."""
    operation = OperationFactory(
        state=OperationState.WAITING, scopes=order.scopes, params={"site": site.pk}, step_count=0, last_seq=7
    )
    StepFactory(operation=operation, state=StepState.SUCCEEDED, answer={"note": "all well", "password": "hunter2"})
    StepFactory(
        operation=operation,
        stage=1,
        state=StepState.WAITING,
        host="web7",
        attempts=3,
        trouble={
            "code": "host_away",
            "params": {"host": "web7"},
            "output": "TimeoutError cp_0123456789abcdef0123456789",
        },
    )
    StepFactory(operation=operation, stage=2)
    return operation


def page_of(browser: Client, operation: Operation) -> Page:
    return Page(browser.get(f"/operations/{operation.pk}/"))


def test_each_step_is_there_before_any_script_runs(browser: Client, operation: Operation) -> None:
    page = page_of(browser, operation)
    assert [step.attributes["data-state"] for step in page.all("li", class_="step")] == [
        "succeeded",
        "waiting",
        "planned",
    ]
    bar = page.one("progress")
    assert (bar.attributes["value"], bar.attributes["max"]) == ("1", "3")
    assert "1 of 3 done" in page.text
    assert "cannot be reached" in page.text


def test_it_begins_to_listen_where_the_page_was_made(browser: Client, operation: Operation) -> None:
    page = page_of(browser, operation)
    assert page.one("div", id="operation").attributes["data-seq"] == "7"
    assert page.one("div", id="watch").attributes["data-socket"] == f"/ws/operations/{operation.pk}/"


def test_without_scripts_the_page_reloads_itself_until_the_end(browser: Client, operation: Operation) -> None:
    assert page_of(browser, operation).one("meta", http_equiv="refresh")
    Operation.objects.filter(pk=operation.pk).update(state=OperationState.SUCCEEDED)
    page = page_of(browser, operation)
    assert not page.all("meta", http_equiv="refresh")
    assert not [script for script in page.all("script") if "operation.js" in script.attributes["src"]]


def test_the_live_part_is_the_same_as_on_the_page(browser: Client, operation: Operation) -> None:
    part = Page(browser.get(f"/operations/{operation.pk}/live/"))
    assert len(part.root.children) == 1
    assert part.root.children[0].attributes["id"] == "operation"
    assert not part.all("html")


def test_members_see_no_output_and_no_attempts(browser: Client, operation: Operation) -> None:
    page = page_of(browser, operation)
    for detail in ("TimeoutError", "all well", "attempt", "tests.nothing"):
        assert detail not in page.text
    assert not page.all("button", id="skip-1")


def test_staff_see_host_attempts_and_output_without_secrets(
    browser_of: BrowserOf, staff: Login, operation: Operation
) -> None:
    page = page_of(browser_of(staff), operation)
    for detail in ("web7", "attempt 3", "TimeoutError", "all well"):
        assert detail in page.text
    for secret in ("hunter2", "cp_0123456789"):
        assert secret not in page.text
    assert page.one("button", id="skip-1")


def test_output_is_never_markup(browser_of: BrowserOf, staff: Login, operation: Operation) -> None:
    operation.steps.filter(position=1).update(trouble={"code": "internal", "output": "<script>alert(1)</script>"})
    page = page_of(browser_of(staff), operation)
    assert "<script>alert(1)</script>" in page.text
    assert not [script for script in page.all("script") if "src" not in script.attributes]


def test_what_waits_can_be_tried_at_once(browser: Client, operation: Operation) -> None:
    path = f"/operations/{operation.pk}/retry/"
    assert path in [form.attributes.get("action") for form in page_of(browser, operation).all("form")]
    assert browser.post(path)["Location"] == f"/operations/{operation.pk}/"
    operation.refresh_from_db()
    assert operation.wake_at is not None


def test_what_failed_can_be_tried_again(browser: Client, operation: Operation) -> None:
    error = {"code": "host_away", "params": {"host": "web7"}}
    Operation.objects.filter(pk=operation.pk).update(state=OperationState.FAILED, error=error)
    page = page_of(browser, operation)
    assert "This did not work. web7 cannot be reached." in page.text
    browser.post(f"/operations/{operation.pk}/retry/")
    operation.refresh_from_db()
    assert operation.state == OperationState.QUEUED


def test_what_cannot_be_done_is_explained(browser: Client, operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(state=OperationState.SUCCEEDED)
    page = Page(browser.post(f"/operations/{operation.pk}/cancel/", follow=True))
    assert "has already ended" in page.one("p", class_="message").text


def test_success_leads_to_the_site(browser: Client, operation: Operation, site: Site) -> None:
    Operation.objects.filter(pk=operation.pk).update(state=OperationState.SUCCEEDED)
    page = page_of(browser, operation)
    assert "Done." in page.text
    assert f"/sites/{site.pk}/" in page.links()


def test_staff_skip_a_step_and_members_cannot(
    browser: Client, browser_of: BrowserOf, staff: Login, operation: Operation
) -> None:
    path = f"/operations/{operation.pk}/steps/1/skip/"
    assert browser.post(path).status_code == 403
    assert operation.steps.get(position=1).state == StepState.WAITING
    assert browser_of(staff).post(path).status_code == 302
    assert operation.steps.get(position=1).state == StepState.SKIPPED


def test_staff_cancel_what_has_begun(browser_of: BrowserOf, staff: Login, operation: Operation) -> None:
    assert browser_of(staff).post(f"/operations/{operation.pk}/cancel/").status_code == 302
    operation.refresh_from_db()
    assert operation.cancel_requested


def test_the_list_can_be_narrowed(browser: Client, order: HostingOrder, operation: Operation) -> None:
    failed = OperationFactory(state=OperationState.FAILED, scopes=order.scopes)
    both = {f"/operations/{operation.pk}/", f"/operations/{failed.pk}/"}

    def listed(query: str) -> set[str]:
        return both & set(Page(browser.get(f"/operations/{query}")).links())

    assert listed("") == listed("?show=nonsense") == both
    assert listed("?show=failed") == {f"/operations/{failed.pk}/"}
    assert listed("?show=running") == {f"/operations/{operation.pk}/"}


def test_the_list_shows_only_mine(browser: Client) -> None:
    theirs = OperationFactory(scopes=["order:999999"])
    page = Page(browser.get("/operations/"))
    assert f"/operations/{theirs.pk}/" not in page.links()
    assert "Nothing has been done yet" in page.text


def test_a_long_list_has_pages_and_few_queries(
    browser: Client, order: HostingOrder, django_assert_max_num_queries
) -> None:
    for _number in range(30):
        OperationFactory(scopes=order.scopes, step_count=0)
    browser.get("/operations/")  # the session is noted, once a minute
    with django_assert_max_num_queries(7):
        page = Page(browser.get("/operations/"))
    assert "Page 1 of 2" in page.text
    assert "?page=2" in page.links()
