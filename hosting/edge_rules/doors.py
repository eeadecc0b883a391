"""Protected paths: their users keep the passwords they have; new ones are digested, never stored."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from routing import edge_rules
from routing.edge_rules import LONGEST_REALM, MOST_DOORS, MOST_PATHS, MOST_USERS

from ..databases.verifiers import new_password
from ..errors import HostingError, TooManyEntries, raise_all
from . import paths
from .errors import (
    InvalidRealm,
    InvalidRulePath,
    InvalidVisitor,
    NoSuchLock,
    NoVisitors,
    RuleTwice,
    WeakVisitorPassword,
)

FIELD = "protected"
SHORTEST, LONGEST = 10, 100
_USER = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,31}\Z")
#: Printable ASCII: browsers do not agree on how they send other letters.
_PASSWORD = re.compile(r"\A[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\Z")


@dataclass(frozen=True)
class NewPassword:
    """Shown once: it is kept nowhere. ``made``: by us, else whoever chose it knows it already."""

    path: str
    user: str
    password: str
    made: bool


def check(
    site_id: int, values: Iterable[Mapping[str, Any]], have: Iterable[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[NewPassword]]:
    """As they are stored, and the passwords that are new. ``have``: those that are there now.

    A door is the one that has its ``lock``, or else its path. Of its users, those without a password keep the one that
    they have, and get one made when they are new, or with ``renew``.
    """
    by_lock = {one["lock"]: one for one in have}
    by_path = {one["path"].lower(): one for one in have}
    problems: list[HostingError] = []
    found: dict[str, dict[str, Any]] = {}
    fresh: list[NewPassword] = []
    listed = list(values)
    if len(listed) > MOST_DOORS:
        raise TooManyEntries(FIELD, limit=MOST_DOORS)
    for value in listed:
        try:
            path = paths.normal(FIELD, value["path"])
            if value.get("lock") and value["lock"] not in by_lock:
                raise NoSuchLock(FIELD)
            before = by_lock[value["lock"]] if value.get("lock") else by_path.get(path.lower())
            door, new = _door(site_id, path, value, before)
        except HostingError as error:
            problems += error.problems
            continue
        if path.lower() in found or door["lock"] in {other["lock"] for other in found.values()}:
            problems.append(RuleTwice(FIELD, path=path))
        found[path.lower()] = door
        fresh += new
    raise_all(problems[:20])
    return [found[path] for path in sorted(found)], fresh


def _door(
    site_id: int, path: str, value: Mapping[str, Any], before: Mapping[str, Any] | None
) -> tuple[dict[str, Any], list[NewPassword]]:
    realm = str(value.get("realm") or path).strip()
    if not 1 <= len(realm) <= LONGEST_REALM or not realm.isprintable() or '"' in realm or "\\" in realm:
        raise InvalidRealm(FIELD, limit=LONGEST_REALM)
    lock = before["lock"] if before else edge_rules.new_lock()
    digests: dict[str, str] = before["users"] if before else {}
    users: dict[str, str] = {}
    fresh: list[NewPassword] = []
    listed = list(value.get("users", ()))
    if len(listed) > MOST_USERS:
        raise TooManyEntries(FIELD, limit=MOST_USERS)
    for entry in listed:
        name, password = entry["name"].strip(), entry.get("password") or ""
        if not _USER.match(name):
            raise InvalidVisitor(FIELD, name=name[:40])
        if name in users:
            raise RuleTwice(FIELD, path=name)
        if not password and name in digests and not entry.get("renew"):
            users[name] = digests[name]
            continue
        made = not password
        password = password or new_password()
        check_password(name, password)
        users[name] = edge_rules.digest_of(site_id, lock, name, password)
        fresh.append(NewPassword(path, name, password, made))
    if not users:
        raise NoVisitors(FIELD, path=path)
    return {
        "lock": lock,
        "path": path,
        "realm": realm,
        "open_paths": _open_paths(path, value.get("open_paths", ())),
        "users": users,
    }, fresh


def check_password(name: str, password: str) -> None:
    """Raises WeakVisitorPassword."""
    weak = WeakVisitorPassword(FIELD, name=name, low=SHORTEST, high=LONGEST)
    if not SHORTEST <= len(password) <= LONGEST or not _PASSWORD.match(password) or password.lower() == name.lower():
        raise weak
    try:
        CommonPasswordValidator().validate(password)
    except ValidationError:
        raise weak from None


def _open_paths(path: str, values: Iterable[str]) -> list[str]:
    """Exceptions, which are below the door."""
    listed = list(values)
    if len(listed) > MOST_PATHS:
        raise TooManyEntries(FIELD, limit=MOST_PATHS)
    found = {paths.normal(FIELD, text) for text in listed}
    for one in found:
        if not one.lower().startswith(path.lower().rstrip("/") + "/") or one == "/":
            raise InvalidRulePath(FIELD, path=one, limit=edge_rules.MOST_PARTS)
    return sorted(found)
