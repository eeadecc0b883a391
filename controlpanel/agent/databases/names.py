"""Names, verifiers and the specs of databases: what is not exactly of its form goes no further."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Dict, List, Tuple

from .. import fields
from ..errors import Invalid

ENGINES = ("mariadb", "postgresql")
#: "locked": nobody connects. "copy": the same, of what has moved away: it is never unlocked by a call.
STATES = ("serving", "read_only", "locked", "copy")
ACCESSES = ("owner", "read_only")
#: MariaDB's character sets that a database may have; PostgreSQL's databases are all UTF-8.
CHARSETS = ("", "utf8mb4", "utf8mb3", "latin1", "ascii", "binary")
#: Users of a database; connections of a user.
USERS, CONNECTIONS = 20, 10_000

_DATABASE = re.compile(r"\Adb[1-9][0-9]{0,17}\Z")
_USER = re.compile(r"\A(db[1-9][0-9]{0,17})(?:_[a-z0-9]{1,16})?\Z")
_NATIVE = re.compile(r"\A\*[0-9A-F]{40}\Z")
_SCRAM = re.compile(
    r"\ASCRAM-SHA-256\$([1-9][0-9]{3,6}):[A-Za-z0-9+/]{16,88}={0,2}\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=\Z"
)


@dataclass(frozen=True)
class User:
    """Somebody who may connect to one database."""

    name: str
    verifier: str
    #: "owner" or "read_only".
    access: str
    connections: int


@dataclass(frozen=True)
class Database:
    """A database as it should be: a validated spec."""

    name: str
    engine: str
    charset: str = ""
    #: Connections of one user, at most.
    connections: int = 10
    state: str = "locked"
    clients: Tuple[str, ...] = ()
    users: Tuple[User, ...] = field(default=())
    quota_full: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether nobody may connect."""
        return self.state in ("locked", "copy") or not self.clients

    @property
    def may_grow(self) -> bool:
        """Whether its owners may write; so also while nobody may connect, that unlocking is one step."""
        return self.state != "read_only" and not self.quota_full

    @property
    def may_shrink(self) -> bool:
        """Whether its owners may delete."""
        return self.state != "read_only"

    def limit(self, user: User) -> int:
        """How many connections that user may have at a time."""
        return min(user.connections, self.connections)


def is_database(name: str) -> bool:
    return bool(_DATABASE.match(name))


def belongs(user: str, database: str) -> bool:
    """Whether a user's name says that it is of that database."""
    found = _USER.match(user)
    return found is not None and found.group(1) == database


def database_name(args: Dict[str, Any], key: str = "name") -> str:
    """The name of a database: "db12"."""
    value = fields.fetch(args, key)
    if not isinstance(value, str) or not is_database(value):
        raise Invalid(f"{key}: not the name of a database")
    return value


def engine_name(args: Dict[str, Any]) -> str:
    return fields.one_of(args, "engine", ENGINES)


def check_verifier(engine: str, spec: Dict[str, Any]) -> str:
    """What a server checks a password by: never a password itself."""
    value = fields.fetch(spec, "verifier")
    pattern = _NATIVE if engine == "mariadb" else _SCRAM
    if not isinstance(value, str) or not pattern.match(value):
        raise Invalid("users: verifier: not a verifier of that engine")
    return value


def validate(name: str, spec: Dict[str, Any]) -> Dict[str, Any]:
    """The normalized spec of the resource ``database``. Raises Invalid."""
    database_name({"id": name}, "id")
    fields.only(spec, ("engine", "charset", "connections", "state", "clients", "users", "quota_full"))
    engine = engine_name(spec)
    charset = fields.one_of(spec, "charset", CHARSETS, "")
    if charset and engine != "mariadb":
        raise Invalid("charset: databases of that engine are all UTF-8")
    users = [_user(name, engine, raw) for raw in fields.list_of(spec, "users", _object, max=USERS)]
    if len({user["name"] for user in users}) != len(users):
        raise Invalid("users: a name is there twice")
    return {
        "engine": engine,
        "charset": charset,
        "connections": fields.integer(spec, "connections", 1, CONNECTIONS),
        "state": fields.one_of(spec, "state", STATES),
        "clients": sorted(set(fields.list_of(spec, "clients", fields.ip_address, max=1000))),
        "users": sorted(users, key=lambda user: user["name"]),
        "quota_full": fields.boolean(spec, "quota_full", False),
    }


def parse(name: str, spec: Dict[str, Any]) -> Database:
    """A validated spec as an object."""
    return Database(
        name=name,
        engine=spec["engine"],
        charset=spec["charset"],
        connections=spec["connections"],
        state=spec["state"],
        clients=tuple(spec["clients"]),
        users=tuple(User(**user) for user in spec["users"]),
        quota_full=spec["quota_full"],
    )


def _object(spec: Dict[str, Any], key: str) -> Dict[str, Any]:
    return fields.record(spec, key, ("name", "verifier", "access", "connections"))


def _user(database: str, engine: str, raw: Dict[str, Any]) -> Dict[str, Any]:
    name = fields.fetch(raw, "name")
    if not isinstance(name, str) or not belongs(name, database):
        raise Invalid("users: name: not the name of a user of that database")
    return {
        "name": name,
        "verifier": check_verifier(engine, raw),
        "access": fields.one_of(raw, "access", ACCESSES),
        "connections": fields.integer(raw, "connections", 1, CONNECTIONS),
    }


def labels(values: List[str]) -> str:
    """A few names for a message, none of them at full length."""
    shown = ", ".join(ascii(value)[:60] for value in values[:5])
    return shown + (f" and {len(values) - 5} more" if len(values) > 5 else "")
