"""haproxy.cfg of an edge: a pure function of the web hosts.

Nothing about a site stands in it. Sites live in the maps, which change without a reload, so this file changes only when
web hosts come and go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Sequence

from . import acme, challenge, edge_rules, edge_rules_lua, hold, pages, paths, rooms, shield, spread
from .pages import answer
from .paths import backend_name


@dataclass(frozen=True)
class WebHost:
    name: str
    address: str

    @property
    def server(self) -> str:
        """Where its web server listens, as a configuration writes it."""
        return ("[%s]:80" if ":" in self.address else "%s:80") % self.address


#: What an edge does with the visitors of a site by its mode, tried in this order. A mode to come is a row here;
#: ``acl mode_NAME`` is there for its rules.
MODES: Dict[str, str] = {
    "normal": "",
    "hold": hold.RULES,
    # 503 and not 403 or 410: a disabled site comes back, often soon. Search engines keep what they know of a site that
    # says "come back later", and drop one that says "forbidden" or "gone".
    "disabled": answer("disabled", 503, "mode_disabled", retry=86400),
    # The edge asks itself whether the site behind it is well; visitors get the page.
    "maintenance": edge_rules.NOTICE + answer("maintenance", 503, "mode_maintenance !itself", retry=60),
    # No Retry-After: nobody knows when, and it is not for machines to find out.
    "quarantine": answer("quarantine", 503, "mode_quarantine"),
}

_HEADER = "# Written by the control panel's agent. Changes by hand are found and undone.\n"

# No log lines: web hosts log requests, and what HAProxy says of itself (a web host is down) goes to the journal anyway.
_GLOBAL = f"""
global
  chroot /var/lib/haproxy
  user haproxy
  group haproxy
  stats socket {paths.ADMIN_SOCKET} mode 600 level admin expose-fd listeners
  stats timeout 30s
  lua-load {paths.HOLD}
  lua-load {paths.EDGE_RULES_PROGRAM}
  server-state-file {paths.SERVER_STATE}
  # No maxconn: it is found from the limit on open files, which is not everywhere ours to raise.
  fd-hard-limit 50000
  tune.stick-counters 5
  # After a reload the old process ends its transfers, but not for ever.
  hard-stop-after 15m
  # Forward secrecy only. Tickets would let a stolen key of today open the sessions of yesterday.
  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
  ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
"""

_DEFAULTS = f"""
defaults
  mode http
  load-server-state-from-file global
  # A visitor gets this long to send the headers of a request, and between two reads or writes of ours.
  timeout http-request 10s
  timeout http-keep-alive 15s
  timeout client 60s
  timeout client-fin 5s
  timeout connect 2s
  timeout queue 5s
  timeout server 120s
  timeout server-fin 5s
  timeout tunnel 1h
  timeout check 2s
  # Somebody who floods a site that is limited (shield.py). Longer would be more connections kept.
  timeout tarpit 2s
  # A web host that lost its power says nothing. Who does not even acknowledge what was sent for 20 s is gone.
  option srvtcpka
  srvtcpka-idle 10s
  srvtcpka-intvl 5s
  srvtcpka-cnt 2
  # Without it a reload cuts connections that a visitor is just about to use again.
  option idle-close-on-response
  option redispatch
  retries 3
  # A connection that the web host closed under our feet (its nginx was reloaded) is tried again; see also the frontend.
  retry-on conn-failure empty-response
  http-error status 502 content-type "text/html; charset=utf-8" file {paths.PAGES}/dead.html hdr Cache-Control no-store
  http-error status 503 content-type "text/html; charset=utf-8" file {paths.PAGES}/dead.html hdr Cache-Control no-store
  http-error status 504 content-type "text/html; charset=utf-8" file {paths.PAGES}/dead.html hdr Cache-Control no-store
"""

#: Headers by which a visitor could pass for somebody else, or for somebody behind a proxy of ours. With "_" too: many
#: programs read X_Forwarded_For and X-Forwarded-For as one. ``proxy`` is httpoxy.
_FORGEABLE = (
    "(x[-_]forwarded([-_].*)?|forwarded|x[-_]real[-_]ip|(x[-_])?(true[-_])?client[-_]ip|x[-_]cluster[-_]client[-_]ip"
    "|x[-_]original[-_].*|x[-_]rewrite[-_]url|via|proxy)"
)

_MODE_RULES = "".join(
    f"  acl mode_{mode} var(txn.mode) -m {'beg hold-' if mode == 'hold' else 'str ' + mode}\n{rules}"
    for mode, rules in MODES.items()
    if rules
)
_TARGET = '"%[ssl_fc,iif(https,http)]://%[var(txn.to)]%[pathq]"'

_MODE = f"""\
  # What to do with its visitors.
  http-request set-var(txn.mode) var(txn.site),map_str({paths.MODES},normal)
"""

_PLACE = f"""\
  # Where it is.
  http-request set-var(txn.backend) var(txn.site),map_str({paths.BACKENDS})
{spread.RULES}  acl alive var(txn.backend),nbsrv gt 0
{answer("dead", 503, "!alive", retry=30)}"""

#: The frontend's end: the request counts where it goes, and goes there. What only reads has a backend of its own.
_GO = f"""\
{spread.COUNT}  use_backend {paths.READS}%[var(txn.backend),bytes({len(backend_name(""))})] if only_reads
  use_backend %[var(txn.backend)]
"""

#: The answer to visitors whose request came to a web host that does not have their site.
_LOST = hold.LOST_ACLS + answer("maintenance", 503, hold.LOST, retry=60, at="response")

_FRONTEND = f"""
frontend web
  bind :80
  bind :443 ssl crt-list {paths.CERTIFICATE_LIST} alpn h2,http/1.1
IPV6  # One address may not take all connections of the edge.
  tcp-request connection track-sc0 src table visitors
  tcp-request connection reject if {{ sc_conn_cur(0) gt 512 }}

  # A certificate authority looks whether a name is served here: before anything else is done with it.
{acme.RULES}
  # Which site: by the name, without port and final dot.
  http-request deny deny_status 400 if {{ req.hdr_cnt(host) gt 1 }}
  http-request set-var(txn.lang) req.fhdr(accept-language),lower,language(es;en,en)
  acl es var(txn.lang) -m str es
  http-request set-var(txn.host) req.hdr(host),field(1,:),lower,rtrim(.)
  http-request set-var(txn.site) var(txn.host),map_str({paths.HOSTS})
  acl known var(txn.site) -m found
{answer("unknown", 404, "!known")}
  # The edge asks itself whether a site answers; that is no visitor.
  acl itself src 127.0.0.0/8 ::1
  acl has_path pathq -m beg /
  acl only_reads method GET HEAD OPTIONS
{edge_rules.HTTPS}
  # Names that only lead to another. The visitor's scheme, path and query stay.
  http-request set-var(txn.to) var(txn.host),map_str({paths.REDIRECTS})
  acl leads_on var(txn.to) -m found
  http-request redirect code 301 location {_TARGET} if leads_on has_path only_reads
  http-request redirect code 308 location {_TARGET} if leads_on has_path

{_MODE}{rooms.RULES}
{shield.RULES}
{edge_rules.LOOK}
{_MODE_RULES}
{edge_rules.DOORS}
{_PLACE}
  # Who asks: only what we saw ourselves.
  http-request del-header ^{_FORGEABLE}$ -m reg
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  http-request set-header Host %[var(txn.host)]
{rooms.FORWARD}{edge_rules.FORWARD}  # What changes something is never sent twice.
  http-request disable-l7-retry unless only_reads
{shield.CACHE_RULES}
{_GO}
{_LOST}
# Requests that only read, and were under way to a web host that has died, come here: to where their site is by now, or
# to the page that says so. They are as the frontend above has made them.
frontend again
  bind 127.0.0.1:{paths.AGAIN_PORT}
  http-request set-var(txn.lang) req.fhdr(accept-language),lower,language(es;en,en)
  acl es var(txn.lang) -m str es
  acl itself always_false
  acl only_reads always_true
  acl noticed always_false
  http-request set-var(txn.site) req.hdr(host),map_str({paths.HOSTS})
{_MODE}{_MODE_RULES}
{_PLACE}
{_GO}
{_LOST}
backend visitors
  stick-table type ipv6 size 100k expire 60s store conn_cur
{spread.BACKEND}{shield.SECTIONS}{edge_rules.SECTIONS}"""

#: The first is for requests that change something, and knows whether the host is well. Each of them has a connection of
#: its own: one that was used before may be closed by the web host at that very moment (nginx does that at each reload),
#: and then such a request can be neither sent twice nor answered with a page.
#: What only reads may be sent twice, so a visitor's connection is used again for the same visitor. Not for others: of
#: many that nginx has just closed HAProxy would try one after the other until it has tried often enough. And what a
#: dead host had under way is asked ``again``.
_BACKEND = """
backend {backend}
  option http-server-close
  http-reuse never
  option httpchk
  http-check send meth GET uri /.well-known/controlpanel-host ver HTTP/1.1 hdr Host {name} hdr Connection close
  http-check expect status 200
  # Three real requests in a row that cannot connect make it look closer.
  default-server inter 2s fastinter 500ms downinter 1s rise 1 fall 2 observe layer4 error-limit 3 on-error fastinter
  server {name} {server} tcp-ut 20s check

backend {reads}
  http-reuse never
  server {name} {server} tcp-ut 20s track {backend}/{name}
  server again 127.0.0.1:{again} backup
"""

_BACKEND_LINE = re.compile(r"^backend host-(\S+)$", re.M)


_IPV6 = f"""\
  bind :::80 v6only
  bind :::443 v6only ssl crt-list {paths.CERTIFICATE_LIST} alpn h2,http/1.1
"""


def render(hosts: Sequence[WebHost], ipv6: bool = False) -> str:
    """The whole file. ``hosts`` have been validated. ``ipv6``: this host has it (or HAProxy would not start)."""
    backends = "".join(
        _BACKEND.format(
            backend=backend_name(host.name),
            reads=paths.READS + host.name,
            name=host.name,
            server=host.server,
            again=paths.AGAIN_PORT,
        )
        for host in sorted(hosts, key=lambda host: host.name)
    )
    frontend = _FRONTEND.replace("IPV6", _IPV6 if ipv6 else "", 1)
    return _HEADER + _GLOBAL + _DEFAULTS + frontend + backends


def backends_in(config: str) -> "frozenset[str]":
    """The web hosts that a rendered configuration has a backend for."""
    return frozenset(_BACKEND_LINE.findall(config))


def page_files() -> Dict[str, str]:
    """Path to content of every page that the configuration names."""
    return {
        "%s/%s" % (paths.PAGES, name): content
        for name, content in {**pages.all_pages(), **challenge.all_pages(), **edge_rules.notice_pages()}.items()
    }


def programs() -> Dict[str, str]:
    """Path to content of every program that the configuration loads."""
    return {paths.HOLD: hold.LUA, paths.EDGE_RULES_PROGRAM: edge_rules_lua.PROGRAM}
