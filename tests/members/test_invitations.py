"""Member administrators invite people by mail; who has the link gets what it says, once."""

import logging
from datetime import timedelta
from unittest import mock

import pytest
from django.core import mail as outbox
from django.test import Client
from django.utils import timezone

from controlpanel import reauthentication
from controlpanel.operations.errors import DirectoryAway
from members import invitations
from members.models import Access, Invitation, Login, Mail
from tests import factories as make
from tests.members.letters import last_letter, link_in

pytestmark = pytest.mark.django_db
PASSWORD = "three unrelated words"
NEW = {"username": "rosa", "name": "Rosa", "new": PASSWORD, "again": PASSWORD}


@pytest.fixture
def boss():
    return make.MemberAdminFactory(username="boss", member__name="Radio")


@pytest.fixture
def order(boss):
    return make.HostingOrderFactory(member=boss.member, name="Shop")


@pytest.fixture
def directory():
    with mock.patch("members.services.Directory.shared") as shared:
        yield shared.return_value


def browser_of(login):
    client = Client()
    client.force_login(login, backend="members.backends.DirectoryBackend")
    return client


@pytest.fixture
def browser(boss):
    return browser_of(boss)


def invite(browser, boss, order=None, email="rosa@example.org", language="en"):
    data = {"email": email, "language": language, "role": "order_admin" if order else "member_admin"}
    return browser.post(f"/members/{boss.member_id}/people/invite/", {**data, "orders": [order.pk] if order else []})


def open_link(client, link):
    """Open it, and land on the page without the secret."""
    answer = client.get(link)
    assert (answer.status_code, answer["Location"]) == (302, "/invitation/")
    return client.get("/invitation/")


def test_from_the_invitation_to_the_order(browser, boss, order, directory):
    assert invite(browser, boss, order).status_code == 302
    letter = last_letter()
    assert letter.to == ["rosa@example.org"]
    assert "Shop" in letter.body
    guest = Client()
    page = open_link(guest, link_in(letter))
    assert "Radio" in page.text
    assert "Shop" in page.text

    assert guest.post("/invitation/", NEW)["Location"] == "/login/"

    rosa = Login.objects.get(username="rosa")
    assert (rosa.member, rosa.email, rosa.order_ids()) == (boss.member, "rosa@example.org", [order.pk])
    directory.set_password.assert_called_once_with("rosa", PASSWORD)
    other = make.HostingOrderFactory(member=boss.member)
    assert browser_of(rosa).get(f"/orders/{order.pk}/").status_code == 200
    assert browser_of(rosa).get(f"/orders/{other.pk}/").status_code == 404
    assert last_letter().to == [boss.email]


def test_the_message_and_the_login_speak_the_chosen_language(browser, boss, order, directory):
    invite(browser, boss, order, language="es")
    letter = last_letter()
    assert "te invita" in letter.body
    guest = Client()
    open_link(guest, link_in(letter))
    guest.post("/invitation/", NEW)
    assert Login.objects.get(username="rosa").language == "es"


def test_somebody_with_a_login_accepts_with_it(browser, boss):
    invite(browser, boss)
    friend = make.LoginFactory()
    theirs = browser_of(friend)
    page = open_link(theirs, link_in(last_letter()))
    assert f"Accept as {friend.username}" in page.text
    assert not friend.accesses.exists()  # looking accepts nothing
    theirs.post("/invitation/")
    assert friend.accesses.get().member == boss.member
    friend.refresh_from_db()
    assert friend.member != boss.member


def test_who_has_a_login_may_log_in_first(browser, boss):
    invite(browser, boss)
    friend, guest = make.LoginFactory(), Client()
    assert "/login/?next=/invitation/" in open_link(guest, link_in(last_letter())).text
    with mock.patch("members.forms.account.authenticate", return_value=friend):
        friend.backend = "members.backends.DirectoryBackend"
        answer = guest.post("/login/", {"username": friend.username, "password": "x", "next": "/invitation/"})
    assert answer["Location"] == "/invitation/"
    assert "Accept as" in guest.get("/invitation/").text


def test_a_link_works_once(browser, boss, order, directory):
    invite(browser, boss, order)
    link = link_in(last_letter())
    guest, second = Client(), Client()
    open_link(guest, link)
    open_link(second, link)
    guest.post("/invitation/", NEW)
    answer = second.post("/invitation/", {**NEW, "username": "eve"})
    assert answer.status_code == 410
    assert not Login.objects.filter(username="eve").exists()
    assert open_link(Client(), link).status_code == 410


def closed(invitation):
    past = timezone.now() - timedelta(seconds=1)
    return {
        "withdrawn": lambda: invitations.withdraw(invitation=invitation),
        "ended": lambda: Invitation.objects.update(ends=past),
        "sent again": lambda: invitations.resend(invitation=invitation),
        "by somebody who lost their access": lambda: invitation.invited_by.accesses.all().delete(),
        "by somebody locked out": lambda: Login.objects.filter(pk=invitation.invited_by_id).update(is_active=False),
    }


@pytest.mark.parametrize("why", list(closed(None)))
def test_links_that_open_nothing(why, browser, boss, directory):
    invite(browser, boss)
    link = link_in(last_letter())
    guest = Client()
    open_link(guest, link)
    Invitation.objects.update(sent=timezone.now() - timedelta(minutes=2))
    closed(Invitation.objects.select_related("invited_by").get())[why]()
    assert guest.post("/invitation/", NEW).status_code == 410
    assert not Access.objects.exclude(login=boss).exists()


@pytest.mark.parametrize("guess", ["x", "' OR 1=1", "é" * 300, "\x00", "0" * 64])
def test_guesses_open_nothing(guess, browser, boss):
    invite(browser, boss)
    client = Client()
    client.get("/invitation/", {"key": guess})
    assert client.get("/invitation/").status_code == 410


def test_the_hash_in_the_database_is_not_the_key(browser, boss):
    invite(browser, boss)
    client = Client()
    client.get("/invitation/", {"key": Invitation.objects.get().digest})
    assert client.get("/invitation/").status_code == 410


def test_the_secret_is_kept_nowhere(browser, boss, order, directory, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    invite(browser, boss, order)
    link = link_in(last_letter())
    secret = link.partition("key=")[2]
    guest = Client()
    page = open_link(guest, link)
    guest.post("/invitation/", NEW)
    seen = [caplog.text, *capfd.readouterr(), page.text]
    seen += [str(list(rows)) for rows in (Invitation.objects.values(), Mail.objects.values())]
    seen.append(str(dict(guest.session)))
    assert len(secret) == 43
    assert not [text for text in seen if secret in text]


def test_while_the_directory_is_away_nothing_is_lost(browser, boss, order, directory):
    invite(browser, boss, order)
    directory.set_password.side_effect = DirectoryAway("away")
    guest = Client()
    open_link(guest, link_in(last_letter()))
    answer = guest.post("/invitation/", NEW)
    assert answer.status_code == 503
    assert PASSWORD not in answer.text
    assert not Login.objects.filter(username="rosa").exists()
    directory.set_password.side_effect = None
    assert guest.post("/invitation/", NEW).status_code == 302


@pytest.mark.parametrize(
    "data", [{"username": "root"}, {"username": "boss"}, {"username": "Ro sa"}, {"new": "short"}, {"again": "other"}]
)
def test_bad_names_and_passwords_are_told_and_make_nothing(data, browser, boss, directory):
    invite(browser, boss)
    guest = Client()
    open_link(guest, link_in(last_letter()))
    answer = guest.post("/invitation/", {**NEW, **data})
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert Login.objects.count() == 1


def test_orders_of_others_cannot_be_given(browser, boss):
    foreign = make.HostingOrderFactory()
    answer = invite(browser, boss, foreign)
    assert answer.context["form"].errors
    assert not Invitation.objects.exists()
    with pytest.raises(Exception, match="no such order"):
        invitations.invite(
            member=boss.member, email="a@example.org", role="order_admin", order_ids=[foreign.pk], actor=boss
        )


def test_one_open_invitation_an_address_and_not_the_whole_world(browser, boss, monkeypatch):
    invite(browser, boss)
    assert "has an invitation that is open" in invite(browser, boss, email="ROSA@example.org").text
    monkeypatch.setattr(invitations, "MOST", 1)
    assert "too many open invitations" in invite(browser, boss, email="other@example.org").text


def test_who_administers_only_an_order_invites_nobody(boss, order):
    helper = make.LoginFactory(administers_order=order, member=boss.member)
    assert invite(browser_of(helper), boss, order).status_code == 404


def test_inviting_asks_for_the_password_when_it_was_given_long_ago(browser, boss):
    session = browser.session
    session[reauthentication.KEY] -= reauthentication.FRESH_FOR + 1
    session.save()
    assert invite(browser, boss)["Location"].startswith("/account/confirm/")
    assert not Invitation.objects.exists()


def test_sending_again_and_withdrawing(browser, boss):
    invite(browser, boss)
    base = f"/members/{boss.member_id}/invitations/{Invitation.objects.get().pk}"
    last_letter()
    browser.post(f"{base}/resend/")
    last_letter()
    assert len(outbox.outbox) == 1  # not twice within a minute
    Invitation.objects.update(sent=timezone.now() - timedelta(minutes=2))
    browser.post(f"{base}/resend/")
    last_letter()
    assert len(outbox.outbox) == 2
    browser.post(f"{base}/withdraw/")
    assert Invitation.objects.get().state == "withdrawn"
    assert "rosa@example.org" in browser.get(f"/members/{boss.member_id}/people/").text


def test_over_rest(boss, order):
    client = Client(headers={"authorization": f"Bearer {make.TokenFactory(login=boss).text}"})
    body = {"member": boss.member_id, "email": "rosa@example.org", "role": "order_admin", "orders": [order.pk]}
    made = client.post("/api/v1/invitations/", body, content_type="application/json")
    assert made.status_code == 201
    assert (made.json()["state"], made.json()["invited_by"]) == ("open", "boss")
    assert "digest" not in made.json()
    address = f"/api/v1/invitations/{made.json()['id']}/"
    assert client.post(f"{address}resend/").status_code == 400  # a moment ago
    assert client.delete(address).status_code == 204
    assert client.get(address).json()["state"] == "withdrawn"
    assert [row["id"] for row in client.get("/api/v1/invitations/?open=true").json()["results"]] == []
    staff = {**body, "email": "x@example.org", "role": "staff", "orders": []}
    assert client.post("/api/v1/invitations/", staff, content_type="application/json").status_code == 400
