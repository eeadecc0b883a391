"""The host's side: what the agent writes so that a web host knows the directory's users."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlpanel.agent.errors import Invalid
from controlpanel.agent.kinds.nss import CONFIGURATION, Nss, look_up, switch

CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
SPEC = {
    "uris": ["ldaps://10.77.0.6", "ldaps://dir2.example:636"],
    "base": "dc=panel,dc=internal",
    "bind_dn": "cn=reader,dc=panel,dc=internal",
    "bind_password": "s3cret_#",
    "ca_pem": CA,
}
DEBIAN = b"# comment\npasswd:         files systemd\ngroup:          files systemd\nshadow:  files\nhosts: files dns\n"


def configuration(spec):
    kind = Nss()
    [text] = [file for file in kind.files("directory", kind.validate("directory", spec)) if file.path == CONFIGURATION]
    return text


def test_nslcd_checks_the_certificate_and_gives_up_soon():
    lines = configuration(SPEC).content.decode().splitlines()
    assert {"tls_reqcert demand", "bind_timelimit 2", "timelimit 3", "reconnect_retrytime 1"} <= set(lines)
    assert "nss_initgroups_ignoreusers ALLLOCAL" in lines
    assert [line for line in lines if line.startswith("uri ")] == [f"uri {uri}" for uri in SPEC["uris"]]


def test_nobody_logs_in_on_a_web_host_and_nobody_becomes_root():
    lines = configuration(SPEC).content.decode().splitlines()
    assert 'map passwd loginShell "/usr/sbin/nologin"' in lines
    assert "nss_min_uid 20000" in lines


def test_the_password_is_for_nslcd_alone():
    assert configuration(SPEC).mode == 0o640
    assert Nss.secrets == {"bind_password"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("uris", []),
        ("uris", ["ldap://10.77.0.6"]),
        ("uris", ["ldaps://a b"]),
        ("uris", ["ldaps://a\nuid root"]),
        ("base", "dc=panel\ntls_reqcert never"),
        ("base", ""),
        ("bind_dn", "cn=a,,dc=b"),
        ("bind_password", "a b"),
        ("bind_password", "a\nb"),
        ("ca_pem", "not pem"),
        ("ca_pem", CA + "uid root\n"),
        ("unknown", 1),
    ],
)
def test_refuses_what_could_say_something_else_in_the_file(key, value):
    with pytest.raises(Invalid):
        Nss().validate("directory", {**SPEC, key: value})


@given(st.text(max_size=60), st.sampled_from(["base", "bind_dn", "bind_password"]))
def test_whatever_is_accepted_stays_one_line(value, key):
    try:
        text = configuration({**SPEC, key: value}).content.decode()
    except Invalid:
        return
    assert len(text.split("\n")) == len(configuration(SPEC).content.decode().split("\n"))


def test_only_users_and_groups_are_switched_and_the_rest_stays():
    assert switch(DEBIAN, True) == (
        b"# comment\npasswd: files systemd ldap\ngroup: files systemd ldap\nshadow:  files\nhosts: files dns\n"
    )


def test_switching_twice_changes_nothing_more_and_can_be_taken_back():
    once = switch(DEBIAN, True)
    assert switch(once, True) == once
    assert (
        switch(once, False)
        == b"# comment\npasswd: files systemd\ngroup: files systemd\nshadow:  files\nhosts: files dns\n"
    )


@given(
    st.lists(st.sampled_from(["passwd: files", "group:ldap", "passwd:", "x", "# passwd: a", "hosts: dns"]), max_size=6)
)
def test_local_files_always_come_before_the_directory(lines):
    for line in switch("\n".join(lines).encode(), True).decode().splitlines():
        database, _, services = line.partition(":")
        if database in ("passwd", "group"):
            assert services.split()[0] == "files"
            assert services.split()[-1] == "ldap"


def test_without_nslcd_a_lookup_says_away_not_unknown(tmp_path):
    assert look_up("site1", path=str(tmp_path / "socket")) is None
