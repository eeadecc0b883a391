"""What is asked of every request of somebody who is logged in."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from . import factors
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
        user = request.user
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
