"""A site on several web hosts: how an edge chooses among them, and how many requests are under way where.

Each web host has a backend of its own with one health check, so a choice is a choice among backends, by one map: the
site's key holds how many hosts it has, and "site.0", "site.1", … their backends. Who has a PHP session stays with one
host (its files are in that host's cache; they are on the shared volume, so another host can go on with it), everybody
else is sent at random, each request anew. A host that the health check holds for dead is passed over, half of its
visitors upwards and half downwards; the site's main host is what is left when none answers.

(The number is read as text and then made one: HAProxy refuses names in a map that it reads as numbers.)
What is wrong in the map loses nobody: a row that is missing or leads to a dead host is a host passed over.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, List, Optional

from . import paths, runtime

#: Most web hosts of one site.
MOST = 8
#: PHP's session cookie.
COOKIE = "PHPSESSID"
#: Requests under way, by "site.backend". Room for each site on the hosts that it is on, and those it is leaving.
TABLE = "underway"
_CURRENT = re.compile(r"\bconn_cur=([0-9]+)")

_TRY = f"var(txn.site),concat(.,txn.slot),map_str({paths.SPREAD})"
_NEXT = f"""\
  http-request set-var(txn.slot) var(txn.slot),add(txn.step),mod(txn.hosts) if spread !chosen
  http-request set-var(txn.try) {_TRY} if spread !chosen
"""

#: In the frontend, after ``txn.backend`` was set to the main host's.
RULES = f"""\
  http-request set-var(txn.hosts) var(txn.site),map_str({paths.SPREAD},0),add(0)
  acl spread var(txn.hosts) -m int gt 1
  acl has_session req.cook({COOKIE}) -m found
  acl chosen var(txn.try),nbsrv gt 0
  http-request set-var(txn.slot) req.cook({COOKIE}),xxh32,mod(txn.hosts) if spread has_session
  http-request set-var(txn.slot) rand,mod(txn.hosts) if spread !has_session
  http-request set-var(txn.step) var(txn.hosts),sub(2) if spread
  http-request set-var(txn.step) rand(2),mul(txn.step),add(1) if spread
  http-request set-var(txn.try) {_TRY} if spread
{_NEXT * (MOST - 1)}\
  http-request set-var(txn.backend) var(txn.try) if spread chosen
"""

#: In the frontend, last: the request counts until it has ended, whatever becomes of it.
COUNT = f"""\
  http-request set-var(txn.place) var(txn.site),concat(.,txn.backend)
  http-request track-sc2 var(txn.place) table {TABLE}
"""

BACKEND = f"""
backend {TABLE}
  stick-table type string len 96 size 200k expire 10m store conn_cur
"""


def rows(site: str, spec: Optional[Dict[str, Any]]) -> Dict[str, Optional[str]]:
    """The rows of one site; none when it is on one web host. Those that it had before are ``stale_rows``."""
    if not spec or not spec.get("more"):
        return {}
    hosts: List[str] = [spec["backend"], *spec["more"]]
    found: Dict[str, Optional[str]] = {
        "%s.%d" % (site, slot): paths.backend_name(host) for slot, host in enumerate(hosts)
    }
    found[site] = str(len(hosts))
    return found


def stale_rows(present: Iterable[str], wanted: Dict[str, Dict[str, Optional[str]]]) -> Dict[str, Optional[str]]:
    """Rows to take away: of the keys that are ``present``, those of these sites (by id, their rows) that they lost."""
    return {key: None for key in present if key not in wanted.get(key.partition(".")[0], {key: ""})}


def under_way(site: str, host: str) -> int:
    """Requests for the site that this edge has with that web host now, also those of processes before a reload."""
    key = "%s.%s" % (site, paths.backend_name(host))
    total = 0
    for process in (runtime.Process(), *runtime.processes()[1]):
        try:
            answer = process.ask("show table %s key %s" % (TABLE, key))
        except runtime.Gone:
            continue
        found = _CURRENT.search(answer)
        total += int(found.group(1)) if found else 0
    return total
