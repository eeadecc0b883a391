"""Paths and targets of edge rules as members type them, brought to their normal form."""

import re
import unicodedata
from urllib.parse import unquote, urlsplit

from routing.edge_rules import LONGEST_PATH, LONGEST_TARGET, MOST_PARTS

from ..errors import HostingError, InvalidDomain
from ..validators import normalize
from .errors import InvalidRulePath, InvalidTarget, PathNotPlain

_UNPLAIN = re.compile(r"[;\\%]")
#: What may stand in a target as it is; everything else is percent-encoded.
_URL = re.compile(r"\A[A-Za-z0-9._~!$&'()*+,;=:@%/?#\[\]-]*\Z")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def normal(field: str, text: str, *, plain: bool = True) -> str:
    """Decoded once, "/" before each part and none at the end; "/" is the whole site.

    ``plain``: of what may be protected. The edge reads a visitor's path in a wary way there, without what comes behind
    ";" and dots at the end; a rule for such a path would never be met. Raises InvalidRulePath, PathNotPlain.
    """
    shown = text.strip()[:80]
    problem = InvalidRulePath(field, path=shown, limit=MOST_PARTS)
    typed = text.strip()
    if not typed.startswith("/") or len(typed) > 3 * LONGEST_PATH or "?" in typed or "#" in typed:
        raise problem
    try:
        path = unicodedata.normalize("NFC", unquote(typed, errors="strict"))
    except UnicodeDecodeError:
        raise problem from None
    parts = [part for part in path.split("/") if part]
    if "//" in path or any(part in (".", "..") for part in parts) or len(parts) > MOST_PARTS:
        raise problem
    path = "/" + "/".join(parts)
    if len(path) > LONGEST_PATH or not path.isprintable():
        raise problem
    if plain and (_UNPLAIN.search(path) or any(part[-1] in ". " for part in parts)):
        raise PathNotPlain(field, path=shown)
    return path


def target(field: str, text: str) -> str:
    """A path of the site with all that may follow, or a web address; nothing that a browser could read otherwise."""
    problem = InvalidTarget(field, target=text.strip()[:80])
    typed = unicodedata.normalize("NFC", text.strip())
    if not typed or len(typed) > LONGEST_TARGET or not typed.isprintable():
        raise problem
    typed = re.sub(r"[^\x21-\x7e]+", lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), typed)
    if typed.startswith("/"):
        found = typed
        if typed[1:2] in ("/", "\\"):
            raise problem
    else:
        found = _address(field, typed, problem)
    if len(found) > LONGEST_TARGET or not _URL.match(found) or _BROKEN_ESCAPE.search(found):
        raise problem
    return found


def _address(field: str, typed: str, problem: HostingError) -> str:
    try:
        parts = urlsplit(typed)
        port = parts.port
    except ValueError:
        raise problem from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or "\\" in typed:
        raise problem
    try:
        host = normalize(unquote(parts.hostname), field)
    except InvalidDomain as error:
        if error.reason != "reserved":  # our own names are no site's, but a redirect may well lead to them
            raise problem from None
        host = parts.hostname
    address = f"{parts.scheme}://{host}" + (f":{port}" if port else "")
    rest = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return address + rest + (f"#{parts.fragment}" if parts.fragment else "")
