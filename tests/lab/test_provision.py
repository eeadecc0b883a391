"""What the lab hands over: a database, a directory and a storage cluster as a careful operator would set them up."""

import os
import subprocess
import sys

import ldap
import psycopg
import pytest
from django.conf import settings

from controlpanel.lab.instance import CHECKOUT

pytestmark = pytest.mark.lab


def on(host: str, *command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "controlpanel.lab", "exec", host, "--", *command],
        cwd=CHECKOUT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout


def connect(uri: str, *, start_tls: bool = False) -> "ldap.ldapobject.LDAPObject":
    connection = ldap.initialize(uri)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, 5)
    connection.set_option(ldap.OPT_X_TLS_CACERTFILE, settings.LDAP_CA_FILE)
    connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    if start_tls:
        connection.start_tls_s()
    return connection


def plain_uri() -> str:
    return settings.LDAP_URIS[0].replace("ldaps:", "ldap:")


def test_the_database_role_may_make_test_databases() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT rolcreatedb, rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    assert row == (True, False)


def test_the_database_wants_the_password() -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(os.environ["DATABASE_URL"], password="wrong")


def test_the_directory_lets_nobody_in_without_a_name() -> None:
    connection = connect(settings.LDAP_URIS[0])
    with pytest.raises(ldap.LDAPError):
        connection.simple_bind_s("", "")
    with pytest.raises(ldap.LDAPError):
        connect(settings.LDAP_URIS[0]).search_s(settings.LDAP_BASE, ldap.SCOPE_SUBTREE)


def test_the_directory_refuses_a_password_in_the_clear_and_takes_it_after_start_tls() -> None:
    who = (settings.LDAP_READER_DN, settings.LDAP_READER_PASSWORD)
    with pytest.raises(ldap.CONFIDENTIALITY_REQUIRED):
        connect(plain_uri()).simple_bind_s(*who)
    connect(plain_uri(), start_tls=True).simple_bind_s(*who)


def test_the_reader_sees_no_password_and_writes_nothing() -> None:
    connection = connect(settings.LDAP_URIS[0])
    connection.simple_bind_s(settings.LDAP_READER_DN, settings.LDAP_READER_PASSWORD)
    found = connection.search_s(settings.LDAP_BASE, ldap.SCOPE_SUBTREE)
    assert found and not any("userPassword" in attributes for _, attributes in found)
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        connection.modify_s(settings.LDAP_READER_DN, [(ldap.MOD_REPLACE, "description", [b"mine"])])


def test_passwords_are_kept_as_argon2() -> None:
    connection = connect(settings.LDAP_URIS[0])
    connection.simple_bind_s(settings.LDAP_BIND_DN, settings.LDAP_BIND_PASSWORD)
    entry = connection.search_s(settings.LDAP_READER_DN, ldap.SCOPE_BASE)[0][1]
    assert entry["userPassword"][0].startswith(b"{ARGON2}")


def test_ceph_is_healthy_and_serves_volumes() -> None:
    assert "HEALTH_" in on("store1", "ceph", "health")
    assert "HEALTH_ERR" not in on("store1", "ceph", "health")
    assert '"sites"' in on("store1", "ceph", "fs", "subvolumegroup", "ls", "web", "--format=json")
    on("store1", "python3", "-c", "import rados")


@pytest.mark.parametrize("host", ["core1", "dir1", "store1", "edge1", "web1"])
def test_hosts_are_whole(host: str) -> None:
    assert on(host, "systemctl", "--failed", "--no-legend", "--plain").strip() == ""
