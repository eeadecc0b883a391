"""What protects a site that is attacked: HAProxy's rules for it, and the rows of the tables that they read.

Levels, each with all before it: 1 the edge answers anonymous visitors from its memory for some seconds; 2 a visitor
gets so many requests and no more; 3 a visitor's browser first solves a small task. Blocked networks get a page at any
level.

A visitor is an address; with IPv6 a network of 64 bits, which is what one household or one machine has to itself. The
values stand in maps, so that they change without a reload, and no text of a member comes into the configuration.

The task: find a number so that the SHA-256 of ``task.number`` begins with zeros. The task is an HMAC of site, visitor
and day, so nobody can work ahead or for others, and edges need to remember nothing: they compute it again at each
request.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from typing import Any, Dict, List, Tuple

from . import challenge, paths

LEVELS = ("off", "cache", "limit", "challenge")
#: Stands for every site: its level is the least that any site has.
ALL = "all"
BLOCK, TRUST = "block", "trust"
#: The cookie with the number. Sites never see it.
COOKIE = "edge_pass"
#: Seconds that an answer is kept.
FRESH = 10
#: Seconds after midnight (UTC) in which a task of yesterday is still good.
GRACE = 3600

_ADDRESS_BITS = {4: 32, 6: 128}


def row(spec: Dict[str, Any]) -> str:
    """``level/requests in 10 s/requests at a time``: one row, so that a change is whole or not at all."""
    return "%d/%d/%d" % (LEVELS.index(spec["level"]), spec["requests"], spec["connections"])


def network_rows(id: str, blocked: List[str], trusted: List[str]) -> Dict[str, str]:
    """Rows for networks, found by the longest beginning of an address in hexadecimal digits.

    A network whose length is no multiple of 4 becomes up to 8 rows. Where networks lie in one another the smaller wins.
    """
    listed: List[Tuple[int, str, str]] = []
    for networks, word in ((blocked, BLOCK), (trusted, TRUST)):
        for text in networks:
            network = ipaddress.ip_network(text)
            for prefix in _hexadecimal(network):
                listed.append((network.prefixlen, "%s/%d/%s" % (id, _ADDRESS_BITS[network.version] // 4, prefix), word))
    return {key: word for _, key, word in sorted(listed, key=lambda entry: entry[0])}


def _hexadecimal(network: Any) -> List[str]:
    """The beginnings of the addresses in a network, as HAProxy writes them."""
    digits = -(-network.prefixlen // 4)
    width = network.max_prefixlen // 4
    first = int(network.network_address) >> (network.max_prefixlen - 4 * digits)
    count = 1 << (4 * digits - network.prefixlen)
    return [("%0*X" % (digits, first + number))[:width] if digits else "" for number in range(count)]


def path_rows(id: str, open_paths: List[str]) -> Dict[str, str]:
    """Rows for beginnings of paths that are never challenged."""
    return {id + path: "open" for path in open_paths}


def _hash_of(text: str) -> str:
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _page(
    page: str, status: int, condition: str, headers: str = "", kind: str = "file", action: str = "return status"
) -> str:
    """Count it as stopped, and answer in the visitor's language."""
    return "".join(
        [
            f"  http-request sc-inc-gpc0(3) if {condition}\n",
            *(
                f'  http-request {action} {status} content-type "text/html; charset=utf-8" '
                f"{kind} {paths.PAGES}/{page}.{language}.html hdr Cache-Control no-store hdr Vary Accept-Language "
                f"hdr Content-Language {language} {headers} if {when}{condition}\n"
                for language, when in (("es", "es "), ("en", ""))
            ),
        ]
    )


# The edge's own page, so the edge's own policy: whatever the site's is does not come into it.
_POLICY = (
    f"\"default-src 'none'; script-src {_hash_of(challenge.SCRIPT)}; style-src {_hash_of(challenge.STYLE)}; "
    "base-uri 'none'; form-action 'none'\""
)
_ZEROS = "0" * challenge.DIGITS


def _task(name: str, day: str) -> str:
    """Rules that set ``txn.NAME`` to the visitor's task of a day, and ``txn.NAME_proof`` to what the answer gives."""
    return f"""\
  http-request set-var(txn.{name}_day) {day},div(86400) if challenged
  http-request set-var(txn.{name}) var(txn.guest),concat(/,txn.{name}_day),hmac(sha256,txn.key),hex,lower if challenged
  http-request set-var(txn.{name}_proof) var(txn.{name}),concat(.,txn.answer),digest(sha256),hex if challenged answered
"""


#: Sets ``txn.origin`` to the visitor's address as keys of lists of networks have it: "/digits/digits".
ORIGIN = """\
http-request set-var(txn.address) src,hex if {condition}
  http-request set-var(txn.width) var(txn.address),length if {condition}
  http-request set-var(txn.origin) str(/),concat(,txn.width,/),concat(,txn.address) if {condition}"""

#: In the frontend, as soon as site, language and mode are known.
RULES = f"""
  # What protects it (shield.py).
  http-request track-sc3 var(txn.site) table shield_sites
  http-request set-var(txn.shield) str({ALL}),map_str({paths.SHIELDS}) unless itself
  http-request set-var(txn.least) var(txn.shield),field(1,/),add(0)
  http-request set-var(txn.shield) var(txn.site),map_str({paths.SHIELDS}) unless itself
  http-request set-var(txn.level) var(txn.shield),field(1,/),add(0)
  http-request set-var(txn.level) var(txn.least) if {{ var(txn.least),sub(txn.level) gt 0 }}
  acl shielded var(txn.level) -m int ge 1
  acl limited var(txn.level) -m int ge 2
  acl challenged var(txn.level) -m int ge 3

  {ORIGIN.format(condition="shielded")}
  http-request set-var(txn.listed) str({ALL}),concat(,txn.origin),map_beg({paths.SHIELD_NETWORKS}) if shielded
  http-request set-var(txn.listed) var(txn.site),concat(,txn.origin),map_beg({paths.SHIELD_NETWORKS}) if shielded
  acl blocked var(txn.listed) -m str {BLOCK}
  acl trusted var(txn.listed) -m str {TRUST}
{_page("blocked", 403, "shielded blocked")}
  http-request set-var(txn.network) src,ipmask(32,64),hex if limited
  http-request set-var(txn.guest) var(txn.site),concat(/,txn.network) if limited
  http-request set-var(txn.requests) var(txn.shield),field(2,/),add(0) if limited
  http-request set-var(txn.connections) var(txn.shield),field(3,/),add(0) if limited
  http-request track-sc1 var(txn.guest) table shield_guests if limited !trusted
  acl too_fast sc_http_req_rate(1,shield_guests),sub(txn.requests) gt 0
  acl too_many sc_conn_cur(1,shield_guests),sub(txn.connections) gt 0
  # An answer at once would only let a flood ask again at once, and edges would do little else: it waits, for nothing.
  acl floods sc_http_req_rate(1,shield_guests),sub(txn.requests),sub(txn.requests),sub(txn.requests) gt 0
{_page("limited", 429, "limited !trusted floods", "hdr Retry-After 10", action="tarpit deny_status")}\
{_page("limited", 429, "limited !trusted too_fast", "hdr Retry-After 10")}\
{_page("limited", 429, "limited !trusted too_many", "hdr Retry-After 10")}
  # A path that a web server would read otherwise than it is written opens no door.
  acl odd_path path_sub -i /../ /./ // %2e %2f %5c \\\\
  acl odd_path path_end /.. /.
  http-request set-var(txn.path) path if challenged
  http-request set-var(txn.open) str({ALL}),concat(,txn.path),map_beg({paths.SHIELD_PATHS}) if challenged
  http-request set-var(txn.open) var(txn.site),concat(,txn.path),map_beg({paths.SHIELD_PATHS}) if challenged
  acl open_path var(txn.open) -m found
  http-request set-var(txn.key) str(key),map_str({paths.SHIELD_KEY}) if challenged
  http-request set-var(txn.answer) req.cook({COOKIE})
  acl answered var(txn.answer) -m found
{_task("task", "date")}{_task("last_task", f"date(-{GRACE})")}\
  acl passed var(txn.task_proof) -m beg {_ZEROS}
  acl passed var(txn.last_task_proof) -m beg {_ZEROS}
  http-request set-var(txn.free) bool(true) if trusted
  http-request set-var(txn.free) bool(true) if open_path !odd_path
  acl free var(txn.free) -m bool
  acl serves var(txn.mode) -m beg normal hold
  # Without the key (this edge has just been built) nobody could pass.
  acl has_key var(txn.key) -m found
{
    _page(
        "challenge",
        503,
        "challenged serves has_key !passed !free",
        f"hdr Retry-After 60 hdr Content-Security-Policy {_POLICY} hdr X-Robots-Tag noindex",
        "lf-file",
    )
}"""

#: In the frontend, when the request is as its web host will get it.
CACHE_RULES = rf"""
  # The answer to the task is between the visitor and the edge.
  http-request replace-header Cookie (.*;\ *)?{COOKIE}=[^;]*(;\ *)?(.*) \1\3 if answered
  http-request del-header Cookie if answered !{{ req.fhdr(cookie) -m reg [^\ ] }}
  # Only what anybody would get is kept: nothing that says who asks goes along.
  acl reads method GET HEAD
  acl personal req.hdr(cookie) -m found
  acl personal req.hdr(authorization) -m found
  acl special req.hdr(range) -m found
  acl special req.hdr(upgrade) -m found
  acl special req.hdr(transfer-encoding) -m found
  acl special req.hdr(content-length) -m found
  acl special req.hdr(x-requested-with) -m found
  acl special req.hdr(hx-request) -m found
  http-request set-var(txn.anonymous) bool(true) if shielded reads !personal !special
  acl anonymous var(txn.anonymous) -m bool
  http-request cache-use shield_https if anonymous {{ ssl_fc }}
  http-request cache-use shield_http if anonymous !{{ ssl_fc }}
  acl keeps_out res.hdr(set-cookie) -m found
  acl keeps_out res.fhdr(cache-control) -m sub -i private no-store no-cache
  acl keeps_out res.fhdr(pragma) -m sub -i no-cache
  acl remembered res.cache_hit
  http-response del-header X-Edge-Said unless remembered
  http-response set-var(txn.keep) bool(true) if anonymous !remembered {{ status 200 }} !keeps_out
  acl keep var(txn.keep) -m bool
  # Visitors get the Cache-Control that the site has sent, or none, also from our memory.
  http-response set-header X-Edge-Said "said %[res.fhdr(cache-control)]" if keep
  http-response set-header Cache-Control "public, max-age={FRESH}" if keep
  http-response cache-store shield_https if keep {{ ssl_fc }}
  http-response cache-store shield_http if keep !{{ ssl_fc }}
  http-after-response sc-inc-gpc1(3) if remembered
  acl kept res.hdr(x-edge-said) -m found
  http-after-response set-header Cache-Control "%[res.fhdr(x-edge-said),regsub(^said\ ?,)]" if kept
  http-after-response del-header Cache-Control if kept {{ res.fhdr(cache-control) -m len 0 }}
  http-after-response del-header X-Edge-Said
"""

#: Sections of their own.
SECTIONS = f"""
# One for each scheme: a page over http may only lead to https.
cache shield_http
  total-max-size 32
  max-object-size 1000000
  max-age {FRESH}
  process-vary on

cache shield_https
  total-max-size 64
  max-object-size 1000000
  max-age {FRESH}
  process-vary on

# Visitors of limited sites.
backend shield_guests
  stick-table type string len 64 size 200k expire 60s store http_req_rate(10s),conn_cur

# Each site's requests: all, stopped (gpc0), answered from memory (gpc1).
backend shield_sites
  stick-table type string len 20 size 200k expire 24h store http_req_cnt,gpc0,gpc1
"""
