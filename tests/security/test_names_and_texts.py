"""What people type, checked in the panel before any host hears of it: refused, or plain."""

import re
from collections.abc import Callable
from typing import Any

import ldap.dn
import ldap.filter
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlpanel.agent.databases.mariadb import connection as mariadb
from controlpanel.agent.errors import AgentError
from hosting import php_settings, protection
from hosting.errors import HostingError
from hosting.validators import normalize
from members.directory import entries
from members.names import validate_username
from members.ssh_keys import parse_keys
from tests.security.test_host_configuration import NASTY
from webhooks.addresses import check_url

BASE = "dc=panel,dc=internal"
_PUBLIC = ed25519.Ed25519PrivateKey.generate().public_key()
KEY = _PUBLIC.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()

#: By name: an honest value, what checks one, and what the checked one may consist of.
CHECKS: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "domain name": ("site.example.org", normalize, r"[a-z0-9.-]+"),
    "user name": ("anna", lambda text: validate_username(text) or text, r"[a-z0-9._-]+"),
    "SSH keys": (KEY, lambda text: "\n".join(str(key) for key in parse_keys(text)), r"[A-Za-z0-9@+/=.,:_ -]*"),
    "time zone of PHP": (
        "Europe/Madrid",
        lambda text: php_settings.merged({}, {"timezone": text})["timezone"],
        r"[A-Za-z0-9_+/-]+",
    ),
    "path of a shield": ("/api/", lambda text: protection.check(open_paths=[text])["open_paths"][0], r"[\w./~-]+"),
    "network of a shield": (
        "192.0.2.0/24",
        lambda text: protection.check(blocked=[text])["blocked"][0],
        r"[0-9a-f.:/]+",
    ),
    "address of a webhook": ("https://a.example/x", check_url, r"[!-~]+"),
    "identifier of MariaDB": ("db12", mariadb.account, r"'[\w.]+'@'%'"),
}


@pytest.mark.parametrize("name", CHECKS)
def test_it_is_refused_or_plain(name: str) -> None:
    honest, check, allowed = CHECKS[name]
    assert re.fullmatch(allowed, str(check(honest)), re.ASCII), check(honest)

    @given(st.sampled_from([0, len(honest) // 2, len(honest)]), st.one_of(NASTY, st.text(max_size=6)))
    @settings(max_examples=100, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def attack(at: int, nasty: str) -> None:
        try:
            accepted = check(honest[:at] + nasty + honest[at:])
        except (ValidationError, HostingError, AgentError):
            return
        for line in str(accepted).split("\n") if name == "SSH keys" else [str(accepted)]:
            assert re.fullmatch(allowed, line, re.ASCII), accepted

    attack()


@given(st.text(max_size=30))
@settings(max_examples=200, deadline=None, database=None, derandomize=True)
def test_an_entrys_name_in_the_directory_is_one_name_whatever_it_holds(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    found = ldap.dn.str2dn(entries.person_dn(text or "x", BASE))
    assert len(found) == 2 + BASE.count("dc=")
    assert found[0][0][:2] == ("uid", text or "x")


@given(st.text(max_size=30))
@settings(max_examples=200, deadline=None, database=None, derandomize=True)
def test_a_persons_entry_has_one_line_a_value(text: str) -> None:
    person = entries.Person("anna", 20001, name=text, email="a@example.org")
    for name, values in entries.person_entry(person, BASE).attributes.items():
        for value in values:
            assert not set(value) & set(b"\n\r\x00"), name
            assert name == "sshPublicKey" or b":" not in value or name == "mail"


@given(st.text(min_size=1, max_size=64))
@settings(max_examples=200, deadline=None, database=None, derandomize=True)
def test_an_identifier_of_mariadb_is_quoted(text: str) -> None:
    try:
        quoted = mariadb.quote(text)
    except AgentError:
        return
    assert quoted[0] == quoted[-1] == "`"
    assert "`" not in quoted[1:-1].replace("``", "")
