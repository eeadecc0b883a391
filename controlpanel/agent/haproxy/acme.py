"""Answers to a certificate authority that looks whether a name is served here (RFC 8555, HTTP-01).

They come from a map, before everything else that is done with a request: no redirect, mode, shield or password stands
in the way, and nothing is written on a web host. What the map does not have goes on to the site, which may have a
client of its own.
"""

from __future__ import annotations

import re

from . import paths

#: Below it, the token.
PLACE = "/.well-known/acme-challenge/"
TOKEN = re.compile(r"\A[A-Za-z0-9_-]{16,128}\Z")
#: The token, and the fingerprint of the account's key.
ANSWER = re.compile(r"\A[A-Za-z0-9_-]{16,128}\.[A-Za-z0-9_-]{43}\Z")

_HEADER = " hdr Cache-Control no-store"
#: In the frontend, first.
RULES = f"""\
  acl asks_acme path_reg ^{PLACE.replace(".", "[.]")}[A-Za-z0-9_-]+$
  http-request set-var(txn.acme) path,word(3,/),map_str({paths.CHALLENGES}) if asks_acme
  acl knows_acme var(txn.acme) -m found
  http-request return status 200 content-type text/plain lf-string "%[var(txn.acme)]"{_HEADER} if knows_acme
"""
