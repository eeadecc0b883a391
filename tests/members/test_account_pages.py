"""Logging in and one's own account, as far as it goes without a directory. With one: test_directory.py."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from controlpanel.operations.models import Operation
from members.models import Login, Token
from tests.factories import LoginFactory, MemberFactory, SiteFactory, TokenFactory
from tests.members.test_ssh_keys import ED25519

pytestmark = pytest.mark.django_db
ANY = "whatever it is"


@pytest.fixture(autouse=True)
def nowhere(settings):
    """A directory that is away: nothing listens there."""
    settings.LDAP_URIS = ["ldaps://127.0.0.1:1"]


@pytest.fixture
def login():
    member = MemberFactory()
    return LoginFactory(member=member, administers=member)


@pytest.fixture
def browser(login):
    client = Client()
    client.force_login(login, backend="members.backends.DirectoryBackend")
    return client


def try_to_log_in(client, username="anna", password=ANY, **extra):
    return client.post(reverse("members:login"), {"username": username, "password": password, **extra})


# --- logging in
def test_with_the_directory_away_the_page_says_so_and_does_not_call_the_password_wrong(client, login):
    answer = try_to_log_in(client, login.username)
    assert answer.status_code == 503
    assert "cannot be checked right now" in answer.text
    assert "is not right" not in answer.text


def test_with_the_directory_away_open_sessions_go_on(browser, login):
    answer = browser.get(reverse("members:account"))
    assert answer.status_code == 200
    assert login.username in answer.text


def test_attempts_that_could_not_be_checked_are_not_counted(client, login, settings):
    for _ in range(settings.AXES_FAILURE_LIMIT + 1):
        assert try_to_log_in(client, login.username).status_code == 503


@pytest.mark.parametrize("name", ["nobody", "anna)(uid=*", "*", "anna,ou=people", "x" * 64, "../../etc/passwd", "ánna"])
def test_unknown_and_impossible_names_get_the_same_answer(client, name):
    answer = try_to_log_in(client, name)
    assert answer.status_code == 200
    assert "User name or password is not right." in answer.text


def test_an_inactive_login_gets_the_same_answer(client):
    answer = try_to_log_in(client, LoginFactory(is_active=False).username)
    assert "User name or password is not right." in answer.text


def test_too_many_attempts_are_stopped_for_that_name_and_address_only(client, settings, login):
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = try_to_log_in(client, "somebody")
    assert answer.status_code == 429
    assert "Too many attempts" in answer.text
    assert int(answer["Retry-After"]) > 0
    assert try_to_log_in(client, " SomeBody ").status_code == 429
    assert try_to_log_in(client, login.username).status_code == 503
    assert Client(REMOTE_ADDR="192.0.2.1").post(
        reverse("members:login"), {"username": "somebody", "password": "x"}
    ).status_code == 200  # fmt: skip


def test_passwords_of_attempts_are_not_kept(client):
    from axes.models import AccessAttempt

    try_to_log_in(client, "somebody", "my secret sentence")
    assert "my secret sentence" not in str(list(AccessAttempt.objects.values()))


def test_after_login_only_our_own_pages_are_gone_to(browser):
    login_page = reverse("members:login")
    account = reverse("members:account")
    assert browser.get(login_page, {"next": account})["Location"] == account
    for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)", "http:///evil.example"):
        assert browser.get(login_page, {"next": elsewhere})["Location"] == "/"


def test_the_admin_uses_the_same_way_in(client, browser):
    answer = client.get("/admin/")
    assert answer["Location"].startswith("/admin/login/")
    answer = client.get(answer["Location"])
    assert answer["Location"] == "/login/?next=%2Fadmin%2F"
    assert browser.get("/admin/login/?next=/admin/").status_code == 403


def test_logging_out_needs_a_post_and_ends_the_session(browser):
    assert browser.get(reverse("members:logout")).status_code == 405
    browser.post(reverse("members:logout"))
    assert browser.get(reverse("members:account"))["Location"].startswith("/login/")


def test_forms_without_their_token_are_refused(login):
    client = Client(enforce_csrf_checks=True)
    assert try_to_log_in(client, login.username).status_code == 403


@pytest.mark.parametrize("page", ["members:account", "members:password", "hosting:tokens", "members:keys"])
def test_an_account_is_for_who_is_logged_in(client, page):
    answer = client.get(reverse(page))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


@pytest.mark.parametrize("page", ["members:account", "members:password", "hosting:tokens", "members:keys"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_pages_are_there_in_each_language(browser, page, language):
    browser.post(reverse("members:language"), {"language": language})
    answer = browser.get(reverse(page))
    assert answer.status_code == 200
    assert f'<html lang="{language}"' in answer.text


# --- sessions
def test_a_session_ends_when_the_login_is_deactivated(browser, login):
    Login.objects.update(is_active=False)
    assert browser.get(reverse("members:account")).status_code == 302


def test_signing_out_everywhere_keeps_the_session_that_asked(browser, login):
    other = Client()
    other.force_login(login, backend="members.backends.DirectoryBackend")
    browser.post(reverse("members:sessions"))
    assert browser.get(reverse("members:account")).status_code == 200
    assert other.get(reverse("members:account")).status_code == 302


# --- password
def test_a_password_cannot_be_changed_while_the_directory_is_away(browser, login):
    salt = login.session_salt
    answer = browser.post(
        reverse("members:password"), {"old": "old", "new": "three unrelated words", "again": "three unrelated words"}
    )
    assert answer.status_code == 503
    assert "cannot be changed right now" in answer.text
    assert "three unrelated words" not in answer.text
    login.refresh_from_db()
    assert login.session_salt == salt


@pytest.mark.parametrize(
    ("new", "again", "problem"),
    [
        ("short", "short", "at least 12"),
        ("password1234", "password1234", "too common"),
        ("three unrelated words", "three unrelated word", "not the same"),
        ("old password here", "old password here", "that you have now"),
        ("x" * 300, "x" * 300, "at most 256"),
    ],
)
def test_new_passwords_are_checked_and_the_reason_is_told(browser, new, again, problem):
    answer = browser.post(reverse("members:password"), {"old": "old password here", "new": new, "again": again})
    assert problem in answer.text


# --- tokens
def test_a_token_is_shown_once(browser, login):
    page = reverse("hosting:tokens")
    answer = browser.post(page, {"name": "deploy", "scope": "write", "days": "30"})
    text = answer.context["text"]
    assert text in answer.text
    assert text not in browser.get(page).text
    assert login.tokens.get().expires is not None


def test_a_token_may_be_made_without_end(browser, login):
    browser.post(reverse("hosting:tokens"), {"name": "deploy", "scope": "read", "days": ""})
    assert login.tokens.get().expires is None


@pytest.mark.parametrize(
    "data",
    [
        {"name": "", "scope": "write", "days": "30"},
        {"name": "x" * 81, "scope": "write", "days": "30"},
        {"name": "x", "scope": "write", "days": "7"},
        {"name": "x", "scope": "everything", "days": "30"},
        {"name": "x", "scope": "write", "days": "30", "only": "member:999999"},
    ],
)
def test_a_bad_token_form_makes_none(browser, login, data):
    answer = browser.post(reverse("hosting:tokens"), data)
    assert answer.context["form"].errors
    assert not login.tokens.exists()


def test_a_token_is_narrowed_on_the_page(browser, login):
    site = SiteFactory(order__member=login.member)
    limit = f"member:{login.member_id}/order:{site.order_id}/site:{site.pk}"
    page = browser.get(reverse("hosting:tokens"), {"only": limit}).text
    assert re.search(rf'value="{limit}"[^>]* checked', page)
    answer = browser.post(
        reverse("hosting:tokens"), {"name": "deploy", "scope": "write", "days": "30", "only": [limit]}
    )
    assert login.tokens.get().limits == [limit]
    assert f"Site {site.primary}" in answer.text


def test_revoking_one_s_own_token_and_nobody_else_s(browser, login):
    own, other = TokenFactory(login=login), TokenFactory()
    assert browser.post(reverse("hosting:revoke_token", args=[own.pk])).status_code == 302
    assert browser.post(reverse("hosting:revoke_token", args=[other.pk])).status_code == 404
    assert list(Token.objects.all()) == [other]


# --- keys
def test_saving_keys_is_an_operation(browser, login):
    browser.post(reverse("members:keys"), {"keys": f"{ED25519} anna@laptop\n"})
    login.refresh_from_db()
    assert login.ssh_keys == f"{ED25519} anna@laptop"
    operation = Operation.objects.get()
    assert (operation.kind, operation.requested_by) == ("members.ensure_login", login)


def test_bad_keys_are_named_by_line_and_nothing_is_saved(browser, login):
    answer = browser.post(reverse("members:keys"), {"keys": f"{ED25519}\ncommand=sh {ED25519}"})
    assert "Line 2" in answer.text
    login.refresh_from_db()
    assert login.ssh_keys == ""
    assert not Operation.objects.exists()


def test_what_people_type_is_shown_as_text(browser, login):
    Login.objects.filter(pk=login.pk).update(name="<script>alert(1)</script>")
    TokenFactory(login=login, name="<img src=x>")
    assert "<script>alert" not in browser.get(reverse("members:account")).text
    assert "<img src=x>" not in browser.get(reverse("hosting:tokens")).text


# --- language
def test_the_language_is_remembered_for_the_login_and_the_browser(browser, login):
    answer = browser.post(reverse("members:language"), {"language": "es", "next": reverse("members:account")})
    assert answer["Location"] == reverse("members:account")
    assert answer.cookies["django_language"].value == "es"
    login.refresh_from_db()
    assert login.language == "es"


def test_somebody_who_is_not_logged_in_may_choose_too(client):
    answer = client.post(reverse("members:language"), {"language": "es"})
    assert answer.cookies["django_language"].value == "es"
    assert '<html lang="es"' in client.get(reverse("members:login")).text


@pytest.mark.parametrize("language", ["", "tlh", "es\r\nSet-Cookie: a=b", "x" * 10_000])
def test_languages_that_we_do_not_speak_are_ignored(browser, login, language):
    answer = browser.post(reverse("members:language"), {"language": language})
    assert "django_language" not in answer.cookies
    login.refresh_from_db()
    assert login.language == ""
