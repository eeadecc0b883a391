"""No network for isolated sites: packets of their users are counted and dropped, to this host's own loopback too.

By nftables and the user that a socket belongs to, so it holds whatever process of the site it is and wherever it was
started. A socket whose process has been killed belongs to nobody, and the kernel would go on sending what was in its
queue: so the flows that were blocked are remembered for a while, and packets of nobody's on them are dropped too.

With an open clean room a site may reach its databases, which are at loopback addresses, and nothing else.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import threading
from typing import Any, Dict, List, Optional, Set

from .. import commands
from ..errors import Failed
from . import notes

TABLE = "controlpanel_isolation"
#: Where sites find their databases.
DATABASES = "127.64.0.0/16"
_SYS_SETFSUID = {"x86_64": 122, "aarch64": 151}

_FLOWS = """\
  set flows{version} {{
    type ipv{version}_addr . inet_proto . inet_service . inet_service
    size 65535
    flags dynamic,timeout
    timeout 10m
  }}
"""
_RULES = (
    """\
table inet {table} {{
  set cut {{
    type uid
    counter
  }}
  set rooms {{
    type uid
  }}
"""
    + _FLOWS.format(version=4).replace("{", "{{").replace("}", "}}")
    + _FLOWS.format(version=6).replace("{", "{{").replace("}", "}}")
    + """\
  chain out {{
    type filter hook output priority -350; policy accept;
    meta skuid @rooms ip daddr {databases} tcp dport {{ 3306, 5432 }} accept
    meta skuid @cut jump caught
    meta skuid 0-4294967294 accept
    ip daddr . meta l4proto . th sport . th dport @flows4 counter drop
    ip6 daddr . meta l4proto . th sport . th dport @flows6 counter drop
  }}
  chain caught {{
    meta l4proto {{ tcp, udp }} update @flows4 {{ ip daddr . meta l4proto . th sport . th dport }}
    meta l4proto {{ tcp, udp }} update @flows6 {{ ip6 daddr . meta l4proto . th sport . th dport }}
    counter drop
  }}
}}
"""
)


def settle() -> None:
    """Make the firewall say what the notes say. Under ``notes.alone``. Raises Failed, also when a packet gets out."""
    here = notes.everything().values()
    wanted = {"cut": {note.uid for note in here}, "rooms": {note.uid for note in here if note.room}}
    found = _sets()
    if found is None:
        if not wanted["cut"]:
            return
        _load(_RULES.format(table=TABLE, databases=DATABASES) + _changes(wanted, {"cut": set(), "rooms": set()}))
    elif not wanted["cut"]:
        # A list before it: no error when somebody else has taken it away meanwhile.
        _load(f"table inet {TABLE}\ndelete table inet {TABLE}\n")
        return
    else:
        changes = _changes(wanted, found)
        if changes:
            _load(changes)
    for uid in sorted(wanted["cut"] - (found or {"cut": set()})["cut"]):
        if gets_out(uid):
            raise Failed(f"the network of user {uid} could not be cut: a packet got out")


def is_cut(uid: int) -> bool:
    """Whether the firewall has the user."""
    return uid in (_sets() or {"cut": set()})["cut"]


def packets() -> Dict[int, int]:
    """By user, how many packets were stopped since its isolation."""
    counted = {}
    for element in _elements("cut") or []:
        inner = element.get("elem", {}) if isinstance(element, dict) else {}
        if "val" in inner:
            counted[int(inner["val"])] = int(inner.get("counter", {}).get("packets", 0))
    return counted


def gets_out(uid: int) -> bool:
    """Try it: send a packet to this very host as that user."""
    result: List[bool] = []
    thread = threading.Thread(target=lambda: result.append(_try(uid)), daemon=True)
    thread.start()
    thread.join(5)
    return not result or result[0]


def _try(uid: int) -> bool:
    # The user of this thread's file system calls, and so of the sockets it makes; of no other thread's.
    number = _SYS_SETFSUID.get(os.uname().machine)
    if number is None:
        return False  # cannot be tried here
    ctypes.CDLL(None).syscall(number, uid)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.sendto(b"", ("127.0.0.1", 9))
        except OSError as error:
            return error.errno != errno.EPERM
    return True


def _changes(wanted: "Dict[str, Set[int]]", found: "Dict[str, Set[int]]") -> str:
    lines = []
    for name in ("cut", "rooms"):
        for verb, uids in (("add", wanted[name] - found[name]), ("delete", found[name] - wanted[name])):
            if uids:
                lines.append(f"{verb} element inet {TABLE} {name} {{ {', '.join(map(str, sorted(uids)))} }}\n")
    return "".join(lines)


def _sets() -> "Optional[Dict[str, Set[int]]]":
    """The users in the two sets; None when there is no table."""
    found = {}
    for name in ("cut", "rooms"):
        elements = _elements(name)
        if elements is None:
            return None
        found[name] = {int(one["elem"]["val"] if isinstance(one, dict) else one) for one in elements}
    return found


def _elements(name: str) -> Optional[List[Any]]:
    # -n: a user's number, not its name, which the directory would have to be asked for.
    text = commands.run(["nft", "-n", "-j", "list", "set", "inet", TABLE, name], timeout=10, ok=(0, 1))
    if not text.strip():
        return None
    for part in json.loads(text)["nftables"]:
        if "set" in part:
            return list(part["set"].get("elem", []))
    return None


def _load(rules: str) -> None:
    commands.run(["nft", "-f", "-"], timeout=10, input=rules.encode(), reason="the firewall refuses the isolation")
