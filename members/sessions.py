"""Browsers in which somebody is logged in: noted as they are seen, listed, ended.

Django keeps the sessions; here is whose they are. A row follows its session by an id that the session holds, because
Django's key changes (at login, at each proof of who somebody is).
"""

import threading
import time
from collections import OrderedDict
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.signals import user_logged_out
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from .models import Login, LoginSession

#: Where a session keeps the id of its row.
ROW = "session_row"
#: Seconds between two writes of when a session was last seen.
GRAIN = 60
#: Sessions whose last writing this process remembers.
_MOST = 20_000

_seen: OrderedDict[int, tuple[str, float]] = OrderedDict()
_lock = threading.Lock()


def note(request: HttpRequest, *, at_once: bool = False) -> None:
    """Somebody was seen in this session. Writes when a minute has passed, when its key has changed, or ``at_once``."""
    session = request.session
    key, login_id = session.session_key, session.get(SESSION_KEY)
    if not key or not login_id:
        return
    pk: int | None = session.get(ROW)
    if pk and not at_once and _is_fresh(pk, key):
        return
    facts = {
        "address": request.META.get("REMOTE_ADDR") or None,
        "user_agent": request.headers.get("User-Agent", "")[:300],
        "last_seen": timezone.now(),
    }
    known = LoginSession.objects.filter(pk=pk, login=login_id) if pk else LoginSession.objects.none()
    if not known.update(key=key, **facts):
        row, _created = LoginSession.objects.update_or_create(key=key, defaults={"login_id": int(login_id), **facts})
        session[ROW] = pk = row.pk
    if pk is not None:
        _remember(pk, key)


def of(login: Login) -> QuerySet[LoginSession]:
    """Its sessions that may still be open, the one seen last first."""
    oldest = timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    return LoginSession.objects.filter(login=login, last_seen__gt=oldest)


def end(row: LoginSession) -> None:
    """It is logged out, from its next request on."""
    _store()().delete(row.key)
    row.delete()


def forget(login: Login) -> None:
    """Sessions that ended with a change of the login's salt."""
    LoginSession.objects.filter(login=login).delete()


def forget_old() -> None:
    """Sessions that nobody has used for longer than Django keeps them."""
    oldest = timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    LoginSession.objects.filter(last_seen__lt=oldest).delete()


def _store() -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore


def _is_fresh(pk: int, key: str) -> bool:
    with _lock:
        last = _seen.get(pk)
    return last is not None and last[0] == key and time.monotonic() - last[1] < GRAIN


def _remember(pk: int, key: str) -> None:
    with _lock:
        _seen[pk] = (key, time.monotonic())
        _seen.move_to_end(pk)
        while len(_seen) > _MOST:
            _seen.popitem(last=False)


def _logged_out(sender: object, request: HttpRequest, **kwargs: object) -> None:
    LoginSession.objects.filter(pk=request.session.get(ROW) or 0).delete()


user_logged_out.connect(_logged_out, dispatch_uid="members.sessions")
