"""Second factors: apps, keys and recovery codes, and the door that asks for them."""

import time
from types import SimpleNamespace
from unittest import mock

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.db import connection
from django.test import Client

from controlpanel import reauthentication
from members import entry, factors, mail
from members.factors import codes
from members.models import FailedCode, Login, Mail
from tests import factories as make
from tests.members import authenticators
from tests.members.authenticators import SoftKey, code_of

pytestmark = pytest.mark.django_db
BASE = "/account/second-factor/"
BACKEND = "members.backends.DirectoryBackend"


@pytest.fixture(autouse=True)
def _one_half_minute(monkeypatch):
    """A code lasts half a minute; the one that a test began in lasts until its end."""
    began = time.time()
    clock = SimpleNamespace(time=lambda: began)
    for who in (totp, authenticators):
        monkeypatch.setattr(who, "time", clock)


@pytest.fixture
def ana():
    return make.LoginFactory(username="ana")


@pytest.fixture
def browser(ana):
    client = Client()
    client.force_login(ana, backend=BACKEND)
    return client


def set_up_app(browser):
    """Read the QR code, type the first code; the secret."""
    secret = browser.get(f"{BASE}app/").context["secret"]
    assert browser.post(f"{BASE}app/", {"code": code_of(secret)}).status_code == 302
    return secret


def set_up_key(browser, **kwargs):
    key = SoftKey(**kwargs)
    options = browser.get(f"{BASE}key/").context["options"]
    answer = browser.post(f"{BASE}key/", {"name": "blue", "credential": key.create(options)})
    assert answer.status_code == 302, answer.text
    return key


def password_given(login, client=None, **extra):
    """Somebody who has given the right password."""
    client = client or Client()
    login.backend = BACKEND
    with mock.patch("members.forms.account.authenticate", return_value=login):
        client.answer = client.post("/login/", {"username": login.username, "password": "right", **extra})
    return client


def is_in(client):
    return client.get("/account/").status_code == 200


# --- apps ----------------------------------------------------------------------------------------------------------
def test_an_app_is_set_up_and_asked_for_at_the_next_login(ana, browser):
    secret = set_up_app(browser)
    assert is_in(browser)
    assert "second factor was set up" in Mail.objects.get().subject

    client = password_given(ana)
    assert client.answer["Location"] == "/login/second/"
    assert not is_in(client)
    answer = client.post("/login/second/", {"code": code_of(secret, 1)})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert is_in(client)


def test_a_code_is_good_once(ana, browser):
    secret = set_up_app(browser)
    used_at_setup = password_given(ana)
    assert "not right" in used_at_setup.post("/login/second/", {"code": code_of(secret)}).text
    assert password_given(ana).post("/login/second/", {"code": code_of(secret, 1)}).status_code == 302
    again = password_given(ana)
    assert again.post("/login/second/", {"code": code_of(secret, 1)}).status_code == 200
    assert not is_in(again)


@pytest.mark.parametrize("later", [-3, 3])
def test_codes_of_another_time_are_wrong(ana, browser, later):
    secret = set_up_app(browser)
    assert password_given(ana).post("/login/second/", {"code": code_of(secret, later)}).status_code == 200


def test_an_app_that_shows_something_else_is_not_taken_into_use(ana, browser):
    browser.get(f"{BASE}app/")
    assert "not right" in browser.post(f"{BASE}app/", {"code": "000000"}).text
    assert not factors.has_factor(ana)


def test_secrets_are_encrypted_at_rest_and_in_the_session(ana, browser):
    page = browser.get(f"{BASE}app/")
    secret = page.context["secret"].replace(" ", "")
    assert secret not in str(dict(browser.session))
    set_up_app(browser)
    codes_shown = browser.get(f"{BASE}codes/").context["codes"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator")
        stored = " ".join(row[0] for row in cursor.fetchall())
    for text in (secret, *codes_shown):
        assert text not in stored


def test_changing_to_another_app_ends_the_one_before(ana, browser):
    old = set_up_app(browser)
    new = set_up_app(browser)
    assert old != new
    assert password_given(ana).post("/login/second/", {"code": code_of(old, 1)}).status_code == 200
    assert password_given(ana).post("/login/second/", {"code": code_of(new, 1)}).status_code == 302


# --- recovery codes ------------------------------------------------------------------------------------------------
def test_recovery_codes_are_shown_once_and_each_works_once(ana, browser):
    set_up_app(browser)
    shown = browser.get(f"{BASE}codes/")
    code = shown.context["codes"][0]
    assert len(shown.context["codes"]) == 10
    assert browser.get(f"{BASE}codes/")["Location"] == BASE
    spaced = f" {code[:5]} {code[5:]} "
    assert password_given(ana).post("/login/second/", {"code": spaced}).status_code == 302
    assert password_given(ana).post("/login/second/", {"code": code}).status_code == 200
    assert "9 codes are left" in browser.get(BASE).text


def test_new_recovery_codes_end_the_old_ones(ana, browser):
    set_up_app(browser)
    old = browser.get(f"{BASE}codes/").context["codes"]
    browser.post(f"{BASE}codes/new/")
    new = browser.get(f"{BASE}codes/").context["codes"]
    assert not set(old) & set(new)
    assert password_given(ana).post("/login/second/", {"code": old[0]}).status_code == 200


# --- keys ----------------------------------------------------------------------------------------------------------
def test_a_key_is_set_up_and_opens(ana, browser):
    key = set_up_key(browser)
    client = password_given(ana)
    options = client.get("/login/second/").context["options"]
    assert client.post("/login/second/", {"credential": key.get(options)})["Location"] == "/"
    assert is_in(client)
    assert Authenticator.objects.get(type="webauthn").last_used_at


def test_a_key_s_answer_is_good_for_its_challenge_only(ana, browser):
    key = set_up_key(browser)
    client = password_given(ana)
    old = key.get(client.get("/login/second/").context["options"])
    client.get("/login/second/")
    assert client.post("/login/second/", {"credential": old}).status_code == 200
    fresh = key.get(client.get("/login/second/").context["options"])
    assert client.post("/login/second/", {"credential": fresh}).status_code == 302
    other = password_given(ana)
    other.get("/login/second/")
    assert other.post("/login/second/", {"credential": fresh}).status_code == 200


def test_keys_of_others_and_of_other_sites_open_nothing(ana, browser):
    key = set_up_key(browser)
    eve = make.LoginFactory()
    theirs = Client()
    theirs.force_login(eve, backend=BACKEND)
    stolen = set_up_key(theirs)
    for other in (stolen, SoftKey()):
        client = password_given(ana)
        answer = other.get(client.get("/login/second/").context["options"])
        assert client.post("/login/second/", {"credential": answer}).status_code == 200
    key.origin = "https://evil.example"
    client = password_given(ana)
    answer = key.get(client.get("/login/second/").context["options"])
    assert client.post("/login/second/", {"credential": answer}).status_code == 200


@pytest.mark.parametrize(
    "answer", ["x", "[]", "{}", '{"id": 1}', "null", '{"response": {"clientDataJSON": "é"}}', "9" * 30_000]
)
def test_nonsense_instead_of_a_key_is_refused(ana, browser, answer):
    set_up_key(browser)
    client = password_given(ana)
    client.get("/login/second/")
    assert client.post("/login/second/", {"credential": answer}).status_code == 200
    browser.get(f"{BASE}key/")
    assert browser.post(f"{BASE}key/", {"name": "x", "credential": answer}).status_code == 200
    assert Authenticator.objects.filter(type="webauthn").count() == 1


# --- the door ------------------------------------------------------------------------------------------------------
def test_the_session_s_key_changes_at_both_steps(ana, browser):
    secret = set_up_app(browser)
    client = Client()
    client.get("/login/")
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    client.cookies["sessionid"] = planted = session.session_key
    password_given(ana, client)
    halfway = client.cookies["sessionid"].value
    client.post("/login/second/", {"code": code_of(secret, 1)})
    assert len({planted, halfway, client.cookies["sessionid"].value}) == 3
    for old in (planted, halfway):
        stranger = Client()
        stranger.cookies["sessionid"] = old
        assert not is_in(stranger)


def test_who_is_half_way_in_is_not_in(ana, browser):
    set_up_app(browser)
    client = password_given(ana)
    for path in ("/account/", "/orders/", "/admin/", "/api/v1/logins/me/", BASE):
        assert client.get(path).status_code in (302, 401), path


def test_the_second_step_leads_to_our_own_pages_only(ana, browser):
    secret = set_up_app(browser)
    for later, (asked, target) in enumerate([("https://evil.example/", "/"), ("/operations/", "/operations/")]):
        client = password_given(ana, next=asked)
        Authenticator.objects.filter(type="totp").update(data={**_data(ana), "last_counter": 0})
        assert client.post("/login/second/", {"code": code_of(secret, later)})["Location"] == target


def _data(login):
    return Authenticator.objects.get(user=login, type="totp").data


def test_the_second_step_has_its_time(ana, browser):
    secret = set_up_app(browser)
    client = password_given(ana)
    session = client.session
    session["entering"] = {**session["entering"], "at": session["entering"]["at"] - entry.PATIENCE - 1}
    session.save()
    assert client.post("/login/second/", {"code": code_of(secret, 1)})["Location"] == "/login/"


@pytest.mark.parametrize("changes", [{"is_active": False}, {"session_salt": "changed"}])
def test_who_was_locked_out_meanwhile_stays_out(ana, browser, changes):
    secret = set_up_app(browser)
    client = password_given(ana)
    Login.objects.filter(pk=ana.pk).update(**changes)
    assert client.post("/login/second/", {"code": code_of(secret, 1)})["Location"] == "/login/"


def test_nobody_comes_to_the_second_step_without_the_first():
    assert Client().get("/login/second/")["Location"] == "/login/"


def test_guessing_is_stopped_whatever_address_it_comes_from(ana, browser):
    secret = set_up_app(browser)
    for number in range(codes.MOST_FAILURES):
        client = password_given(ana, Client(REMOTE_ADDR=f"192.0.2.{number}"))
        assert client.post("/login/second/", {"code": "000000"}).status_code == 200
    client = password_given(ana)
    assert client.post("/login/second/", {"code": code_of(secret, 1)}).status_code == 429
    assert not is_in(client)
    FailedCode.objects.update(created=FailedCode.objects.first().created - codes.FAILURES_COUNT)
    assert client.post("/login/second/", {"code": code_of(secret, 1)}).status_code == 302
    assert not FailedCode.objects.exists()


# --- taking away, and giving back ----------------------------------------------------------------------------------
def test_taking_the_last_one_away_takes_the_codes_too(ana, browser):
    set_up_app(browser)
    browser.post(f"{BASE}{factors.state_of(ana).app.pk}/remove/")
    assert not Authenticator.objects.exists()
    assert password_given(ana).answer["Location"] == "/"
    assert Mail.objects.filter(template="second_factor_removed").exists()


def test_others_factors_are_not_there(browser):
    eve = make.LoginFactory()
    row = Authenticator.objects.create(user=eve, type="totp", data={})
    assert browser.post(f"{BASE}{row.pk}/remove/").status_code == 404
    assert factors.has_factor(eve)


@pytest.mark.parametrize(
    ("method", "path"), [("get", "app/"), ("get", "key/"), ("post", "codes/new/"), ("post", "1/remove/")]
)
def test_changing_them_asks_who_it_is(browser, method, path):
    grow_old(browser)
    assert getattr(browser, method)(f"{BASE}{path}")["Location"].startswith("/account/confirm/")


def grow_old(browser):
    session = browser.session
    session[reauthentication.KEY] -= reauthentication.FRESH_FOR + 1
    session.save()


def test_a_second_factor_confirms_as_well_as_the_password(ana, browser):
    secret = set_up_app(browser)
    key = set_up_key(browser)
    for proof in ({"code": code_of(secret, 1)}, "key"):
        grow_old(browser)
        page = browser.get("/account/confirm/")
        assert browser.post("/account/confirm/", {"code": "000000"}).status_code == 200
        page = browser.get("/account/confirm/")
        posted = {"credential": key.get(page.context["options"])} if proof == "key" else proof
        answer = browser.post("/account/confirm/", {**posted, "next": f"{BASE}app/"})
        assert answer["Location"] == f"{BASE}app/"
        assert browser.get(f"{BASE}app/").status_code == 200


# --- staff ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def required(settings):
    settings.STAFF_SECOND_FACTOR = "required"


@pytest.fixture
def staff():
    return make.StaffFactory(username="jamie")


def test_staff_set_one_up_before_anything_else(required, staff):
    browser = password_given(staff)
    for path in ("/orders/", "/admin/", "/account/", "/account/tokens/"):
        assert browser.get(path)["Location"].startswith(BASE), path
    answer = browser.get("/api/v1/orders/")
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    assert browser.get("/healthz").status_code == 200
    assert "Staff need a second factor" in browser.get(BASE).text
    secret = set_up_app(browser)
    for path in ("/orders/", "/admin/", "/account/"):
        assert browser.get(path).status_code == 200, path
    later = password_given(staff)
    later.post("/login/second/", {"code": code_of(secret, 1)})
    assert later.get("/admin/").status_code == 200


def test_staff_s_tokens_work_all_the_same(required, staff):
    client = Client(headers={"authorization": f"Bearer {make.TokenFactory(login=staff).text}"})
    assert client.get("/api/v1/orders/").status_code == 200


def test_a_staff_session_that_has_shown_none_ends_when_there_is_one(required, staff):
    browser = password_given(staff)
    factors.new_recovery_codes(staff)
    Authenticator.objects.create(user=staff, type="totp", data={})
    assert browser.get("/admin/").status_code == 302
    assert not browser.session.get("_auth_user_id")


def test_staff_keep_one(required, staff):
    browser = password_given(staff)
    set_up_app(browser)
    browser.post(f"{BASE}{factors.state_of(staff).app.pk}/remove/")
    assert factors.has_factor(staff)
    assert "Staff need a second factor" in browser.get(BASE).text


def test_members_are_asked_for_nothing(required, ana, browser):
    assert browser.get("/account/").status_code == 200


def test_staff_reset_somebody_s_and_they_are_told(staff, ana, browser):
    set_up_app(browser)
    jamie = Client()
    jamie.force_login(staff, backend=BACKEND)
    path = f"/admin/members/login/{ana.pk}/reset-second-factor/"
    grow_old(jamie)
    assert jamie.post(path)["Location"].startswith("/account/confirm/")
    jamie.force_login(staff, backend=BACKEND)
    assert "Be sure that it is them" in jamie.get(path).text
    jamie.post(path)
    assert not Authenticator.objects.filter(user=ana).exists()
    assert not is_in(browser)
    assert Mail.objects.filter(template="second_factor_reset", to=ana.email).exists()
    jamie.post(f"/admin/members/login/{staff.pk}/reset-second-factor/")
    assert not Mail.objects.filter(template="second_factor_reset", to=staff.email).exists()


def test_ones_own_state_over_rest(ana, browser):
    secret_free = {"on": True, "required": False, "app": True, "keys": 0, "recovery_codes": 10}
    set_up_app(browser)
    token = make.TokenFactory(login=ana).text
    answer = Client(headers={"authorization": f"Bearer {token}"}).get("/api/v1/logins/me/second-factor/")
    assert answer.json() == secret_free
    assert mail.send_due() == 1
