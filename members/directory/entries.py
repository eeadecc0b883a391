"""What stands in the directory for a login and for a site: pure functions, used to write and to compare."""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field

_PLAIN = frozenset(string.ascii_letters + string.digits + "-_.@")

PEOPLE, INACTIVE, SITES, GROUPS = "people", "inactive", "sites", "groups"
UNITS = (PEOPLE, INACTIVE, SITES, GROUPS)

#: Attribute to values; an empty list means: must not be there.
Attributes = Mapping[str, list[bytes]]


@dataclass(frozen=True)
class Person:
    """A login as the directory should have it."""

    username: str
    number: int
    name: str = ""
    email: str = ""
    ssh_keys: tuple[str, ...] = ()
    active: bool = True


@dataclass(frozen=True)
class SiteIdentity:
    """A site's unix user. ``name`` is "site12"."""

    name: str
    number: int


@dataclass(frozen=True)
class Entry:
    """One LDAP entry. ``kind`` and ``id`` say whose it is, for people ("login anna", "site 12", "group anna")."""

    dn: str
    kind: str
    id: str
    attributes: Attributes = field(default_factory=dict)


def unit_dn(unit: str, base: str) -> str:
    return f"ou={unit},{base}"


def dn(attribute: str, value: str, unit: str, base: str) -> str:
    """The name of an entry; ``value`` is escaped here and nowhere else.

    Every byte but the plainest as a hex pair (RFC 4514): ``ldap.dn.escape_dn_chars`` lets control characters through,
    and libldap then drops a final carriage return.
    """
    escaped = "".join(chr(byte) if chr(byte) in _PLAIN else f"\\{byte:02x}" for byte in value.encode())
    return f"{attribute}={escaped},{unit_dn(unit, base)}"


def person_dn(username: str, base: str, *, active: bool = True) -> str:
    return dn("uid", username, PEOPLE if active else INACTIVE, base)


def _values(*values: str | int) -> list[bytes]:
    return [str(value).encode() for value in values if value != ""]


def _one_line(text: str) -> str:
    """Without line breaks and control characters: gecos and cn end up in lines of colon-separated fields."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).replace(":", " ").split())


def person_entry(person: Person, base: str) -> Entry:
    name = _one_line(person.name) or person.username
    return Entry(
        person_dn(person.username, base, active=person.active),
        "login",
        person.username,
        {
            "objectClass": _values("inetOrgPerson", "posixAccount", "ldapPublicKey"),
            "uid": _values(person.username),
            "cn": _values(name),
            "sn": _values(name.split()[-1]),
            "mail": _values(person.email) if person.email.isascii() else [],  # its syntax is IA5
            "uidNumber": _values(person.number),
            "gidNumber": _values(person.number),
            "homeDirectory": _values(f"/home/{person.username}"),
            "loginShell": _values("/bin/bash"),  # hosts where people have no business map it to nologin
            "sshPublicKey": _values(*person.ssh_keys),
        },
    )


def site_entry(site: SiteIdentity, base: str) -> Entry:
    number = site.name.removeprefix("site")
    return Entry(
        dn("uid", site.name, SITES, base),
        "site",
        number,
        {
            "objectClass": _values("account", "posixAccount"),
            "uid": _values(site.name),
            "cn": _values(site.name),
            "gecos": _values(f"site {number}"),
            "uidNumber": _values(site.number),
            "gidNumber": _values(site.number),
            "homeDirectory": _values(f"/srv/sites/{number}"),
            "loginShell": _values("/usr/sbin/nologin"),
        },
    )


def group_entry(name: str, number: int, base: str) -> Entry:
    """The primary group of a login or a site, with the same name and number as its user."""
    return Entry(
        dn("cn", name, GROUPS, base),
        "group",
        name,
        {"objectClass": _values("posixGroup"), "cn": _values(name), "gidNumber": _values(number)},
    )


def differences(wanted: Attributes, found: Mapping[str, list[bytes]]) -> list[str]:
    """Names of the managed attributes that are not as wanted; others' attributes and object classes may stay."""
    present = {name.lower(): values for name, values in found.items()}
    wrong = []
    for name, values in wanted.items():
        there = present.get(name.lower(), [])
        if name == "objectClass":
            if not {value.lower() for value in values} <= {value.lower() for value in there}:
                wrong.append(name)
        elif sorted(values) != sorted(there):
            wrong.append(name)
    return wrong
