"""The directory, on the lab's real server."""

import io
import json
import os
import secrets
from dataclasses import replace

import ldap
import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from controlpanel.operations import runner
from controlpanel.operations import services as operations
from controlpanel.operations.choices import OperationState
from controlpanel.operations.errors import Refused
from members import services
from members.choices import Role
from members.directory import Directory, DirectoryAway, Person, compare, entries
from members.directory.connection import bind_first
from members.models import Login, PosixId
from tests.factories import MemberFactory
from tests.members.test_ssh_keys import ED25519

pytestmark = [pytest.mark.lab, pytest.mark.django_db]

ANNA = Person("anna", 59001, "Anna Ruiz", "anna@example.org", (ED25519,))
OLD, NEW = "three unrelated words", "four other unrelated words"


@pytest.fixture
def berta(directory):
    """A login as services make it, in the directory, with a password."""
    login, _operation = services.create_login(username="berta", name="Berta", member=MemberFactory(), password=OLD)
    return login


def log_in(username, password, client=None):
    client = client or Client()
    return client, client.post(reverse("members:login"), {"username": username, "password": password})


def is_logged_in(client):
    return client.get(reverse("members:account")).status_code == 200


# --- writing
def test_writing_twice_changes_once(directory):
    assert directory.ensure_login(ANNA)
    assert not directory.ensure_login(ANNA)
    assert directory.ensure_site_identity("site7", 59007)
    assert not directory.ensure_site_identity("site7", 59007)


def test_a_change_is_written_and_what_is_empty_is_gone(directory):
    directory.ensure_login(ANNA)
    directory.ensure_login(replace(ANNA, name="Anna Paz", email="", ssh_keys=()))
    found = directory.person("anna")
    assert found["cn"] == [b"Anna Paz"]
    assert not {"mail", "sshPublicKey"} & found.keys()


def test_user_and_group_carry_the_same_number(directory):
    directory.ensure_login(ANNA)
    [(_name, group)] = directory.search("groups", "(cn=anna)")
    assert group["gidNumber"] == directory.person("anna")["gidNumber"] == directory.person("anna")["uidNumber"]


def test_removing_is_right_also_for_what_never_was(directory):
    directory.ensure_site_identity("site7", 59007)
    assert directory.remove_site_identity("site7")
    assert not directory.remove_site_identity("site7")
    assert directory.search("sites") == directory.search("groups") == []


def test_the_first_entry_of_an_empty_directory_brings_its_units(directory):
    for unit in entries.UNITS:
        directory.delete_entry(entries.unit_dn(unit, directory.base))
    assert directory.ensure_login(ANNA)
    assert directory.person("anna")


@pytest.mark.parametrize("name", ["*", "anna)(uid=*", "a*", "anna,ou=people", "\\2a", "anna\0", "(", "anna)(|(uid=*"])
def test_injected_names_find_nobody_and_log_nobody_in(directory, name):
    directory.ensure_login(ANNA)
    directory.set_password("anna", OLD)
    assert directory.person(name) is None
    assert not directory.verify(name, OLD)
    assert not directory.remove_login(name)
    assert directory.verify("anna", OLD)


def test_strange_names_make_one_entry_in_its_place(directory):
    strange = 'a,ou=groups+cn="x";<y>#\\ '
    directory.ensure_login(replace(ANNA, username=strange))
    assert len(directory.search("people")) == 1
    assert directory.person(strange)["uid"] == [strange.encode()]


# --- passwords
def test_a_new_password_is_valid_and_the_old_one_is_not(directory):
    directory.ensure_login(ANNA)
    directory.set_password("anna", OLD)
    directory.set_password("anna", NEW)
    assert directory.verify("anna", NEW)
    assert not directory.verify("anna", OLD)


def test_nobody_gets_in_with_an_empty_password(directory):
    directory.ensure_login(ANNA)
    assert not directory.verify("anna", "")
    with pytest.raises(Refused):
        directory.set_password("anna", "")


def test_the_password_is_kept_as_a_slow_hash_that_readers_do_not_see(directory, settings):
    directory.ensure_login(ANNA)
    directory.set_password("anna", OLD)
    name = entries.person_dn("anna", directory.base)
    writer = bind_first(directory.where, directory.where.bind_dn, directory.where.bind_password)
    assert writer.read_s(name, attrlist=["userPassword"])["userPassword"][0].startswith(b"{ARGON2}$argon2")
    reader = bind_first(directory.where, settings.LDAP_READER_DN, settings.LDAP_READER_PASSWORD)
    assert "userPassword" not in reader.read_s(name)
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        reader.modify_s(name, [(ldap.MOD_REPLACE, "sshPublicKey", [b"x"])])


def test_deactivating_shuts_out_and_activating_gives_the_same_password_back(directory):
    directory.ensure_login(ANNA)
    directory.set_password("anna", OLD)
    directory.ensure_login(replace(ANNA, active=False))
    assert directory.person("anna") is None
    assert not directory.verify("anna", OLD)
    directory.ensure_login(ANNA)
    assert directory.verify("anna", OLD)


# --- TLS
def test_a_server_with_another_authority_s_certificate_is_not_spoken_to(directory):
    stranger = Directory(replace(directory.where, ca_file="/etc/ssl/certs/ca-certificates.crt"))
    with pytest.raises(DirectoryAway) as away:
        stranger.ensure_login(ANNA)
    assert "certificate verify failed" in away.value.output
    assert directory.person("anna") is None


def test_libldap_checks_the_certificate_by_itself_too(directory, monkeypatch):
    monkeypatch.setattr("members.directory.connection.reach", lambda uri, ca_file: None)
    stranger = replace(directory.where, ca_file="/etc/ssl/certs/ca-certificates.crt")
    with pytest.raises(DirectoryAway):
        bind_first(stranger, stranger.bind_dn, stranger.bind_password)


def test_passwords_are_not_sent_without_tls(directory):
    plain = tuple(uri.replace("ldaps://", "ldap://") for uri in directory.where.uris)
    with pytest.raises(DirectoryAway):
        Directory(replace(directory.where, uris=plain)).ensure_units()


def test_the_next_server_is_asked_when_one_does_not_answer(directory):
    both = Directory(replace(directory.where, uris=("ldaps://127.0.0.1:1", *directory.where.uris)))
    assert both.ensure_login(ANNA)


# --- against the database
def test_drift_tells_what_is_missing_different_and_unexpected_and_resync_mends_it(directory, berta):
    services.posix_id("site:7")
    directory.ensure_site_identity("site8", 59008)
    directory.ensure_login(Person("stranger", 59009))
    directory.ensure_login(Person("berta", PosixId.objects.get(owner=f"login:{berta.pk}").number, "Somebody else"))
    found = {(item["kind"], item["id"], item["problem"]) for item in compare.drift(directory)}
    assert found == {
        ("site", "7", "missing"),
        ("group", "site7", "missing"),
        ("login", "berta", "different"),
        ("entry", "site8", "unexpected"),
        ("entry", "stranger", "unexpected"),
    }
    # A drift report is read by people: names of attributes may stand in it, values not.
    assert "Somebody else" not in str(compare.drift(directory))
    assert compare.resync(directory) == {"written": 3, "removed": 4}
    assert compare.drift(directory) == []
    assert compare.resync(directory) == {"written": 0, "removed": 0}
    assert directory.verify("berta", OLD)


def test_resync_moves_who_stands_in_the_wrong_place_along_with_the_password(directory, berta):
    Login.objects.filter(pk=berta.pk).update(is_active=False)
    compare.resync(directory)
    assert not directory.verify("berta", OLD)
    Login.objects.filter(pk=berta.pk).update(is_active=True)
    compare.resync(directory)
    assert directory.verify("berta", OLD)


def test_an_empty_directory_is_filled_again(directory, berta):
    directory.remove_login("berta")
    compare.resync(directory)
    assert directory.person("berta")
    assert not directory.verify("berta", OLD)  # passwords are nowhere else


# --- operations
def test_a_new_login_s_operation_brings_it_to_the_directory(directory):
    _login, operation = services.create_login(username="berta", member=MemberFactory())
    runner.drain()
    operation.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED
    assert directory.person("berta")


def test_keys_reach_the_directory(directory, berta):
    services.set_ssh_keys(login=berta, keys=ED25519)
    runner.drain()
    assert directory.person("berta")["sshPublicKey"] == [ED25519.encode()]


def test_an_operation_waits_while_the_directory_is_away(directory, settings):
    uris, settings.LDAP_URIS = settings.LDAP_URIS, ["ldaps://127.0.0.1:1"]
    _login, operation = services.create_login(username="berta", member=MemberFactory())
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == OperationState.WAITING
    assert "directory cannot be reached" in operation.steps.get().detail
    settings.LDAP_URIS = uris
    operations.retry(operation)
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED


# --- people
def test_logging_in_and_out_by_the_directory(berta):
    client, answer = log_in("berta", OLD)
    assert answer.status_code == 302
    assert is_logged_in(client)
    client.post(reverse("members:logout"))
    assert not is_logged_in(client)


def test_names_are_not_case_sensitive_and_their_edges_do_not_count(berta):
    assert is_logged_in(log_in(" Berta ", OLD)[0])


def test_a_wrong_password_does_not_log_in(berta):
    client, answer = log_in("berta", NEW)
    assert "is not right" in answer.text
    assert not is_logged_in(client)


def test_somebody_of_the_directory_whom_the_panel_does_not_know_does_not_log_in(directory):
    directory.ensure_login(ANNA)
    directory.set_password("anna", OLD)
    assert not is_logged_in(log_in("anna", OLD)[0])
    assert not Login.objects.filter(username="anna").exists()


def test_a_login_that_is_deactivated_is_out_at_once_and_comes_back_with_its_password(berta):
    client, _ = log_in("berta", OLD)
    services.deactivate_login(login=berta)
    assert not is_logged_in(client)
    assert not is_logged_in(log_in("berta", OLD)[0])
    runner.drain()
    services.activate_login(login=berta)
    runner.drain()
    assert is_logged_in(log_in("berta", OLD)[0])


def test_changing_the_password_ends_other_sessions_and_keeps_this_one(berta):
    here, there = log_in("berta", OLD)[0], log_in("berta", OLD)[0]
    answer = here.post(reverse("members:password"), {"old": OLD, "new": NEW, "again": NEW})
    assert answer["Location"] == reverse("members:account")
    assert is_logged_in(here)
    assert not is_logged_in(there)
    assert is_logged_in(log_in("berta", NEW)[0])
    assert not is_logged_in(log_in("berta", OLD)[0])


def test_the_old_password_is_asked_for_and_cannot_be_guessed_in_an_open_session(berta, settings):
    client, _ = log_in("berta", OLD)
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = client.post(reverse("members:password"), {"old": "guess", "new": NEW, "again": NEW})
    assert answer.status_code == 429
    assert client.post(reverse("members:password"), {"old": OLD, "new": NEW, "again": NEW}).status_code == 429


def test_a_language_chosen_once_comes_back_with_the_next_login(berta):
    first, _ = log_in("berta", OLD)
    first.post(reverse("members:language"), {"language": "es"})
    client, answer = log_in("berta", OLD)
    assert answer.cookies["django_language"].value == "es"
    assert '<html lang="es"' in client.get(reverse("members:account")).text


def test_no_password_reaches_the_panel_s_database(berta):
    log_in("berta", OLD)
    log_in("berta", "a wrong secret sentence")
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text ~ %s', [f"{OLD}|a wrong secret|ARGON2"])  # noqa: S608
            assert cursor.fetchone() == (0,), table


def test_the_first_member_of_staff_is_made_by_a_command(directory, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{OLD}\n"))
    call_command("create_staff", "berta", stdout=io.StringIO())
    login = Login.objects.get(username="berta")
    assert login.is_staff
    assert [access.role for access in login.accesses.all()] == [Role.STAFF]
    assert is_logged_in(log_in("berta", OLD)[0])


# --- the server goes away
@pytest.mark.parametrize(("stop", "start"), [(("stop",), ("start",)), (("kill", "-sSTOP"), ("kill", "-sCONT"))])
def test_while_the_server_is_down_or_frozen_sessions_go_on_and_the_login_page_says_why(lab, berta, stop, start):
    client, _ = log_in("berta", OLD)
    lab("exec", "dir1", "--", "systemctl", *stop, "slapd")
    try:
        assert is_logged_in(client)
        stranger, answer = log_in("berta", OLD)
        assert answer.status_code == 503
        assert "cannot be checked right now" in answer.text
        assert not is_logged_in(stranger)
    finally:
        lab("exec", "dir1", "--", "systemctl", *start, "slapd")
    assert is_logged_in(log_in("berta", OLD)[0])


def test_connections_survive_a_restart_of_the_server(lab, directory):
    directory.ensure_login(ANNA)
    lab("exec", "dir1", "--", "systemctl", "restart", "slapd")
    assert not directory.ensure_login(ANNA)


def test_a_forked_worker_has_a_connection_of_its_own(directory):
    directory.ensure_login(ANNA)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = int(directory.ensure_login(ANNA))
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert not directory.ensure_login(ANNA)


# --- hosts
def test_a_site_s_user_has_the_same_numbers_on_every_web_host(lab, settings):
    site = f"site{secrets.randbelow(10**6) + 10**8}"
    directory = Directory.shared()
    directory.ensure_site_identity(site, 59999)
    try:
        for host in web_hosts(lab):
            line = lab("exec", host, "--", "getent", "passwd", site).strip().split(":")
            assert line[2:4] == ["59999", "59999"]
            assert line[5:] == [f"/srv/sites/{site.removeprefix('site')}", "/usr/sbin/nologin"]
            assert lab("exec", host, "--", "id", "-gn", site).strip() == site
    finally:
        directory.remove_site_identity(site)


def test_people_are_known_on_web_hosts_but_nobody_can_log_in_or_be_root(lab):
    name = f"t{secrets.token_hex(6)}"
    directory = Directory.shared()
    directory.ensure_login(Person(name, 59998))
    try:
        for host in web_hosts(lab):
            assert lab("exec", host, "--", "getent", "passwd", name).strip().endswith(":/usr/sbin/nologin")
        directory.ensure_login(Person(name, 0))
        for host in web_hosts(lab):
            with pytest.raises(AssertionError):
                lab("exec", host, "--", "getent", "passwd", name)
    finally:
        directory.remove_login(name)


def web_hosts(lab):
    """The lab's web hosts that the panel has put in service."""
    rows = json.loads(lab("status", "--json"))
    names = [row["name"] for row in rows["hosts"] if row["name"].startswith("web") and row["state"] == "running"]
    assert names
    return names
