"""``shield`` "12" (a site's, or "all"): how it is protected. ``shield_key`` "base": what tasks are made with."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from typing import TYPE_CHECKING, Any, Dict, List

from .. import fields
from ..errors import Invalid
from ..haproxy import drift, rows, shield
from ..haproxy.changes import changes_of
from .base import Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction

_ID = re.compile(r"\A(?:%s|[1-9][0-9]{0,18})\Z" % shield.ALL)
_PATH = re.compile(r"\A/[A-Za-z0-9._~/-]{1,199}\Z")
MOST_NETWORKS, MOST_PATHS = 500, 100
MOST_REQUESTS, MOST_CONNECTIONS = 100_000, 10_000


class Shield(Kind):
    """Spec: ``{"level": one of shield.LEVELS, "requests": of one visitor in 10 s, "connections": of one visitor at a
    time, "blocked": [networks], "trusted": [networks that are neither limited nor challenged], "open_paths":
    [beginnings of paths that are not challenged]}``.
    """

    name = "shield"
    roles = frozenset({"edge"})
    order = 35

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        if not _ID.match(id):
            raise Invalid("not the id of a site")
        fields.only(spec, ("level", "requests", "connections", "blocked", "trusted", "open_paths"))
        clean: Dict[str, Any] = {
            "level": fields.one_of(spec, "level", shield.LEVELS),
            "requests": fields.integer(spec, "requests", 1, MOST_REQUESTS),
            "connections": fields.integer(spec, "connections", 1, MOST_CONNECTIONS),
            "blocked": fields.list_of(spec, "blocked", network, max=MOST_NETWORKS, default=()),
            "trusted": fields.list_of(spec, "trusted", network, max=MOST_NETWORKS, default=()),
            "open_paths": fields.list_of(spec, "open_paths", _path, max=MOST_PATHS, default=()),
        }
        if set(clean["blocked"]) & set(clean["trusted"]):
            raise Invalid("blocked: a network is trusted too")
        return clean

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_shield(item.id, item.spec, item.previous) for item in items))

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_shield(item.id, None, item.previous) for item in items))

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        return drift.of_rows({id: rows.of_shield(id, spec) for id, spec in specs.items()})


class ShieldKey(Kind):
    """Spec: ``{"key": 32 bytes in base64}``, the same on all edges."""

    name = "shield_key"
    roles = frozenset({"edge"})
    order = 34
    secrets = frozenset({"key"})

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        if id != "base":
            raise Invalid("an edge has one key, named base")
        fields.only(spec, ("key",))
        key = fields.text(spec, "key", 44, 44)
        try:
            if len(base64.b64decode(key, validate=True)) != 32:
                raise ValueError
        except (binascii.Error, ValueError):
            raise Invalid("key: not 32 bytes in base64") from None
        return {"key": key}

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_shield_key(item.id, item.spec) for item in items))

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        changes_of(tx).edit(rows.merge(rows.of_shield_key(item.id, None) for item in items))

    def observe_all(self, specs: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        return drift.of_rows({id: rows.of_shield_key(id, spec) for id, spec in specs.items()})


def network(spec: Dict[str, Any], key: str) -> str:
    """A network of IPv4 or IPv6 addresses (one address is one too), in its canonical form."""
    value = fields.fetch(spec, key)
    try:
        if not isinstance(value, str) or len(value) > 50 or "%" in value:
            raise ValueError
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise Invalid(f"{key}: not a network of IP addresses") from None


def _path(spec: Dict[str, Any], key: str) -> str:
    value = fields.text(spec, key, 200)
    if not _PATH.match(value) or "//" in value or "/." in value:
        raise Invalid(f"{key}: not the beginning of a path")
    return value
