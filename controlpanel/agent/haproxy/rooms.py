"""Clean rooms: who holds the secret of a quarantined site gets past the page that everybody else sees.

The secret is in an address that is opened once and becomes a cookie; the site sees neither. The edge knows only its
SHA-256, so that nothing on an edge opens a room, and until when the room is open: it closes by itself, also when the
panel is away. No log has it: edges log no requests, and what the web host logs has no cookie.
"""

from __future__ import annotations

from typing import Any, Dict

from . import paths

#: Below it, the secret: where a room is entered.
ENTRANCE = "/.well-known/controlpanel-room/"
COOKIE = "controlpanel_room"
#: What the web host hears when somebody was let in. It believes it from edges only.
HEADER = "X-Forwarded-Room"


def row(id: str, spec: Dict[str, Any]) -> Dict[str, str]:
    """SHA-256 of the secret to ``site.end``."""
    return {spec["digest"]: "%s.%d" % (id, spec["until"])}


def _enter(secure: str, condition: str) -> str:
    cookie = f'"{COOKIE}=%[var(txn.room_key)]; Path=/; HttpOnly; SameSite=Lax{secure}"'
    return (
        f"  http-request return status 303 hdr Location / hdr Cache-Control no-store hdr Referrer-Policy no-referrer"
        f" hdr Set-Cookie {cookie} if quarantined enters_room room_here room_open {condition}\n"
    )


#: Behind the mode, before what is done by it: with the right secret the mode is "room", which nothing else looks for.
RULES = f"""\
  acl quarantined var(txn.mode) -m str quarantine
  acl enters_room path_beg {ENTRANCE}
  http-request set-var(txn.room_key) req.cook({COOKIE}) if quarantined
  http-request set-var(txn.room_key) path,word(3,/) if quarantined enters_room
  http-request set-var(txn.room) var(txn.room_key),sha2(256),hex,lower,map_str({paths.ROOMS}) if quarantined
  http-request set-var(txn.room_site) var(txn.room),field(1,.) if quarantined
  http-request set-var(txn.now) date if quarantined
  http-request set-var(txn.room_left) var(txn.room),field(2,.),sub(txn.now) if quarantined
  acl room_here var(txn.room_site),strcmp(txn.site) eq 0
  acl room_open var(txn.room_left) -m int gt 0
{_enter("; Secure", "{ ssl_fc }")}{_enter("", "!{ ssl_fc }")}\
  http-request set-var(txn.mode) str(room) if quarantined room_here room_open"""

#: Behind the headers that visitors may not forge. The cookie is between the visitor and the edge.
FORWARD = f"""\
  acl in_room var(txn.mode) -m str room
  http-request set-header {HEADER} open if in_room
  acl has_room_cookie req.cook({COOKIE}) -m found
  http-request replace-header Cookie (.*;\\ *)?{COOKIE}=[^;]*(;\\ *)?(.*) \\1\\3 if has_room_cookie
"""
