"""Keys: hardware ones, and those that phones and computers keep (WebAuthn, passkeys)."""

import json
from typing import Any

import structlog
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..models import Login
from .codes import forbid_guessing, note

log = structlog.get_logger()

MOST = 20
#: More than any answer of a browser.
_LONGEST = 20_000


def begin_key(request: HttpRequest, login: Login) -> dict[str, Any]:
    """What the browser is to ask a new key for. The session remembers the challenge."""
    with context.request_context(request):
        return _plain(auth.begin_registration(login, passwordless=False))


def add_key(request: HttpRequest, login: Login, name: str, answer: str) -> Authenticator:
    """Take the key into use whose answer that is. Raises ValidationError."""
    if Authenticator.objects.filter(user=login, type=Authenticator.Type.WEBAUTHN).count() >= MOST:
        raise ValidationError(_("You have enough keys: remove one first."))
    credential = _parsed(answer)
    try:
        with context.request_context(request):
            auth.complete_registration(credential)
    except Exception as error:  # whatever somebody sends that is not an answer of a key
        log.info("key refused", login=login.username, error=type(error).__name__)
        raise ValidationError(_("The key's answer cannot be used. Try again.")) from None
    return auth.WebAuthn.add(login, name, credential).instance


def begin_proof(request: HttpRequest, login: Login) -> dict[str, Any] | None:
    """What the browser is to ask one of the login's keys for; None when it has none."""
    if not Authenticator.objects.filter(user=login, type=Authenticator.Type.WEBAUTHN).exists():
        return None
    with context.request_context(request):
        return _plain(auth.begin_authentication(login))


def check_key(request: HttpRequest, login: Login, answer: str) -> bool:
    """Whether a key of the login has answered the challenge of this session. Raises TooManyCodes."""
    forbid_guessing(login)
    try:
        with context.request_context(request):
            key = auth.complete_authentication(login, _parsed(answer))
    except Exception as error:  # whatever somebody sends that is not an answer of a key
        log.info("key refused", login=login.username, error=type(error).__name__)
        return note(login, False)
    finally:
        request.session.pop(auth.STATE_SESSION_KEY, None)  # a challenge is answered once
    key.record_usage()
    return note(login, True)


def _parsed(answer: str) -> dict[str, Any]:
    if len(answer) > _LONGEST:
        raise ValidationError(_("The key's answer cannot be used. Try again."))
    try:
        parsed = json.loads(answer)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise ValidationError(_("The key's answer cannot be used. Try again."))
    return parsed


def _plain(options: Any) -> Any:
    """Nested mappings as dicts, for JSON."""
    if hasattr(options, "keys"):
        return {key: _plain(options[key]) for key in options}
    if isinstance(options, (list, tuple)):
        return [_plain(one) for one in options]
    return options
