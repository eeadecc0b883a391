"""Edge rules of a site as rows of HAProxy's tables.

Every row begins with the site's id, so that no site's rows are another's. What members typed is written with "=XX" for
every byte that is not plain (``quote``), or in base64, so no text of theirs is ever more than one word of one row.

=========  ===================================  ===================================================
table      key                                  value
=========  ===================================  ===================================================
rules      ``12``                               ``look``, ``notice``, or ``look-notice``
https      ``12/a.test``                        ``redirect``, and with HSTS ``redirect/AGE[/sub]``
addresses  ``12a/path`` (allow), ``12x`` (deny) name of a list of networks
networks   ``12.LIST/digits/first digits``      any (see ``shield.network_rows``)
doors      ``12d/path``                         ``LOCK.realm``, or ``open``
openers    HMAC of site, lock, user, password   user
redirects  ``12e/path`` (exact), ``12p/path``   ``STATUS.FLAGS.target``
notices    ``12``; ``12/en``, ``12/es``         when it is expected back; HTML in base64
=========  ===================================  ===================================================
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from html import escape
from typing import Any, Dict, List, Optional

from . import paths, shield

Spec = Dict[str, Any]
Rows = Dict[str, Dict[str, str]]

#: The list of those who may see a site that is being worked on.
MEANWHILE = "meanwhile"
_PLAIN = re.compile(rb"[^A-Za-z0-9._~/-]")
_TABLES = (
    paths.EDGE_RULES, paths.EDGE_HTTPS, paths.EDGE_ADDRESSES, paths.EDGE_NETWORKS, paths.EDGE_DOORS,
    paths.EDGE_OPENERS, paths.EDGE_REDIRECTS, paths.EDGE_NOTICES,
)  # fmt: skip
_BACK = {"en": "It is expected back by %s (UTC).", "es": "Se espera que vuelva antes de: %s (UTC)."}


def quote(text: str) -> str:
    """As one word of a row; ``=`` begins an escape."""
    return _PLAIN.sub(lambda match: b"=%02X" % match.group()[0], text.encode()).decode()


def path_key(path: str, fold: bool = True) -> str:
    """A normal path as it stands in keys: nothing for the whole site. ``fold``: capitals are no other path."""
    if path == "/":
        return ""
    # Only ASCII letters, as the edge folds them.
    return quote(re.sub("[A-Z]", lambda match: match[0].lower(), path) if fold else path)


def list_name(action: str, path: str) -> str:
    """The name of an address rule's list: it does not change when other rules come and go."""
    return hashlib.sha256(f"{action} {path_key(path)}".encode()).hexdigest()[:16]


def of_site(id: str, spec: Spec) -> Rows:
    """All rows of one site, by table (a key for each)."""
    found: Rows = {table: {} for table in _TABLES}
    _https(found[paths.EDGE_HTTPS], id, spec["https"])
    for rule in spec["addresses"]:
        name = list_name(rule["action"], rule["path"])
        letter = "a" if rule["action"] == "allow" else "x"
        found[paths.EDGE_ADDRESSES][f"{id}{letter}{path_key(rule['path'])}"] = name
        found[paths.EDGE_NETWORKS].update(shield.network_rows(f"{id}.{name}", [], rule["networks"]))
    for door in spec["protected"]:
        realm = quote(door["realm"])
        for path in door["open_paths"]:
            found[paths.EDGE_DOORS].setdefault(f"{id}d{path_key(path)}", "open")
        found[paths.EDGE_DOORS][f"{id}d{path_key(door['path'])}"] = f"{door['lock']}.{realm}"
        for user, digest in door["users"].items():
            found[paths.EDGE_OPENERS][digest] = user
    for redirect in spec["redirects"]:
        letter = "e" if redirect["match"] == "exact" else "p"
        flags = ("k" if redirect["keep_path"] else "") + ("q" if redirect["keep_query"] else "")
        key = f"{id}{letter}{path_key(redirect['path'], fold=False)}"
        found[paths.EDGE_REDIRECTS][key] = f"{redirect['status']}.{flags}.{quote(redirect['target'])}"
    notice = _notice(found, id, spec["notice"])
    look = bool(spec["addresses"] or spec["protected"] or spec["redirects"])
    if look or notice:
        words = (["look"] if look else []) + (["notice"] if notice else [])
        found[paths.EDGE_RULES][id] = "-".join(words)
    return found


def changed(id: str, spec: Optional[Spec], previous: Optional[Spec] = None) -> "Dict[str, Dict[str, Optional[str]]]":
    """The rows to write: those of ``spec`` (None: no rules any more), and None for what only ``previous`` had.

    Of a thousand redirects of which one has changed it is that one: the others stand there already, for a change is
    carried out as a whole or not at all. The same spec again (a resync) is all of its rows.
    """
    after: Rows = of_site(id, spec) if spec else {table: {} for table in _TABLES}
    before: Rows = of_site(id, previous) if previous else {table: {} for table in _TABLES}
    found: Dict[str, Dict[str, Optional[str]]] = {}
    for table in _TABLES:
        rows: Dict[str, Optional[str]] = {key: None for key in before[table] if key not in after[table]}
        same = previous == spec
        rows.update({key: value for key, value in after[table].items() if same or before[table].get(key) != value})
        if rows or same or not previous:
            found[table] = rows
    return found


def _https(rows: Dict[str, str], id: str, https: Optional[Spec]) -> None:
    if https is None:
        return
    value = "redirect"
    if https["max_age"] is not None:
        value += f"/{https['max_age']}" + ("/sub" if https["subdomains"] else "")
    rows.update({f"{id}/{name}": value for name in https["names"]})


def _notice(found: Rows, id: str, notice: Optional[Spec]) -> bool:
    if notice is None:
        return False
    found[paths.EDGE_NETWORKS].update(shield.network_rows(f"{id}.{MEANWHILE}", [], notice["networks"]))
    if notice["until"]:
        found[paths.EDGE_NOTICES][id] = str(notice["until"])
    for language, other in (("en", "es"), ("es", "en")):
        text: str = notice[language] or notice[other]
        if text or notice["until"]:
            html = _html(text, notice["until"], language, language if notice[language] else other)
            # HAProxy reads this kind of base64 without padding only.
            encoded = base64.urlsafe_b64encode(html.encode()).decode().rstrip("=")
            found[paths.EDGE_NOTICES][f"{id}/{language}"] = encoded
    return True


def _html(text: str, until: int, language: str, text_language: str) -> str:
    lines: List[str] = [line.strip() for line in text.splitlines() if line.strip()]
    lang = "" if text_language == language else f' lang="{text_language}"'
    parts = [f"<p{lang}>{escape(line)}</p>" for line in lines]
    if until:
        moment = time.gmtime(until)
        machine, people = time.strftime("%Y-%m-%dT%H:%MZ", moment), time.strftime("%Y-%m-%d %H:%M", moment)
        shown = f'<time datetime="{machine}">{people}</time>'
        parts.append(f"<p>{_BACK[language] % shown}</p>")
    return "".join(parts)
