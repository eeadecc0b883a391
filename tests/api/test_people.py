"""Members, logins, accesses and tokens over REST."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from rest_framework.test import APIClient

from controlpanel.operations.errors import DirectoryAway
from controlpanel.operations.models import Operation
from members import services, tokens
from members.directory import Directory
from members.models import Access, Login, Member, Token
from tests import factories as make
from tests.api.problem import assert_problem


@pytest.fixture
def directory() -> Iterator[mock.Mock]:
    """Passwords go to the directory while the request waits; these tests are about the request only."""
    directory = mock.Mock(spec=Directory)
    with mock.patch.object(Directory, "shared", return_value=directory):
        yield directory


# --- members -----------------------------------------------------------------------------------------------------


def test_staff_add_members_and_others_do_not(api: APIClient, staff_api: APIClient) -> None:
    body = {"name": "A new collective", "kind": "organization"}

    assert_problem(api.post("/api/v1/members/", body, format="json"), 403)
    response = staff_api.post("/api/v1/members/", body, format="json")

    assert response.status_code == 201
    assert response.json()["state"] == "good_standing"
    assert Member.objects.get(pk=response.json()["id"]).name == "A new collective"


def test_a_members_name_is_unique(staff_api: APIClient) -> None:
    make.MemberFactory(name="Taken")

    assert_problem(staff_api.post("/api/v1/members/", {"name": "Taken"}, format="json"), 400, "name")


# --- logins ------------------------------------------------------------------------------------------------------


def test_who_am_i(api: APIClient, login: Login) -> None:
    body = api.get("/api/v1/logins/me/").json()

    assert (body["id"], body["username"], body["staff"]) == (login.pk, login.username, False)
    assert [(access["role"], access["member"]) for access in body["accesses"]] == [("member_admin", login.member_id)]
    assert not {"password", "session_salt", "digest"} & body.keys()


def test_a_new_login_goes_to_the_directory(api: APIClient, member: Member) -> None:
    body = {"username": "rosa", "name": "Rosa", "member": member.pk}

    response = api.post("/api/v1/logins/", body, format="json")

    assert response.status_code == 202
    assert (response.json()["username"], response.json()["member"]) == ("rosa", member.pk)
    assert response.json()["login"]["id"] == response.json()["id"]
    assert Operation.objects.get(pk=response.json()["operation"]["id"]).kind == "members.ensure_login"


def test_the_same_key_is_the_same_login(api: APIClient, member: Member) -> None:
    body = {"username": "rosa", "member": member.pk}

    first, second, other = (
        api.post("/api/v1/logins/", {**body, "username": name}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
        for name in ("rosa", "rosa", "emma")
    )

    assert first.json()["id"] == second.json()["id"]
    assert_problem(other, 409)
    assert not Login.objects.filter(username="emma").exists()


def test_a_preview_makes_no_login(api: APIClient, member: Member, directory: mock.Mock) -> None:
    body = {"username": "rosa", "member": member.pk, "password": "correct horse battery staple"}

    response = api.post("/api/v1/logins/?preview=1", body, format="json")

    assert response.status_code == 200
    assert response.json()["operation"]["steps"]
    assert not Login.objects.filter(username="rosa").exists()
    assert not directory.method_calls


@pytest.mark.parametrize("username", ["root", "site12", "Rosa", "r", "a b", "../x", "rosa\n", "a" * 40])
def test_a_bad_user_name_is_told_beside_its_field(api: APIClient, member: Member, username: str) -> None:
    body = {"username": username, "member": member.pk}

    response = api.post("/api/v1/logins/", body, format="json")

    if response.status_code != 202:  # blanks around a name are taken off, which is not an error
        assert_problem(response, 400, "username")
    else:
        assert response.json()["username"] == username.strip()


def test_keys_and_name_are_changed(api: APIClient, login: Login) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0rN1Mv0RpyM9u3LTvtM8JqQ1W3Vt9XlEXAMPLEKEY1 me@laptop"

    renamed = api.patch(f"/api/v1/logins/{login.pk}/", {"name": "Another Name"}, format="json")
    damaged = api.patch(f"/api/v1/logins/{login.pk}/", {"ssh_keys": [key[:40]]}, format="json")

    assert (renamed.status_code, renamed.json()["name"], renamed.json()["email"]) == (
        202,
        "Another Name",
        login.email,
    )
    assert_problem(damaged, 400, "non_field_errors")


def test_a_change_of_nothing_has_nothing_to_wait_for(api: APIClient, login: Login) -> None:
    response = api.patch(f"/api/v1/logins/{login.pk}/", {}, format="json")

    assert (response.status_code, response.json()["operation"]) == (200, None)


def test_ones_own_password_needs_the_old_one(api: APIClient, login: Login, directory: mock.Mock) -> None:
    address = f"/api/v1/logins/{login.pk}/password/"
    new = "correct horse battery staple"

    assert_problem(api.post(address, {"password": new}, format="json"), 400, "old_password")
    with mock.patch.object(services, "authenticate", return_value=None):
        wrong = api.post(address, {"password": new, "old_password": "guess"}, format="json")
    assert_problem(wrong, 400, "old_password")
    with mock.patch.object(services, "authenticate", return_value=login):
        right = api.post(address, {"password": new, "old_password": "right"}, format="json")
    assert right.status_code == 204
    directory.set_password.assert_called_once_with(login.username, new)


def test_while_the_directory_is_away_it_says_so(staff_api: APIClient, login: Login, directory: mock.Mock) -> None:
    directory.ensure_login.side_effect = DirectoryAway()
    salt = login.session_salt

    response = staff_api.post(
        f"/api/v1/logins/{login.pk}/password/", {"password": "correct horse battery staple"}, format="json"
    )

    assert_problem(response, 503)
    login.refresh_from_db()
    assert login.session_salt == salt


def test_a_login_is_locked_out_and_let_in_again(api: APIClient, member: Member) -> None:
    colleague = make.LoginFactory(member=member)

    assert api.post(f"/api/v1/logins/{colleague.pk}/deactivate/").json()["active"] is False
    assert api.post(f"/api/v1/logins/{colleague.pk}/activate/").json()["active"] is True


def test_nobody_locks_themselves_out(api: APIClient, login: Login) -> None:
    assert_problem(api.post(f"/api/v1/logins/{login.pk}/deactivate/"), 400, "non_field_errors")


def test_one_who_only_sees_themselves_manages_nobody(api_of: Any, member: Member) -> None:
    plain = make.LoginFactory(member=member)
    client = api_of(plain)

    assert [row["id"] for row in client.get("/api/v1/logins/").json()["results"]] == [plain.pk]
    assert_problem(client.post("/api/v1/logins/", {"username": "rosa"}, format="json"), 403)
    assert_problem(client.post(f"/api/v1/logins/{plain.pk}/activate/"), 403)


# --- accesses ----------------------------------------------------------------------------------------------------


def test_an_access_to_an_order_is_given_and_taken(api: APIClient, api_of: Any, member: Member) -> None:
    colleague, order = make.LoginFactory(member=member), make.HostingOrderFactory(member=member)
    body = {"login": colleague.pk, "role": "order_admin", "order": order.pk}

    given = api.post("/api/v1/accesses/", body, format="json")
    assert given.status_code == 201
    assert api_of(colleague).get(f"/api/v1/orders/{order.pk}/").status_code == 200

    assert api.delete(f"/api/v1/accesses/{given.json()['id']}/").status_code == 204
    assert api_of(colleague).get(f"/api/v1/orders/{order.pk}/").status_code == 404


def test_nobody_makes_themselves_staff(api: APIClient, login: Login) -> None:
    response = api.post("/api/v1/accesses/", {"login": login.pk, "role": "staff"}, format="json")

    assert_problem(response, 403)
    assert not Access.objects.filter(role="staff").exists()


def test_a_role_without_its_object_is_an_error(staff_api: APIClient, login: Login) -> None:
    for role in ("member_admin", "order_admin"):
        response = staff_api.post("/api/v1/accesses/", {"login": login.pk, "role": role}, format="json")
        assert response.status_code == 400, response.content


# --- tokens ------------------------------------------------------------------------------------------------------


def test_a_tokens_text_is_shown_once_and_works(api: APIClient, login: Login) -> None:
    made = api.post("/api/v1/tokens/", {"name": "deploy"}, format="json").json()

    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {made['token']}")
    assert client.get("/api/v1/logins/me/").json()["id"] == login.pk
    assert api.get(f"/api/v1/tokens/{made['id']}/").json()["token"] is None
    assert Token.objects.get(pk=made["id"]).digest == tokens.digest_of(made["token"])


def test_a_revoked_token_opens_nothing(api: APIClient) -> None:
    made = api.post("/api/v1/tokens/", {"name": "deploy"}, format="json").json()

    assert api.delete(f"/api/v1/tokens/{made['id']}/").status_code == 204
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {made['token']}")
    assert_problem(client.get("/api/v1/logins/me/"), 401)


def test_a_token_cannot_begin_expired(api: APIClient) -> None:
    response = api.post("/api/v1/tokens/", {"name": "x", "expires": "2001-01-01T00:00:00Z"}, format="json")

    assert_problem(response, 400, "expires")
