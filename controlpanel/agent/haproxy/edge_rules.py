"""Edge rules of a site: HTTPS, addresses, passwords, redirects, and what visitors read while it is being worked on.

**The order of everything that an edge does with a request** (``config.py`` puts it together):

1. one Host header, of a name that is known; else 400, or the page that says that there is no such site;
2. HTTPS, for names that have a certificate: it gives nothing away, and what follows is then said in private;
3. names that only lead to another;
4. the clean room of a quarantined site. To a site that is quarantined, disabled, or seen in its clean room, none of the
   rules below apply: what somebody who has broken in may have set leads nobody anywhere;
5. the shield: floods and blocked networks are turned away by the cheapest means, before anything is looked up;
6. addresses: who may not come in learns nothing of what is behind, not even that there is a door;
7. quarantined, disabled, held, and being worked on (but for those who may see it meanwhile);
8. the password: before redirects, for what is behind a door includes where its redirects lead;
9. redirects;
10. the site, on its web host.

``/.well-known/acme-challenge/TOKEN`` skips 2, 6, 8 and 9: a certificate authority asks over plain HTTP, from anywhere.
So does the edge when it asks itself whether a site is well.

**Passwords.** An edge looks up an HMAC-SHA-256 of site, lock, user and password, with a secret of the panel's. That is
quick, as it must be for each request of each picture, so it is weaker than a slow hash against somebody who has both
the table and the secret: an administrator of an edge, who sees the passwords pass by anyway. The database alone has the
digests without the secret (which is encrypted there with a key from outside), and without it they cannot be tried at
all. Guessing at the edge ends after ``WRONG`` tries a minute. A lock has its own digests, so the same password
elsewhere is another row. The site behind is not told the password (``Authorization`` ends at a door that it opened) but
the user, as ``X-Forwarded-User``; where a program needs the header itself (an API), that path is made an exception.
"""

from __future__ import annotations

from . import paths, shield
from .edge_rules_rows import MEANWHILE
from .pages import LANGUAGES, TEXTS, answer, document

__all__ = ["DOORS", "FORWARD", "HTTPS", "LOOK", "SECTIONS", "WRONG"]

#: Wrong passwords that one visitor may try within a minute at one site; then all of its tries are refused for a while.
WRONG = 10
#: Seconds that browsers may remember a redirect: a member may have erred.
REMEMBER = 600
STATUSES = (301, 302, 307, 308)

#: Where authorities look whether a name is ours. The whole path and nothing else: no dots, no encoding, nothing behind.
ACME = r"^/[.]well-known/acme-challenge/[A-Za-z0-9_-]+$"

_SAFELY = "https://%[var(txn.host)]%[pathq] if https_only unsafe has_path !acme !itself"
_HSTS = "http-after-response set-header Strict-Transport-Security"

#: As soon as the site is known. Needs the acls ``itself``, ``has_path`` and ``only_reads``.
HTTPS = f"""\
  acl acme path -m reg {ACME}
  http-request set-var(txn.https) var(txn.site),concat(/,txn.host),map_str({paths.EDGE_HTTPS})
  acl https_only var(txn.https) -m found
  acl unsafe ssl_fc,not -m bool
  http-request redirect code 301 location {_SAFELY} only_reads
  http-request redirect code 308 location {_SAFELY}
  http-request set-var(txn.age) var(txn.https),field(2,/) if https_only
  acl hsts var(txn.age) -m len gt 0
  acl hsts_subdomains var(txn.https) -m end /sub
  {_HSTS} "max-age=%[var(txn.age)]" if hsts !unsafe !hsts_subdomains
  {_HSTS} "max-age=%[var(txn.age)]; includeSubDomains" if hsts !unsafe hsts_subdomains
"""

_NOTICE = "mode_maintenance !itself noticed"

#: Behind the shield, before what is done by mode.
LOOK = f"""
  # Its edge rules (edge_rules.py).
  acl closed var(txn.mode) -m str quarantine disabled room
  http-request set-var(txn.rules) var(txn.site),map_str({paths.EDGE_RULES}) if !itself !acme !closed
  acl ruled var(txn.rules) -m found
  acl looks var(txn.rules) -m sub look
  {shield.ORIGIN.format(condition="ruled")}
  http-request lua.edge_rules if looks
  acl looked var(txn.looked) -m bool
  acl refused var(txn.refused) -m bool
{answer("dead", 503, "looks !looked", retry=30)}{answer("forbidden", 403, "refused")}\
  acl maintained var(txn.mode) -m str maintenance
  acl passes var(txn.site),concat(.{MEANWHILE},txn.origin),map_beg({paths.EDGE_NETWORKS}) -m found
  http-request set-var(txn.lang) str(en) if maintained !{{ var(txn.lang) -m found }}
  http-request set-var(txn.notice) var(txn.site),concat(/,txn.lang),map_str({paths.EDGE_NOTICES}) if ruled maintained
  http-request set-var(txn.now) date if ruled maintained
  http-request set-var(txn.left) var(txn.site),map_str({paths.EDGE_NOTICES}),sub(txn.now) if ruled maintained
  http-request set-var(txn.retry) int(60) if ruled maintained
  http-request set-var(txn.retry) var(txn.left) if ruled maintained {{ var(txn.left) -m int gt 60 }}
  http-request set-var(txn.mode) str(normal) if ruled maintained passes
  acl noticed var(txn.notice) -m found
"""

#: The page of a site that is being worked on and says something of its own.
NOTICE = answer("notice", 503, _NOTICE, retry="%[var(txn.retry)]", kind="lf-file")

_LOOKUP = f"hmac(sha256,txn.rules_key),hex,lower,map_str({paths.EDGE_OPENERS})"
_REALM = r'"Basic realm=\"%[var(txn.realm)]\", charset=\"UTF-8\""'

_REDIRECTS = "".join(
    f"  http-request redirect code {status} location %[var(txn.redirect)] "
    f"if {{ var(txn.redirect_code) -m str {status} }}\n"
    for status in STATUSES
)

#: Behind what is done by mode.
DOORS = f"""
  acl locked var(txn.door) -m found
  acl tries var(txn.credentials) -m found
  http-request set-var(txn.rules_key) str(key),map_str({paths.EDGE_RULES_KEY}) if locked tries
  http-request set-var(txn.opener) var(txn.credentials),{_LOOKUP} if locked tries
  acl opened var(txn.opener) -m found
  http-request set-var(txn.prober) src,ipmask(32,64),hex if locked tries
  http-request set-var(txn.prober) var(txn.site),concat(/,txn.prober) if locked tries
  acl guesses var(txn.prober),table_gpc0_rate(wrong_passwords) ge {WRONG}
{answer("guessing", 429, "locked tries guesses", retry=60)}\
  http-request track-sc4 var(txn.prober) table wrong_passwords if locked tries !opened
  http-request sc-inc-gpc0(4) if locked tries !opened
{answer("password", 401, "locked !opened", headers=f"hdr WWW-Authenticate {_REALM}")}\
  http-request del-header Authorization if locked opened
{_REDIRECTS}\
  http-after-response set-header Cache-Control "private, max-age={REMEMBER}" if {{ var(txn.redirect_code) -m found }}
"""

#: Behind the headers that visitors may not forge, before what is kept in memory.
FORWARD = """\
  http-request set-header X-Forwarded-User %[var(txn.opener)] if locked opened
  acl personal var(txn.opener) -m found
"""

SECTIONS = """
# Visitors that tried wrong passwords.
backend wrong_passwords
  stick-table type string len 64 size 100k expire 2m store gpc0,gpc0_rate(60s)
"""


def notice_pages() -> "dict[str, str]":
    """File name to the page in which HAProxy puts what the site says."""
    found = {}
    for language in LANGUAGES:
        title = TEXTS["maintenance"][language].title
        page = document(language, title, f"<h1>{title}</h1>NOTICE")
        found[f"notice.{language}.html"] = page.replace("%", "%%").replace("NOTICE", "%[var(txn.notice),ub64dec]", 1)
    return found
