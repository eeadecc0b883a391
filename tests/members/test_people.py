"""Member administrators see who has access to what, give and take it, and lock nobody out by accident."""

import pytest
from django.test import Client

from members import delegation
from members.models import Access
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss():
    return make.MemberAdminFactory(username="boss", name="Bo", member__name="Radio")


@pytest.fixture
def order(boss):
    return make.HostingOrderFactory(member=boss.member, name="Shop")


@pytest.fixture
def helper(boss, order):
    return make.LoginFactory(username="helper", name="Hal", member=boss.member, administers_order=order)


def browser_of(login):
    client = Client()
    client.force_login(login, backend="members.backends.DirectoryBackend")
    return client


@pytest.fixture
def browser(boss):
    return browser_of(boss)


def person(boss, login):
    return f"/members/{boss.member_id}/people/{login.pk}/"


def save(browser, boss, login, role, *orders):
    return browser.post(person(boss, login), {"role": role, "orders": [order.pk for order in orders]})


def test_the_page_says_who_has_access_to_what(browser, boss, helper):
    outsider = make.LoginFactory(
        name="Ola", administers_order=make.HostingOrderFactory(member=boss.member, name="Blog")
    )
    make.LoginFactory(name="Nobody's", member=make.MemberFactory())
    page = browser.get(f"/members/{boss.member_id}/people/")
    for text in ("Bo", "Administers the member", "Hal", "Shop", outsider.name, "Blog", "login of another member"):
        assert text in page.text
    assert "Nobody" not in page.text
    assert browser.get("/people/")["Location"] == f"/members/{boss.member_id}/people/"


def test_the_order_says_who_administers_it(browser, boss, order, helper):
    page = browser.get(f"/orders/{order.pk}/")
    assert "Who administers it" in page.text
    assert person(boss, helper) in page.text
    theirs = browser_of(helper).get(f"/orders/{order.pk}/")
    assert "Hal" in theirs.text
    assert person(boss, helper) not in theirs.text


def test_access_is_changed_as_a_whole(browser, boss, order, helper):
    other = make.HostingOrderFactory(member=boss.member)
    elsewhere = make.HostingOrderFactory()
    make.AccessFactory(login=helper, role="order_admin", order_id=elsewhere.pk)

    save(browser, boss, helper, "order_admin", other)
    assert set(Access.objects.filter(login=helper).values_list("order_id", flat=True)) == {other.pk, elsewhere.pk}
    save(browser, boss, helper, "member_admin", order)
    assert {a.scope for a in helper.accesses.all()} == {f"member:{boss.member_id}", f"order:{elsewhere.pk}"}
    save(browser, boss, helper, "nothing")
    assert {a.scope for a in helper.accesses.all()} == {f"order:{elsewhere.pk}"}


def test_orders_of_others_cannot_be_given(browser, boss, helper):
    foreign = make.HostingOrderFactory()
    assert save(browser, boss, helper, "order_admin", foreign).context["form"].errors
    assert not Access.objects.filter(order_id=foreign.pk).exists()


def test_the_last_administrator_stays(browser, boss, helper):
    answer = save(browser, boss, boss, "nothing")
    assert "only administrator" in answer.text
    assert boss.accesses.exists()
    save(browser, boss, helper, "member_admin")
    assert save(browser, boss, boss, "nothing")["Location"] == "/"
    assert not boss.accesses.exists()


def test_somebody_who_cannot_log_in_does_not_count_as_one(browser, boss):
    make.MemberAdminFactory(member=boss.member, is_active=False)
    assert "only administrator" in save(browser, boss, boss, "nothing").text


def test_over_rest_the_last_administrator_stays_too(boss):
    client = Client(headers={"authorization": f"Bearer {make.TokenFactory(login=boss).text}"})
    assert client.delete(f"/api/v1/accesses/{boss.accesses.get().pk}/").status_code == 400
    assert boss.accesses.exists()


def test_staff_may_take_the_last_one_away(boss):
    delegation.set_access(login=boss, member=boss.member, whole=False, actor=make.StaffFactory())
    assert not boss.accesses.exists()


def test_a_login_is_locked_out_and_let_in_again(browser, boss, helper):
    browser.post(f"{person(boss, helper)}switch/", {"active": "0"})
    helper.refresh_from_db()
    assert not helper.is_active
    assert "Locked out" in browser.get(f"/members/{boss.member_id}/people/").text
    browser.post(f"{person(boss, helper)}switch/", {"active": "1"})
    helper.refresh_from_db()
    assert helper.is_active


@pytest.mark.parametrize("beyond", ["staff", "another member", "an order of another member"])
def test_logins_that_reach_beyond_the_member_are_not_the_members_to_take_over(browser, boss, helper, beyond):
    if beyond == "staff":
        make.AccessFactory(login=helper, role="staff")
    elif beyond == "another member":
        make.AccessFactory(login=helper, member=make.MemberFactory())
    else:
        make.AccessFactory(login=helper, role="order_admin", order_id=make.HostingOrderFactory().pk)
    assert "Lock out" not in browser.get(person(boss, helper)).text
    assert browser.post(f"{person(boss, helper)}switch/", {"active": "0"}).status_code == 403
    client = Client(headers={"authorization": f"Bearer {make.TokenFactory(login=boss).text}"})
    for action, body in (("password", {"password": "three unrelated words"}), ("deactivate", {}), ("sign-out", {})):
        answer = client.post(f"/api/v1/logins/{helper.pk}/{action}/", body, content_type="application/json")
        assert answer.status_code == 403, action
    changed = client.patch(f"/api/v1/logins/{helper.pk}/", {"email": "me@x.org"}, content_type="application/json")
    assert changed.status_code == 403


def test_logins_of_others_that_have_access_can_lose_it_but_are_not_locked_out(browser, boss, order):
    outsider = make.LoginFactory(administers_order=order)
    assert browser.post(f"{person(boss, outsider)}switch/", {"active": "0"}).status_code == 404
    save(browser, boss, outsider, "nothing")
    assert not outsider.accesses.exists()


def test_others_people_are_not_there(boss, order, helper):
    stranger = browser_of(make.MemberAdminFactory())
    invitation = make.InvitationFactory(member=boss.member)
    base = f"/members/{boss.member_id}"
    for path in ("people/", "people/invite/", f"people/{helper.pk}/"):
        assert stranger.get(f"{base}/{path}").status_code == 404, path
    for path in (f"people/{helper.pk}/", f"people/{helper.pk}/switch/", f"invitations/{invitation.pk}/resend/",
                 f"invitations/{invitation.pk}/withdraw/"):  # fmt: skip
        assert stranger.post(f"{base}/{path}", {"role": "nothing"}).status_code == 404, path
    own = stranger.get("/people/")["Location"]
    assert stranger.get(f"{own}{helper.pk}/").status_code == 404
    assert browser_of(helper).get("/people/").status_code == 404
    assert Client().get(f"{base}/people/").status_code == 302


def test_an_order_administrator_raises_nobody(boss, order, helper):
    client = Client(headers={"authorization": f"Bearer {make.TokenFactory(login=helper).text}"})
    for role in ({"role": "member_admin", "member": boss.member_id}, {"role": "order_admin", "order": order.pk}):
        body = {"login": helper.pk, **role}
        assert client.post("/api/v1/accesses/", body, content_type="application/json").status_code in (403, 404)


@pytest.mark.parametrize("rows", [2, 12])
def test_it_costs_the_same_for_any_number_of_people(browser, boss, rows, django_assert_max_num_queries):
    for _ in range(rows):
        make.LoginFactory(member=boss.member, administers_order=make.HostingOrderFactory(member=boss.member))
        make.InvitationFactory(member=boss.member)
    browser.get("/operations/")  # the session is noted, once a minute
    with django_assert_max_num_queries(14):
        browser.get(f"/members/{boss.member_id}/people/")
