"""Writing to the directory and asking it. Every write is idempotent: it looks first and changes what differs."""

import contextlib
from functools import lru_cache
from typing import Any

import ldap
from ldap.controls import SimplePagedResultsControl
from ldap.dn import explode_dn
from ldap.filter import filter_format
from ldap.ldapobject import LDAPObject
from ldap.modlist import addModlist

from controlpanel.operations.errors import Refused

from .connection import Connections, Settings, bind_first, reason_of
from .entries import (
    GROUPS,
    SITES,
    UNITS,
    Entry,
    Person,
    SiteIdentity,
    differences,
    dn,
    group_entry,
    person_dn,
    person_entry,
    site_entry,
    unit_dn,
)

_PAGE = 500
#: What a bind is answered with when name and password do not belong together.
_NOT_THEIRS = (
    ldap.INVALID_CREDENTIALS,
    ldap.NO_SUCH_OBJECT,
    ldap.INVALID_DN_SYNTAX,
    ldap.INAPPROPRIATE_AUTH,
    ldap.UNWILLING_TO_PERFORM,
)


@lru_cache(maxsize=8)
def _at(where: Settings) -> "Directory":
    return Directory(where)


class Directory:
    """The directory, as the panel's writing account sees it. Safe to share between threads.

    Everything raises DirectoryAway when no server answers, and Refused when the server says no.
    """

    def __init__(self, where: Settings | None = None) -> None:
        self.where = where or Settings.of_panel()
        self.base = self.where.base
        self._connections = Connections(self.where)

    @classmethod
    def at(cls, where: Settings) -> "Directory":
        """The directory at these servers, the same object each time, so that connections are used again."""
        return _at(where)

    @classmethod
    def shared(cls) -> "Directory":
        """The panel's directory, by its settings."""
        return cls.at(Settings.of_panel())

    # --- people ---------------------------------------------------------------------------------------------------
    def ensure_login(self, person: Person) -> bool:
        """The person's entry and primary group as they should be; the password stays. True when something changed."""
        entry, wrong_place = (
            person_entry(person, self.base),
            person_dn(person.username, self.base, active=not person.active),
        )

        def work(connection: LDAPObject) -> bool:
            moved = self._move(connection, wrong_place, entry)
            return self._ensure(connection, entry) or moved

        changed = self._connections.call(work)
        return self.ensure_group(person.username, person.number) or changed

    def remove_login(self, username: str) -> bool:
        """The person and their password are gone from the directory, for good."""
        gone = [
            self._delete(person_dn(username, self.base)),
            self._delete(person_dn(username, self.base, active=False)),
            self._delete(dn("cn", username, GROUPS, self.base)),
        ]
        return any(gone)

    def set_password(self, username: str, password: str) -> None:
        """A new password (RFC 3062, so the server hashes it its way). Raises Refused when there is no such person."""
        if not password:
            raise Refused("directory_refused", {"reason": "empty password"})  # the server would invent one
        name = person_dn(username, self.base)
        self._connections.call(lambda connection: connection.passwd_s(name, None, password))

    def verify(self, username: str, password: str) -> bool:
        """Whether that is the person's password: by a bind as the person. False also when there is no such person."""
        if not password:
            return False  # an LDAP bind without password is anonymous, and succeeds
        try:
            connection = bind_first(self.where, person_dn(username, self.base), password)
        except _NOT_THEIRS:
            return False
        except ldap.LDAPError as error:
            raise Refused("directory_refused", {"reason": reason_of(error)}, output=str(error)) from None
        with contextlib.suppress(ldap.LDAPError):
            connection.unbind_s()
        return True

    def person(self, username: str) -> dict[str, list[bytes]] | None:
        """The attributes of somebody who may log in, without the password; None when there is no such person."""
        query = filter_format("(&(objectClass=posixAccount)(uid=%s))", [username])
        found = self.search("people", query, ["*"])
        return {name: values for name, values in found[0][1].items() if name != "userPassword"} if found else None

    # --- sites and groups -----------------------------------------------------------------------------------------
    def ensure_site_identity(self, name: str, number: int) -> bool:
        """The unix user "site<id>" and its group, both with this number. True when something changed."""
        entry = site_entry(SiteIdentity(name, number), self.base)
        # The group first: whoever sees the user must be able to look up its group.
        changed = self.ensure_group(name, number)
        return self._connections.call(lambda connection: self._ensure(connection, entry)) or changed

    def remove_site_identity(self, name: str) -> bool:
        """The unix user "site<id>" and its group are gone; right also when they never were."""
        gone = [self._delete(dn("uid", name, SITES, self.base)), self._delete(dn("cn", name, GROUPS, self.base))]
        return any(gone)

    def ensure_group(self, name: str, number: int) -> bool:
        """A primary group. True when something changed."""
        entry = group_entry(name, number, self.base)
        return self._connections.call(lambda connection: self._ensure(connection, entry))

    # --- asking ---------------------------------------------------------------------------------------------------
    def search(
        self, unit: str, query: str = "(objectClass=*)", attributes: list[str] | None = None
    ) -> list[tuple[str, dict[str, list[bytes]]]]:
        """(dn, attributes) of the entries directly below ou=``unit``; none when the unit does not exist yet.

        ``query`` must come from ``filter_format``.
        """

        def work(connection: LDAPObject) -> list[tuple[str, dict[str, list[bytes]]]]:
            found: list[Any] = []
            page = SimplePagedResultsControl(True, size=_PAGE, cookie="")
            while True:
                asked = connection.search_ext(
                    unit_dn(unit, self.base), ldap.SCOPE_ONELEVEL, query, attributes, serverctrls=[page]
                )
                try:
                    _, rows, _, controls = connection.result3(asked)
                except ldap.NO_SUCH_OBJECT:
                    return found
                found += [row for row in rows if row[0]]  # without a name: a referral
                cookies = [c.cookie for c in controls if c.controlType == SimplePagedResultsControl.controlType]
                if not cookies or not cookies[0]:
                    return found
                page.cookie = cookies[0]

        return self._connections.call(work)

    def ensure_units(self) -> bool:
        """The organizational units that everything else stands under. True when one was missing."""

        def work(connection: LDAPObject) -> bool:
            missing = False
            for unit in UNITS:
                attributes = {"objectClass": [b"organizationalUnit"], "ou": [unit.encode()]}
                with contextlib.suppress(ldap.ALREADY_EXISTS):
                    connection.add_s(unit_dn(unit, self.base), addModlist(attributes))
                    missing = True
            return missing

        return self._connections.call(work)

    def ensure_entry(self, entry: Entry) -> bool:
        """An entry from ``entries.py`` as it should be. True when something changed."""
        return self._connections.call(lambda connection: self._ensure(connection, entry))

    def delete_entry(self, name: str) -> bool:
        """An entry is gone, by its full name as a search gave it. True when it was there."""
        return self._delete(name)

    def close(self) -> None:
        """Close this thread's connection."""
        self._connections.drop()

    # --- the pieces -----------------------------------------------------------------------------------------------
    def _delete(self, name: str) -> bool:
        def work(connection: LDAPObject) -> bool:
            try:
                connection.delete_s(name)
            except ldap.NO_SUCH_OBJECT:
                return False
            return True

        return self._connections.call(work)

    def _ensure(self, connection: LDAPObject, entry: Entry) -> bool:
        """Add the entry, or change those of its attributes that differ. Loses no race: somebody else's add is found."""
        try:
            found = connection.read_s(entry.dn, attrlist=list(entry.attributes))
        except ldap.NO_SUCH_OBJECT:
            found = None
        if found is None:
            attributes = {name: values for name, values in entry.attributes.items() if values}
            try:
                connection.add_s(entry.dn, addModlist(attributes))
            except ldap.NO_SUCH_OBJECT:
                # The very first entry of a new directory.
                self.ensure_units()
                connection.add_s(entry.dn, addModlist(attributes))
            except ldap.ALREADY_EXISTS:
                return self._ensure(connection, entry)
            return True
        changes: list[tuple[int, str, list[bytes] | None]] = []
        for name in differences(entry.attributes, found):
            values = entry.attributes[name]
            if name == "objectClass":
                there = {value.lower() for value in found.get(name, [])}
                changes.append((ldap.MOD_ADD, name, [value for value in values if value.lower() not in there]))
            else:
                changes.append((ldap.MOD_REPLACE, name, values or None))
        if changes:
            connection.modify_s(entry.dn, changes)
        return bool(changes)

    def _move(self, connection: LDAPObject, old: str, entry: Entry) -> bool:
        """Rename ``old`` to the entry's place, its password with it (deactivating somebody, or the reverse)."""
        try:
            connection.read_s(old, attrlist=["1.1"])
        except ldap.NO_SUCH_OBJECT:
            return False
        self.ensure_units()
        rdn, *parents = explode_dn(entry.dn)
        try:
            connection.rename_s(old, rdn, ",".join(parents))
        except ldap.NO_SUCH_OBJECT:
            return False
        except ldap.ALREADY_EXISTS:
            connection.delete_s(old)
        return True
