"""What is asked of every request of somebody who is logged in."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from controlpanel.operations.access import asked_by

from . import factors, impersonation, sessions
from .models import Login

GetResponse = Callable[[HttpRequest], HttpResponse]

#: What staff may do before they have set a second factor up: exactly that, and leave.
_BEFORE = {
    "members:factors",
    "members:add_app",
    "members:add_key",
    "members:confirm_password",
    "members:language",
    "members:login",
    "members:logout",
    "members:second_step",
    "healthz",
    "readyz",
}


def has_session(request: HttpRequest) -> bool:
    """Whether it comes with a session at all, so that others need not be looked for; scripts send a token instead."""
    by_token = request.headers.get("Authorization", "").lower().startswith("bearer ")
    return settings.SESSION_COOKIE_NAME in request.COOKIES and not by_token


def problem(code: str, detail: str) -> JsonResponse:
    """403 for who calls the API with a session."""
    body = {"type": f"urn:controlpanel:problem:{code}", "title": "Forbidden", "status": 403, "detail": detail}
    return JsonResponse(body, status=403, content_type="application/problem+json")


class SecondFactorMiddleware:
    """Staff are led to setting a second factor up before any page of theirs (STAFF_SECOND_FACTOR)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if settings.STAFF_SECOND_FACTOR != "required" or not has_session(request):
            return None
        user = getattr(request, "impersonator", None) or request.user
        if not isinstance(user, Login) or not factors.required_of(user) or factors.passed(request.session):
            return None
        if factors.has_factor(user):  # a session from before it was set up, elsewhere: it has never shown it
            auth.logout(request)
            return None
        if request.resolver_match and request.resolver_match.view_name in _BEFORE:
            return None
        if request.path.startswith("/api/"):
            return problem("second-factor-required", _("Staff need a second factor: log in, and set one up."))
        return redirect(f"{reverse('members:factors')}?{urlencode({'required': 1})}")


class SessionsMiddleware:
    """Notes who was seen in which browser (``sessions.py``)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.session.accessed and response.status_code < 500:
            sessions.note(request)
        return response


#: Pages of one's own account and people that may be seen while acting as somebody.
_SEEN_AS_ANOTHER = {
    "members:account",
    "members:confirm_password",
    "members:language",
    "members:logout",
    "members:members",
    "members:people",
    "members:stop_impersonation",
}
#: The person's own too, but another app's: a token may be for one order or site.
_OWN_ELSEWHERE = {"hosting:tokens", "hosting:revoke_token"}
_SAFE = ("GET", "HEAD", "OPTIONS")


class ImpersonationMiddleware:
    """While staff act as somebody: ``request.user`` is that login, ``request.impersonator`` who does it; else None."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.impersonator = None  # type: ignore[attr-defined]
        if not has_session(request) or not request.session.get(impersonation.KEY):
            return self.get_response(request)
        staff = request.user
        row = impersonation.current(request, staff) if isinstance(staff, Login) else None
        if row is None:
            return self._over(request)
        request.impersonator, request.impersonation = row.staff, row  # type: ignore[attr-defined]
        request.user = row.login
        with asked_by(row.staff_id):
            return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if getattr(request, "impersonator", None) is None or _may_as_another(request, view):
            return None
        if request.path.startswith("/api/"):
            return problem("not-while-impersonating", _("This is the person's own: it is not done in their name."))
        return render(request, "members/not_as_another.html", status=403)

    def _over(self, request: HttpRequest) -> HttpResponse:
        """What was asked for was meant as the other, so it is not done as whoever it really is."""
        impersonation.stop(request)
        if request.path.startswith("/api/"):
            return problem("impersonation-over", _("You no longer act as somebody else. Nothing was done."))
        messages.warning(request, _("You no longer act as somebody else. Nothing was done."))
        return redirect("home")


def _may_as_another(request: HttpRequest, view: Any) -> bool:
    """The person's own is their own: what this app has, but for a few pages, and the administration is not theirs."""
    match, safe = request.resolver_match, request.method in _SAFE
    name, namespaces = (match.view_name, match.namespaces) if match else ("", [])
    if "admin" in namespaces:
        return False
    cls = getattr(view, "cls", None)
    if cls is not None:
        own = cls.__module__.startswith("members.") or getattr(cls, "own_hands", False)
        return safe or not own
    return name in _SEEN_AS_ANOTHER or ("members" not in namespaces and name not in _OWN_ELSEWHERE)
