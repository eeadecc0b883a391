"""The one way in: after the password a second factor, from whoever has one, and only then a session."""

import time
from dataclasses import dataclass

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from . import factors
from .models import Login

#: Seconds that somebody may take for the second step.
PATIENCE = 600
_KEY = "entering"
_BACKEND = "members.backends.DirectoryBackend"


@dataclass(frozen=True)
class Entering:
    """Somebody whose password was right, and where they want to go."""

    login: Login
    target: str


def after_password(request: HttpRequest, login: Login, target: str) -> HttpResponse:
    """In, or to the second step."""
    if not factors.has_factor(login):
        return _enter(request, login, target)
    request.session.cycle_key()
    request.session[_KEY] = {"login": login.pk, "salt": login.session_salt, "at": int(time.time()), "target": target}
    return redirect("members:second_step")


def entering(request: HttpRequest) -> Entering | None:
    """Who is at the second step in this session; nobody when that took too long, or their password was changed."""
    found = request.session.get(_KEY)
    if not found or not 0 <= time.time() - found["at"] < PATIENCE:
        request.session.pop(_KEY, None)
        return None
    login = Login.objects.filter(pk=found["login"], session_salt=found["salt"], is_active=True).first()
    return Entering(login, found["target"]) if login else None


def after_factor(request: HttpRequest, who: Entering) -> HttpResponse:
    """In."""
    request.session.pop(_KEY, None)
    response = _enter(request, who.login, who.target)
    factors.note_passed(request)
    return response


def remember_language(response: HttpResponse, language: str) -> None:
    """In this browser."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 24 * 3600,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def _enter(request: HttpRequest, login: Login, target: str) -> HttpResponse:
    auth.login(request, login, backend=_BACKEND)  # gives the session a new key
    response = redirect(target)
    if login.language:
        remember_language(response, login.language)
    return response
