"""``edge_rules`` "12": what a site's members want of its visitors' requests; ``edge_rules_key`` "base"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from .. import fields
from ..errors import Invalid
from ..haproxy import drift, rows
from ..haproxy.changes import changes_of
from ..haproxy.edge_rules import STATUSES
from ..haproxy.edge_rules_lua import MOST_PARTS
from .base import Item, Kind
from .shield import ShieldKey, network

if TYPE_CHECKING:
    from ..transaction import Transaction

MOST_REDIRECTS, MOST_RULES, MOST_NETWORKS, MOST_DOORS, MOST_USERS, MOST_PATHS = 2000, 100, 500, 50, 200, 20
LONGEST_PATH, LONGEST_TARGET, LONGEST_REALM, LONGEST_TEXT = 200, 1000, 80, 1000
#: Seconds that browsers may be told to remember that a site has HTTPS: two years.
LONGEST_AGE = 63_072_000

_ID = re.compile(r"\A[1-9][0-9]{0,18}\Z")
_LOCK = re.compile(r"\A[0-9a-f]{12}\Z")
_DIGEST = re.compile(r"\A[0-9a-f]{64}\Z")
_USER = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,31}\Z")
#: A path of our own (never "//", which browsers take for another host), or an address with a host.
_TARGET = re.compile(
    r"\A(?:https?://[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[0-9]{1,5})?(?=/|\Z)|(?=/(?![/\\])))"
    r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/?#\[\]-]*)?\Z"
)


class EdgeRules(Kind):
    """Spec::

        {"https": None or {"names": [those that have a certificate], "max_age": seconds of HSTS or None, "subdomains"},
         "redirects": [{"path", "match": "exact" or "prefix", "target", "status", "keep_path", "keep_query"}],
         "addresses": [{"path", "action": "allow" or "deny", "networks": […]}],
         "protected": [{"lock", "path", "realm", "open_paths": […], "users": {name: digest}}],
         "notice": None or {"en", "es": texts, "until": seconds since 1970 or 0, "networks": those that see the site}}

    Paths are normal: decoded, with "/" before each part and none at the end ("/" is the whole site).
    """

    name = "edge_rules"
    roles = frozenset({"edge"})
    order = 37
    secrets = frozenset({"protected.users"})

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        if not _ID.match(id):
            raise Invalid("not the id of a site")
        fields.only(spec, ("https", "redirects", "addresses", "protected", "notice"))
        clean: Dict[str, Any] = {
            "https": _https(spec),
            "redirects": fields.list_of(spec, "redirects", _redirect, max=MOST_REDIRECTS, default=()),
            "addresses": fields.list_of(spec, "addresses", _address_rule, max=MOST_RULES, default=()),
            "protected": fields.list_of(spec, "protected", _door, max=MOST_DOORS, default=()),
            "notice": _notice(spec),
        }
        _once("redirects", [(one["path"], one["match"]) for one in clean["redirects"]])
        _once("addresses", [(one["path"].lower(), one["action"]) for one in clean["addresses"]])
        _once("protected", [one["path"].lower() for one in clean["protected"]])
        _once("protected", [one["lock"] for one in clean["protected"]])
        return clean

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_edge_rules(item.id, item.spec, item.previous) for item in items))

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_edge_rules(item.id, None, item.previous) for item in items))

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        return drift.of_rows({id: rows.of_edge_rules(id, spec) for id, spec in specs.items()})


class EdgeRulesKey(ShieldKey):
    """Spec: ``{"key": 32 bytes in base64}``, the same on all edges: passwords of visitors are looked up with it."""

    name = "edge_rules_key"
    order = 36

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_edge_rules_key(item.id, item.spec) for item in items))

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_edge_rules_key(item.id, None) for item in items))

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        return drift.of_rows({id: rows.of_edge_rules_key(id, spec) for id, spec in specs.items()})


def _https(spec: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    if spec.get("https") is None:
        return None
    https = fields.record(spec, "https", ("names", "max_age", "subdomains"))
    age = https.get("max_age")
    return {
        "names": sorted(fields.list_of(https, "names", fields.domain_name, max=1000)),
        "max_age": None if age is None else fields.integer(https, "max_age", 0, LONGEST_AGE),
        "subdomains": fields.boolean(https, "subdomains", False),
    }


def _redirect(spec: Dict[str, Any], key: str) -> Dict[str, Any]:
    one = fields.record(spec, key, ("path", "match", "target", "status", "keep_path", "keep_query"))
    status = fields.integer(one, "status", STATUSES[0], STATUSES[-1])
    if status not in STATUSES:
        raise Invalid(f"{key}: status: not one of {STATUSES}")
    return {
        "path": _path(one, "path", plain=False),
        "match": fields.one_of(one, "match", ("exact", "prefix")),
        "target": fields.matching(one, "target", _TARGET, "a path or a web address", LONGEST_TARGET),
        "status": status,
        "keep_path": fields.boolean(one, "keep_path"),
        "keep_query": fields.boolean(one, "keep_query"),
    }


def _address_rule(spec: Dict[str, Any], key: str) -> Dict[str, Any]:
    one = fields.record(spec, key, ("path", "action", "networks"))
    return {
        "path": _path(one, "path"),
        "action": fields.one_of(one, "action", ("allow", "deny")),
        "networks": sorted(fields.list_of(one, "networks", network, max=MOST_NETWORKS)),
    }


def _door(spec: Dict[str, Any], key: str) -> Dict[str, Any]:
    one = fields.record(spec, key, ("lock", "path", "realm", "open_paths", "users"))
    users = fields.fetch(one, "users")
    if not isinstance(users, dict) or len(users) > MOST_USERS:
        raise Invalid(f"{key}: users: not an object of at most {MOST_USERS}")
    realm = fields.text(one, "realm", LONGEST_REALM, 1)
    if '"' in realm or "\\" in realm:
        raise Invalid(f"{key}: realm: has quotes")
    return {
        "lock": fields.matching(one, "lock", _LOCK, "the name of a lock", 12),
        "path": _path(one, "path"),
        "realm": realm,
        "open_paths": sorted(fields.list_of(one, "open_paths", _path, max=MOST_PATHS)),
        "users": {
            fields.matching({"user": name}, "user", _USER, "the name of a user", 32): fields.matching(
                users, name, _DIGEST, "a digest", 64
            )
            for name in sorted(users, key=str)
        },
    }


def _notice(spec: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    if spec.get("notice") is None:
        return None
    notice = fields.record(spec, "notice", ("en", "es", "until", "networks"))
    return {
        "en": _lines(notice, "en"),
        "es": _lines(notice, "es"),
        "until": fields.integer(notice, "until", 0, 2**33),
        "networks": sorted(fields.list_of(notice, "networks", network, max=MOST_NETWORKS)),
    }


def _lines(spec: Dict[str, Any], key: str) -> str:
    """Plain text; line breaks are all that is not printable."""
    value = fields.fetch(spec, key)
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise Invalid(f"{key}: not text of at most {LONGEST_TEXT} characters")
    if not value.replace("\n", "").isprintable():
        raise Invalid(f"{key}: has control characters")
    return value


def _path(spec: Dict[str, Any], key: str, plain: bool = True) -> str:
    """A normal path. ``plain``: without what the wary reading of a path takes away, or it would never be met."""
    value = fields.text(spec, key, LONGEST_PATH, 1)
    if value == "/":
        return value
    parts = value.split("/")
    if parts[0] or len(parts) > MOST_PARTS + 1 or any(part in ("", ".", "..") for part in parts[1:]):
        raise Invalid(f"{key}: not a normal path")
    if plain and (any(char in value for char in ";\\%") or any(part[-1] in ". " for part in parts[1:])):
        raise Invalid(f"{key}: not a plain path")
    return value


def _once(key: str, values: List[Any]) -> None:
    if len(set(values)) != len(values):
        raise Invalid(f"{key}: the same is there twice")
