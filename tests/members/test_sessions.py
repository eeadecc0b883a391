"""Browsers in which somebody is logged in are listed, and can be signed out."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from controlpanel import reauthentication
from members import devices, sessions
from members.models import LoginSession
from tests import factories as make

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 (KHTML) Version/17.5 Safari/604.1"


@pytest.fixture
def ana():
    return make.LoginFactory(username="ana")


def browser_of(login, agent=FIREFOX, address="192.0.2.1"):
    client = Client(REMOTE_ADDR=address, headers={"user-agent": agent})
    client.force_login(login, backend="members.backends.DirectoryBackend")
    client.get("/account/")
    return client


def is_in(client):
    return client.get("/account/").status_code == 200


def test_each_browser_is_listed_in_plain_words(ana):
    here = browser_of(ana)
    browser_of(ana, PHONE, "2001:db8::7")
    browser_of(make.LoginFactory(), address="198.51.100.9")
    page = here.get("/account/sessions/").text
    for text in ("Firefox on Linux", "192.0.2.1", "Safari on iPhone", "2001:db8::7", "this one"):
        assert text in page
    assert "198.51.100.9" not in page


def test_one_is_signed_out_and_the_others_go_on(ana):
    here, there = browser_of(ana), browser_of(ana, PHONE)
    row = LoginSession.objects.get(user_agent=PHONE)
    here.post(f"/account/sessions/{row.pk}/end/")
    assert is_in(here)
    assert not is_in(there)
    assert "iPhone" not in here.get("/account/sessions/").text


def test_ending_the_one_that_asks_is_signing_out(ana):
    here = browser_of(ana)
    assert here.post(f"/account/sessions/{ana.sessions.get().pk}/end/")["Location"] == "/login/"
    assert not is_in(here)
    assert not ana.sessions.exists()


def test_all_others_at_once(ana):
    here, there = browser_of(ana), browser_of(ana, PHONE)
    here.post("/account/sessions/")
    assert (is_in(here), is_in(there)) == (True, False)
    assert [row.user_agent for row in ana.sessions.all()] == [FIREFOX]


def test_others_sessions_are_not_there(ana):
    row = LoginSession.objects.get(pk=browser_of(make.LoginFactory()).session[sessions.ROW])
    assert browser_of(ana).post(f"/account/sessions/{row.pk}/end/").status_code == 404
    assert LoginSession.objects.filter(pk=row.pk).exists()


def test_a_session_stays_the_same_when_its_key_changes(ana):
    here = browser_of(ana)
    session = here.session
    session.cycle_key()
    here.cookies["sessionid"] = session.session_key
    assert is_in(here)
    assert ana.sessions.get().key == session.session_key


def test_logging_out_takes_it_off_the_list(ana):
    browser_of(ana).post("/logout/")
    assert not ana.sessions.exists()


def test_it_is_written_down_at_most_once_a_minute(ana, django_assert_num_queries):
    here = browser_of(ana)
    long_ago = timezone.now() - timedelta(hours=1)
    LoginSession.objects.update(last_seen=long_ago)
    here.get("/account/")
    assert ana.sessions.get().last_seen == long_ago
    sessions._seen.clear()  # as after a minute
    here.get("/account/")
    assert ana.sessions.get().last_seen > long_ago


def test_what_nobody_uses_any_more_is_forgotten(ana, settings):
    browser_of(ana)
    LoginSession.objects.update(last_seen=timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE + 1))
    assert not sessions.of(ana).exists()
    sessions.forget_old()
    assert not LoginSession.objects.exists()


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5", "curl"),
        ("<script>alert(1)</script>", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_what_a_browser_calls_itself(agent, words):
    assert devices.in_words(agent) == words


def test_over_rest(ana):
    there = browser_of(ana, PHONE)
    client = Client(headers={"authorization": f"Bearer {make.TokenFactory(login=ana).text}"})
    [row] = client.get("/api/v1/sessions/").json()["results"]
    assert (row["device"], row["current"]) == ("Safari on iPhone", False)
    assert there.session.session_key not in str(row)
    assert there.get("/api/v1/sessions/").json()["results"][0]["current"] is True
    assert client.delete(f"/api/v1/sessions/{row['id']}/").status_code == 204
    assert not is_in(there)


def test_a_session_writes_over_rest_only_while_the_password_is_fresh(ana):
    here = browser_of(ana)
    assert here.post("/api/v1/tokens/", {"name": "x"}, content_type="application/json").status_code == 201
    session = here.session
    session[reauthentication.KEY] -= reauthentication.FRESH_FOR + 1
    session.save()
    answer = here.post("/api/v1/tokens/", {"name": "y"}, content_type="application/json")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:controlpanel:problem:reauthentication-required")
    assert here.get("/api/v1/tokens/").status_code == 200


def test_making_a_token_asks_too(ana):
    here = browser_of(ana)
    session = here.session
    session[reauthentication.KEY] -= reauthentication.FRESH_FOR + 1
    session.save()
    assert "Give the password" in here.get("/account/tokens/").text
    assert here.post("/account/tokens/", {"name": "x", "days": "30"})["Location"].startswith("/account/confirm/")
    assert not ana.tokens.exists()
