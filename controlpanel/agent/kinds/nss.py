"""``nss`` "directory": the host looks users and groups up in the directory, through nslcd."""

from __future__ import annotations

import grp
import os
import re
import socket
import struct
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from .. import commands, fields
from ..errors import Failed, Invalid
from .base import File, Item, Kind

if TYPE_CHECKING:
    from ..transaction import Transaction

CA = "/etc/controlpanel/directory-ca.pem"
CONFIGURATION = "/etc/nslcd.conf"
SWITCH = "/etc/nsswitch.conf"
SOCKET = "/run/nslcd/socket"
#: Databases that are looked up in the directory too, after the host's own files. Never shadow: no password is here.
DATABASES = ("passwd", "group")
#: The panel's sequence begins here. Nobody can become root, or a service of the host, by way of the directory.
LOWEST_UID = 20000

_URI = re.compile(r"\Aldaps://(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:]{2,39}\])(?::[0-9]{1,5})?\Z")
_DN = re.compile(r"\A[A-Za-z][A-Za-z0-9-]*=[A-Za-z0-9 ._-]+(?:,[A-Za-z][A-Za-z0-9-]*=[A-Za-z0-9 ._-]+)*\Z")
_PASSWORD = re.compile(r"\A[!-~]{1,200}\Z")

# Short limits, for nearly every program waits for a lookup now and then: with the directory away a lookup must fail in
# a moment, and the host's own users (root, the agent) must not wait at all, thus ALLLOCAL.
_TEMPLATE = """\
# Written by the control panel's agent.
uid nslcd
gid nslcd
{uris}
ldap_version 3
ssl on
tls_reqcert demand
tls_cacertfile {ca}
binddn {bind_dn}
bindpw {bind_password}
scope one
base passwd ou=sites,{base}
base passwd ou=people,{base}
base group ou=groups,{base}
filter passwd (objectClass=posixAccount)
filter group (objectClass=posixGroup)
# Files belong to these users here, but nobody logs in.
map passwd loginShell "/usr/sbin/nologin"
nss_min_uid {lowest}
nss_initgroups_ignoreusers ALLLOCAL
bind_timelimit 2
timelimit 3
idle_timelimit 300
reconnect_sleeptime 1
reconnect_retrytime 1
"""

# The protocol of nslcd's socket, version 2 (nslcd.h): 32-bit numbers in network order, texts with their length before.
_VERSION, _PASSWD_BY_NAME, _BEGIN, _END = 2, 0x00080001, 1, 2


class Nss(Kind):
    """Spec: ``{"uris": [ldaps://…], "base", "bind_dn", "bind_password", "ca_pem"}``.

    Answers ``{"directory": "answers"|"away"}``. A directory that is away does not make the change fail: the other
    resources of the host must not wait for it.
    """

    name = "nss"
    roles = frozenset({"web"})
    order = 10
    secrets = frozenset({"bind_password"})

    def validate(self, id: str, spec: Dict[str, Any]) -> Dict[str, Any]:
        fields.one_of({"id": id}, "id", ("directory",))
        fields.only(spec, ("uris", "base", "bind_dn", "bind_password", "ca_pem"))
        return {
            "uris": fields.list_of(spec, "uris", _uri, min=1, max=10),
            "base": _dn(spec, "base"),
            "bind_dn": _dn(spec, "bind_dn"),
            "bind_password": _password(spec, "bind_password"),
            "ca_pem": fields.pem(spec, "ca_pem", ("CERTIFICATE",), max=1_000_000),
        }

    def files(self, id: str, spec: Dict[str, Any]) -> List[File]:
        text = _TEMPLATE.format(
            uris="\n".join(f"uri {uri}" for uri in spec["uris"]),
            ca=CA,
            bind_dn=spec["bind_dn"],
            bind_password=spec["bind_password"],
            base=spec["base"],
            lowest=LOWEST_UID,
        )
        return [
            File(CA, spec["ca_pem"].encode()),
            File(CONFIGURATION, text.encode(), mode=0o640, gid=_group("nslcd")),
        ]

    def apply(self, tx: "Transaction", items: List[Item]) -> None:
        tx.mkdir(os.path.dirname(CA))
        super().apply(tx, items)
        # nslcd before the switch: a switch that points at nothing makes every lookup wait.
        if {CA, CONFIGURATION} & tx.changed or not _runs():
            tx.run(["systemctl", "enable", "--quiet", "nslcd.service"])
            tx.reload("nslcd", ["systemctl", "restart", "nslcd.service"])
        tx.write(File(SWITCH, switch(_read(SWITCH), True)))
        tx.confirm(_confirm_runs)
        for item in items:
            tx.confirm(lambda item=item: item.answer.update(directory=_state()))  # type: ignore[misc]

    def remove(self, tx: "Transaction", items: List[Item]) -> None:
        tx.write(File(SWITCH, switch(_read(SWITCH), False)))
        super().remove(tx, items)
        if _runs():
            tx.on_rollback(lambda: commands.run(["systemctl", "enable", "--now", "nslcd.service"]))
            tx.run(["systemctl", "disable", "--now", "nslcd.service"])

    def observe(self, id: str, spec: Dict[str, Any]) -> Optional[str]:
        current = _read(SWITCH)
        if switch(current, True) != current:
            return f"{SWITCH} does not send lookups of users and groups to the directory"
        if not _runs():
            return "nslcd does not run"
        return None if _state() == "answers" else "nslcd gets no answer from the directory"


def switch(current: bytes, ldap: bool) -> bytes:
    """nsswitch.conf with ``ldap`` last for users and groups (or without it); whatever else it says stays."""
    lines, seen = [], set()
    for line in current.decode("utf-8", "surrogateescape").splitlines():
        database, colon, services = line.partition(":")
        if colon and database.strip() in DATABASES:
            seen.add(database.strip())
            lines.append(_switch_line(line, services, ldap))
        else:
            lines.append(line)
    lines += [f"{database}: files ldap" for database in DATABASES if ldap and database not in seen]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _switch_line(line: str, services: str, ldap: bool) -> str:
    names = services.partition("#")[0].split()
    others = [name for name in names if name != "ldap"] or ["files"]
    wanted = [*others, "ldap"] if ldap else others
    return line if names == wanted else f"{line.partition(':')[0]}: {' '.join(wanted)}"


def look_up(name: str, path: str = SOCKET, timeout: float = 5.0) -> Optional[bool]:
    """Whether nslcd knows a user of that name; None when it does not run or gets no answer from the directory.

    Through its socket, because NSS itself says "no such user" in both cases. ``timeout`` in seconds.
    """
    encoded = name.encode()
    request = struct.pack("!iii", _VERSION, _PASSWD_BY_NAME, len(encoded)) + encoded
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(path)
            connection.sendall(request)
            answer = b""
            while len(answer) < 12:
                more = connection.recv(12 - len(answer))
                if not more:
                    return None
                answer += more
    except OSError:
        return None
    version, action, result = struct.unpack("!iii", answer)
    if (version, action) != (_VERSION, _PASSWD_BY_NAME) or result not in (_BEGIN, _END):
        return None
    return result == _BEGIN


def _state() -> str:
    # "site0" never exists: the directory must have been asked, and must have said no.
    return "away" if look_up("site0") is None else "answers"


def _runs() -> bool:
    return commands.run(["systemctl", "is-active", "nslcd.service"], ok=(0, 1, 2, 3, 4)).strip() == "active"


def _confirm_runs() -> None:
    if not _runs():
        output = commands.run(["journalctl", "--no-pager", "-n", "20", "-u", "nslcd.service"], ok=(0, 1))
        raise Failed("nslcd does not run", output)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return 0


def _uri(spec: Dict[str, Any], key: str) -> str:
    value = fields.text(spec, key, 300, 1)
    if not _URI.match(value):
        raise Invalid(f"{key}: not an ldaps:// URI")
    return value


def _dn(spec: Dict[str, Any], key: str) -> str:
    value = fields.text(spec, key, 400, 1)
    if not _DN.match(value):
        raise Invalid(f"{key}: not a plain distinguished name")
    return value


def _password(spec: Dict[str, Any], key: str) -> str:
    value = fields.text(spec, key, 200, 1)
    if not _PASSWORD.match(value):
        raise Invalid(f"{key}: not 1 to 200 ASCII characters without spaces")
    return value
