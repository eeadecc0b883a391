"""What stands in the directory, whatever is put in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap.dn import str2dn
from ldap.filter import filter_format

from members.directory import entries
from members.directory.compare import normal
from members.directory.entries import Person, SiteIdentity

BASE = "dc=panel,dc=internal"
hostile = st.text(
    alphabet=st.one_of(st.sampled_from(",=+<>#;\\\"'()*&|!:/ \n\r\t\0"), st.characters(codec="utf-8")), min_size=1
)


@given(hostile)
def test_a_name_stays_one_value_of_one_entry_below_people(name):
    parts = str2dn(entries.person_dn(name, BASE))
    assert len(parts) == 4
    ((attribute, value, _flags),) = parts[0]
    assert (attribute, value) == ("uid", name)
    assert [rdn[0][:2] for rdn in parts[1:]] == [("ou", "people"), ("dc", "panel"), ("dc", "internal")]


@given(hostile)
def test_a_name_cannot_leave_its_filter(name):
    query = filter_format("(uid=%s)", [name])
    inner = query[len("(uid=") : -1]
    assert not set(inner) & set("()*\0")


@given(hostile)
def test_a_name_for_people_is_one_line_of_one_field(name):
    cn = entries.person_entry(Person("anna", 20001, name=name), BASE).attributes["cn"][0].decode()
    assert cn
    assert cn.isprintable()
    assert ":" not in cn


def test_a_person_has_what_hosts_need():
    person = Person("anna", 20001, "Anna Ruiz", "anna@example.org", ("ssh-ed25519 AAAA",))
    assert entries.person_entry(person, BASE).attributes == {
        "objectClass": [b"inetOrgPerson", b"posixAccount", b"ldapPublicKey"],
        "uid": [b"anna"],
        "cn": [b"Anna Ruiz"],
        "sn": [b"Ruiz"],
        "mail": [b"anna@example.org"],
        "uidNumber": [b"20001"],
        "gidNumber": [b"20001"],
        "homeDirectory": [b"/home/anna"],
        "loginShell": [b"/bin/bash"],
        "sshPublicKey": [b"ssh-ed25519 AAAA"],
    }


def test_nobody_s_password_is_among_what_is_written_or_compared():
    for entry in (
        entries.person_entry(Person("anna", 20001), BASE),
        entries.site_entry(SiteIdentity("site7", 20007), BASE),
    ):
        assert "userpassword" not in {name.lower() for name in entry.attributes}


def test_an_inactive_person_stands_where_no_host_and_no_login_looks():
    assert entries.person_entry(Person("anna", 20001, active=False), BASE).dn == f"uid=anna,ou=inactive,{BASE}"


def test_a_site_s_user_cannot_log_in_and_lives_in_its_own_directory():
    site = entries.site_entry(SiteIdentity("site7", 20007), BASE)
    assert site.dn == f"uid=site7,ou=sites,{BASE}"
    assert site.attributes["homeDirectory"] == [b"/srv/sites/7"]
    assert site.attributes["loginShell"] == [b"/usr/sbin/nologin"]


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ({"objectClass": [b"POSIXGROUP"], "cn": [b"a"], "gidNumber": [b"1"]}, []),
        ({"objectClass": [b"posixGroup", b"top"], "CN": [b"a"], "gidnumber": [b"1"], "description": [b"x"]}, []),
        ({"objectClass": [b"top"], "cn": [b"a"], "gidNumber": [b"1"]}, ["objectClass"]),
        ({"objectClass": [b"posixGroup"], "cn": [b"a", b"b"], "gidNumber": [b"0"]}, ["cn", "gidNumber"]),
    ],
)
def test_only_what_we_manage_is_compared(found, wrong):
    assert entries.differences(entries.group_entry("a", 1, BASE).attributes, found) == wrong


def test_names_of_entries_compare_without_case_and_spaces():
    assert normal("UID=Anna, OU=people,DC=panel,dc=internal") == normal("uid=anna,ou=people,dc=panel,dc=internal")
