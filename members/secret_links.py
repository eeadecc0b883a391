"""Links that are sent by mail and open something to whoever has them, once: invitations, forgotten passwords.

The database keeps the SHA-256 of a link's secret. Whoever comes with a link is sent on at once to the same address
without it, so that it stays in no history, log or Referer; their session remembers the hash.
"""

import secrets
from urllib.parse import urlencode, urljoin

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from .tokens import digest_of

#: The parameter of the link.
PARAMETER = "key"
_LONGEST = 100


def fresh() -> tuple[str, str]:
    """A new secret of 256 random bits, and what the database keeps of it."""
    secret = secrets.token_urlsafe(32)
    return secret, digest_of(secret)


def address(view: str, secret: str) -> str:
    """The link, for a mail."""
    return urljoin(settings.PANEL_URL, f"{reverse(view)}?{urlencode({PARAMETER: secret})}")


def take_in(request: HttpRequest, view: str) -> HttpResponse | None:
    """Remember the link by which somebody comes, and send them to the same page without it; None without a link."""
    secret = request.GET.get(PARAMETER, "")
    if not secret:
        return None
    request.session[_key(view)] = digest_of(secret[:_LONGEST])
    response = redirect(view)
    response["Referrer-Policy"] = "no-referrer"
    return response


def digest_in(request: HttpRequest, view: str) -> str:
    """The hash of the link by which this session came; empty when it came by none."""
    return str(request.session.get(_key(view), ""))


def forget(request: HttpRequest, view: str) -> None:
    """The link has done its work."""
    request.session.pop(_key(view), None)


def _key(view: str) -> str:
    return f"link:{view}"
