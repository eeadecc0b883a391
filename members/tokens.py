"""Tokens of the REST API: random text that is shown once; the database keeps only its SHA-256."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .choices import TokenScope
from .models import Login, Token
from .narrowing import Limit
from .notes import note_first_use

PREFIX = "cp_"  # so that secret scanners, and our own redaction, know one when they see it
MAX_TOKENS = 50
MAX_LIMITS = 200
#: How long a token is valid unless its owner chooses otherwise.
USUAL_LIFE = timedelta(days=365)
_MAX_LENGTH = 200
#: ``last_used`` is written at most this often: a script's thousand requests are not a thousand writes.
_USE_GRAIN = timedelta(minutes=1)


def digest_of(text: str) -> str:
    """What the database keeps of a token. It has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


@transaction.atomic
def create_token(
    *,
    login: Login,
    name: str,
    expires: datetime | None = None,
    scope: str = TokenScope.WRITE,
    limits: Iterable[Limit] | None = None,
) -> tuple[Token, str]:
    """A new token and its text ("cp_" and 43 URL-safe characters), which cannot be read again later.

    ``limits`` narrow it to what they name (the caller has seen to it that the login may go there); None: all that the
    login may do. Made with another token it is valid no longer than that one, and PermissionDenied when that one is
    itself narrowed. Raises ValidationError.
    """
    if login.is_narrowed:
        raise PermissionDenied
    if login.token is not None and login.token.expires is not None:
        expires = min(expires or login.token.expires, login.token.expires)
    texts = None if limits is None else sorted({str(limit) for limit in limits})
    if texts is not None and not 0 < len(texts) <= MAX_LIMITS:
        raise ValidationError(_("Narrow it to between 1 and %(most)s things."), params={"most": MAX_LIMITS})
    text = PREFIX + secrets.token_urlsafe(32)
    token = Token(login=login, name=name.strip(), digest=digest_of(text), expires=expires, scope=scope, limits=texts)
    token.full_clean()
    if expires is not None and expires <= timezone.now():
        raise ValidationError({"expires": _("This time is over already.")})
    if login.tokens.count() >= MAX_TOKENS:
        raise ValidationError(_("You have %(limit)s tokens already: revoke some first."), params={"limit": MAX_TOKENS})
    token.save()
    return token, text


def authenticate_token(text: str) -> Token | None:
    """The token with that text, its login along with it, narrowed as the token says; None when there is none, it has
    expired, its login may not act any more, or its keys and tokens are blocked."""
    if not text or len(text) > _MAX_LENGTH:
        return None
    digest = digest_of(text)
    token = Token.objects.select_related("login").filter(digest=digest, login__blocks=None).first()
    # The index compares hashes of what the caller chose, which tells nothing; the last word is constant-time anyway.
    if token is None or not hmac.compare_digest(token.digest, digest) or not token.login.is_active:
        return None
    now = timezone.now()
    if token.expires is not None and token.expires <= now:
        return None
    if token.last_used is None or token.last_used <= now - _USE_GRAIN:
        stale = Q(last_used=None) | Q(last_used__lte=now - _USE_GRAIN)
        noted = Token.objects.filter(stale, pk=token.pk).update(last_used=now)
        if noted and token.last_used is None:
            note_first_use(token)
        token.last_used = now
    token.login.token = token
    return token


def revoke_token(*, token: Token) -> None:
    """It opens nothing any more, from now on."""
    token.delete()
