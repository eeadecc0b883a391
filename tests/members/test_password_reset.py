"""Forgotten passwords: the same answer to everybody, a link that works once and for an hour."""

import re
from datetime import timedelta
from unittest import mock

import pytest
from django.core import mail as outbox
from django.test import Client
from django.utils import timezone

from controlpanel.operations.errors import DirectoryAway
from members import mail, password_reset
from members.models import Login, PasswordReset
from tests import factories as make
from tests.members.letters import last_letter, link_in

pytestmark = pytest.mark.django_db
PASSWORD = "three unrelated words"
NEW = {"new": PASSWORD, "again": PASSWORD}


@pytest.fixture
def ana():
    return make.LoginFactory(username="ana", email="ana@example.org")


@pytest.fixture
def directory():
    with mock.patch("members.services.Directory.shared") as shared:
        yield shared.return_value


def ask(asked_for, client=None):
    return (client or Client()).post("/password/forgotten/", {"asked_for": asked_for})


def letters():
    password_reset.write_due()
    mail.send_due()
    return outbox.outbox


def link_for(login):
    ask(login.username)
    password_reset.write_due()
    return link_in(last_letter())


def opened(link):
    client = Client()
    assert client.get(link)["Location"] == "/password/new/"
    return client


@pytest.mark.parametrize("name", ["ana", " ANA ", "Ana@Example.org"])
def test_a_new_password_by_the_link(name, ana, directory):
    ask(name)
    [letter] = letters()
    assert letter.to == ["ana@example.org"]
    open_session = Client()
    open_session.force_login(ana, backend="members.backends.DirectoryBackend")
    client = opened(link_in(letter))
    assert "ana" in client.get("/password/new/").text

    assert client.post("/password/new/", NEW)["Location"] == "/login/"

    directory.set_password.assert_called_once_with("ana", PASSWORD)
    assert open_session.get("/account/").status_code == 302
    assert client.get("/account/").status_code == 302  # having a link is not being logged in
    assert "was changed" in letters()[-1].subject


def test_the_answer_tells_nobody_who_is_known(ana):
    known, unknown = ask("ana"), ask("nobody-at-all")
    assert known.status_code == unknown.status_code == 200
    token = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')
    assert token.sub("", known.text) == token.sub("", unknown.text)
    assert not outbox.outbox
    assert len(letters()) == 1


@pytest.mark.parametrize("changes", [{"is_active": False}, {"email": ""}])
def test_who_cannot_be_written_to_is_not(ana, changes):
    Login.objects.update(**changes)
    ask("ana")
    assert not letters()


def test_logins_that_share_an_address_are_all_written_to(ana):
    make.LoginFactory(username="shop", email="ana@example.org")
    ask("ana@example.org")
    assert {("shop" in letter.body) for letter in letters()} == {True, False}


def test_a_link_works_once(ana, directory):
    link = link_for(ana)
    first, second = opened(link), opened(link)
    first.post("/password/new/", NEW)
    assert second.post("/password/new/", NEW).status_code == 410
    assert directory.set_password.call_count == 1


def test_using_one_link_ends_all_others(ana, directory):
    first, second = opened(link_for(ana)), opened(link_for(ana))
    second.post("/password/new/", NEW)
    assert first.post("/password/new/", NEW).status_code == 410


def test_a_link_ends_after_an_hour(ana, directory):
    client = opened(link_for(ana))
    PasswordReset.objects.update(ends=timezone.now() - timedelta(seconds=1))
    assert client.post("/password/new/", NEW).status_code == 410
    directory.set_password.assert_not_called()


def test_a_bad_password_leaves_the_link_good(ana, directory):
    client = opened(link_for(ana))
    assert "at least 12" in client.post("/password/new/", {"new": "short", "again": "short"}).text
    assert client.post("/password/new/", NEW).status_code == 302


def test_while_the_directory_is_away_nothing_is_lost(ana, directory):
    client = opened(link_for(ana))
    salt = ana.session_salt
    directory.set_password.side_effect = DirectoryAway("away")
    assert client.post("/password/new/", NEW).status_code == 503
    ana.refresh_from_db()
    assert ana.session_salt == salt
    directory.set_password.side_effect = None
    assert client.post("/password/new/", NEW).status_code == 302


def test_nobody_s_mailbox_is_flooded_and_nobody_asks_for_ever(ana):
    for _ in range(password_reset.MOST_FROM_ADDRESS):
        assert ask("ana").status_code == 200
    assert ask("somebody").status_code == 429
    assert len(letters()) == password_reset.MOST_TO_LOGIN
    assert ask("ana", Client(REMOTE_ADDR="192.0.2.7")).status_code == 200


def test_the_secret_is_not_in_the_database(ana):
    secret = link_for(ana).partition("key=")[2]
    assert secret not in str(list(PasswordReset.objects.values()))
    assert Client().get("/password/new/", {"key": PasswordReset.objects.get(login=ana).digest}).status_code == 302


def test_an_invitation_s_secret_is_no_password_link(ana):
    invitation = make.InvitationFactory()
    client = opened(f"/password/new/?key={invitation.secret}")
    assert client.get("/password/new/").status_code == 410


def test_old_rows_are_forgotten(ana):
    ask("ana")
    PasswordReset.objects.update(created=timezone.now() - password_reset.KEPT - timedelta(hours=1))
    password_reset.forget_old()
    assert not PasswordReset.objects.exists()
