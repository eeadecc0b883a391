"""Staff act as somebody for support: seen by that person, ended soon, and away from what is their own."""

import json
from datetime import timedelta
from unittest import mock

import pytest
from django.test import Client
from django.utils import timezone

from controlpanel import reauthentication
from controlpanel.operations.models import Operation
from hosting import services as hosting
from members.models import Impersonation
from tests import factories as make

pytestmark = pytest.mark.django_db
BACKEND = "members.backends.DirectoryBackend"
JSON = "application/json"


@pytest.fixture(autouse=True)
def _optional(settings):
    settings.STAFF_SECOND_FACTOR = "optional"


@pytest.fixture
def ana():
    return make.MemberAdminFactory(username="ana", member__name="Radio")


@pytest.fixture
def order(ana):
    return make.HostingOrderFactory(member=ana.member, name="Shop")


@pytest.fixture
def jamie():
    return make.StaffFactory(username="jamie", name="Jamie")


def browser_of(login):
    client = Client()
    client.force_login(login, backend=BACKEND)
    return client


def act_as(browser, login, reason="She cannot find her site, request 12"):
    return browser.post(f"/admin/members/login/{login.pk}/act-as/", {"reason": reason})


@pytest.fixture
def acting(jamie, ana):
    """Jamie's browser, acting as Ana."""
    browser = browser_of(jamie)
    assert act_as(browser, ana).status_code == 302
    return browser


def test_staff_see_what_the_person_sees_and_know_it(acting, order):
    other = make.HostingOrderFactory()
    page = acting.get("/orders/")
    assert "jamie, you act as ana for support" in page.text
    assert acting.get(f"/orders/{order.pk}/").status_code == 200
    assert acting.get(f"/orders/{other.pk}/").status_code == 404
    assert acting.get("/api/v1/logins/me/").json()["username"] == "ana"


def test_stopping(acting, ana):
    answer = acting.post("/account/support/stop/")
    assert answer["Location"] == f"/admin/members/login/{ana.pk}/change/"
    assert acting.get(answer["Location"]).status_code == 200
    assert Impersonation.objects.get().ended
    assert "you act as" not in acting.get("/orders/").text


def test_the_person_can_read_when_who_and_why(acting, ana):
    page = browser_of(ana).get("/account/")
    for text in ("Support acted as you", "Jamie", "request 12"):
        assert text in page.text


def test_operations_say_who_truly_asked(acting, ana, jamie, order):
    make.HostFactory(), make.HostFactory(roles=["edge"]), make.PoolFactory()
    answer = acting.post(
        "/api/v1/sites/", {"order": order.pk, "kind": "static", "domains": ["shop.example.org"]}, content_type=JSON
    )
    assert answer.status_code == 202, answer.text
    operation = Operation.objects.latest("pk")
    assert (operation.requested_by, operation.impersonated_by) == (ana, jamie)
    theirs = browser_of(ana)
    assert "by jamie, for support" in theirs.get(f"/operations/{operation.pk}/").text
    assert "by jamie, for support" in theirs.get("/operations/").text
    assert theirs.get(f"/api/v1/operations/{operation.pk}/").json()["impersonated_by"] == "jamie"


def test_afterwards_nobody_else_is_said_to_have_asked(acting, ana, order):
    acting.get("/orders/")
    make.HostFactory(), make.HostFactory(roles=["edge"]), make.PoolFactory()
    hosting.create_site(ana, order, "static", ["own.example.org"])
    assert Operation.objects.latest("pk").impersonated_by is None


PAGES = [
    "/admin/",
    "/admin/members/login/",
    "/account/password/",
    "/account/tokens/",
    "/account/keys/",
    "/account/second-factor/",
    "/account/second-factor/app/",
    "/account/sessions/",
    "/invitation/",
    "/password/new/",
]


@pytest.mark.parametrize("page", PAGES)
def test_what_is_the_person_s_own_is_out_of_reach(acting, page):
    for answer in (acting.get(page), acting.post(page, {})):
        assert answer.status_code == 403, page
    assert "Not in somebody else" in acting.get(page).text


def test_over_rest_too(acting, ana, order):
    colleague = make.LoginFactory(member=ana.member)
    writes = [
        ("POST", "/api/v1/tokens/", {"name": "mine"}),
        ("POST", f"/api/v1/logins/{ana.pk}/password/", {"password": "three unrelated words", "old_password": "x"}),
        ("PATCH", f"/api/v1/logins/{ana.pk}/", {"ssh_keys": []}),
        ("POST", "/api/v1/logins/", {"username": "eve", "member": ana.member_id}),
        ("POST", "/api/v1/accesses/", {"login": colleague.pk, "role": "member_admin", "member": ana.member_id}),
        ("DELETE", f"/api/v1/accesses/{ana.accesses.get().pk}/", {}),
        ("POST", "/api/v1/invitations/", {"member": ana.member_id, "email": "e@x.org", "role": "member_admin"}),
    ]
    for method, path, body in writes:
        answer = acting.generic(method, path, json.dumps(body), content_type=JSON)
        assert (answer.status_code, answer.json()["type"]) == (
            403, "urn:controlpanel:problem:not-while-impersonating"
        ), path  # fmt: skip
    assert not ana.tokens.exists()


def test_people_can_be_looked_at_but_not_changed(acting, ana):
    base = f"/members/{ana.member_id}/people/"
    assert acting.get(base).status_code == 200
    assert acting.post(f"{base}invite/", {}).status_code == 403
    assert acting.post(f"{base}{ana.pk}/", {"role": "nothing"}).status_code == 403


def test_it_ends_by_itself_and_what_was_asked_for_then_is_not_done(acting, ana, order):
    site = make.SiteFactory(order=order, placed=True)
    Impersonation.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert acting.post(f"/sites/{site.pk}/delete/", {})["Location"] == "/"
    site.refresh_from_db()
    assert site.state == "active"
    assert acting.get("/admin/").status_code == 200
    row = Impersonation.objects.get()
    assert row.ended == row.until


@pytest.mark.parametrize("what", ["staff access", "the person's login"])
def test_it_ends_when_either_may_no_longer(acting, ana, jamie, what):
    if what == "staff access":
        jamie.accesses.all().delete()
    else:
        type(ana).objects.filter(pk=ana.pk).update(is_active=False)
    answer = acting.get("/orders/")
    assert answer.status_code == 302
    assert "ana" not in acting.get("/orders/").text


def test_who_may_not_be_acted_as(jamie, ana):
    browser = browser_of(jamie)
    for login in (jamie, make.StaffFactory(), make.LoginFactory(is_active=False)):
        act_as(browser, login)
    act_as(browser, ana, reason="  ")
    assert not Impersonation.objects.exists()


def test_only_staff_act_as_others(ana):
    assert act_as(browser_of(ana), make.LoginFactory()).status_code == 302  # to the login page of the admin
    assert not Impersonation.objects.exists()


def test_it_asks_for_the_password_first_and_again_for_what_is_dangerous(jamie, ana, order):
    browser = browser_of(jamie)
    grow_old(browser)
    assert act_as(browser, ana)["Location"].startswith("/account/confirm/")
    browser = browser_of(jamie)
    act_as(browser, ana)
    grow_old(browser)
    site = make.SiteFactory(order=order, placed=True)
    assert browser.get(f"/sites/{site.pk}/delete/")["Location"].startswith("/account/confirm/")
    with mock.patch("members.views.confirm.authenticate", return_value=jamie) as asked:
        browser.post("/account/confirm/", {"password": "jamie's own", "next": "/"})
    assert asked.call_args.kwargs["username"] == "jamie"
    assert browser.get(f"/sites/{site.pk}/delete/").status_code == 200


def grow_old(browser):
    session = browser.session
    session[reauthentication.KEY] -= reauthentication.FRESH_FOR + 1
    session.save()


def test_the_session_s_key_changes_at_both_ends(jamie, ana):
    browser = browser_of(jamie)
    before = browser.cookies["sessionid"].value
    act_as(browser, ana)
    during = browser.cookies["sessionid"].value
    browser.post("/account/support/stop/")
    assert len({before, during, browser.cookies["sessionid"].value}) == 3


def test_logging_out_ends_it(acting):
    acting.post("/logout/")
    assert Impersonation.objects.get().ended
    assert acting.get("/orders/").status_code == 302


def test_the_person_s_language_is_not_changed(acting, ana):
    acting.post("/account/language/", {"language": "es"})
    ana.refresh_from_db()
    assert ana.language == ""
    assert 'lang="es"' in acting.get("/orders/").text
