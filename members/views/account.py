"""Logging in and out, and one's own account."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import auth, messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from controlpanel.operations.errors import DirectoryAway

from .. import entry, factors, orders, selectors, services
from ..forms.account import KeysForm, LoginForm, PasswordForm
from ..ssh_keys import parse_keys

#: How many times that support acted as somebody the account page tells of.
IMPERSONATIONS_SHOWN = 20


def _asked_next(request: HttpRequest) -> str:
    """Where the visitor wants to go afterwards, if that is a page of ours; else empty."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if ours else ""


def _next(request: HttpRequest, fallback: str) -> str:
    return _asked_next(request) or resolve_url(fallback)


# --- in and out ---------------------------------------------------------------------------------------------------
@sensitive_post_parameters("password")
@csrf_protect
@never_cache
def login(request: HttpRequest) -> HttpResponse:
    """The way in. 503 when the directory does not answer; the throttle's 429 comes from ``locked_out``."""
    if request.method != "POST" and request.user.is_authenticated:
        return redirect(_next(request, settings.LOGIN_REDIRECT_URL))
    form = LoginForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        assert form.login is not None  # noqa: S101
        return entry.after_password(request, form.login, _next(request, settings.LOGIN_REDIRECT_URL))
    context = {"form": form, "next": _asked_next(request)}
    return render(request, "members/login.html", context, status=503 if form.away else 200)


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    auth.logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


@require_safe
def admin_login(request: HttpRequest) -> HttpResponse:
    """The admin has no login page of its own. Who is logged in but not staff is told so, not sent round in circles."""
    if request.user.is_authenticated and not services.login_of(request).is_staff:
        return render(request, "403.html", status=403)
    return redirect(f"{reverse('members:login')}?{urlencode({'next': _next(request, 'admin:index')})}")


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any] | None) -> HttpResponse:
    """Too many wrong passwords for this name from this address (AXES_LOCKOUT_CALLABLE)."""
    wait = timedelta(hours=settings.AXES_COOLOFF_TIME)
    minutes = max(1, round(wait.total_seconds() / 60))
    answer: HttpResponse
    if request.path.startswith("/api/"):
        problem = {
            "type": "urn:controlpanel:problem:throttled",
            "title": HTTPStatus.TOO_MANY_REQUESTS.phrase,
            "status": HTTPStatus.TOO_MANY_REQUESTS.value,
            "detail": _("There were too many wrong passwords. Try again later."),
        }
        answer = JsonResponse(problem, status=429, content_type="application/problem+json")
    else:
        answer = render(request, "members/locked_out.html", {"minutes": minutes}, status=429)
    answer["Retry-After"] = str(round(wait.total_seconds()))
    return answer


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Speak another language from now on; also to somebody who is not logged in. Others than ours are ignored."""
    wanted = request.POST.get("language", "")
    response = redirect(_next(request, settings.LOGIN_REDIRECT_URL))
    if wanted in dict(settings.LANGUAGES):
        if request.user.is_authenticated and not getattr(request, "impersonator", None):
            services.set_language(login=services.login_of(request), language=wanted)
        translation.activate(wanted)
        entry.remember_language(response, wanted)
    return response


# --- one's own account --------------------------------------------------------------------------------------------
@login_required
@require_safe
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    own = services.login_of(request)
    named = {order.pk: order.name for order in orders.find(own.order_ids())}
    context = {
        "login": own,
        "accesses": [
            (access, access.member or named.get(access.order_id or 0, ""))
            for access in selectors.accesses_for(own).filter(login=own).select_related("member")
        ],
        "second_factor": factors.has_factor(own),
        "impersonations": own.impersonations.select_related("staff")[:IMPERSONATIONS_SHOWN],
        "session_count": selectors.sessions_for(own).count(),
        "token_count": selectors.tokens_for(own).count(),
        "key_count": len(own.ssh_keys.splitlines()),
    }
    return render(request, "members/account.html", context)


@sensitive_post_parameters("old", "new", "again")
@login_required
@never_cache
def password(request: HttpRequest) -> HttpResponse:
    """Change one's own password. Other sessions end, this one goes on. Wrong old ones count as failed logins do."""
    own = services.login_of(request)
    form = PasswordForm(request.POST or None, login=own)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            services.change_own_password(
                login=own, old=form.cleaned_data["old"], new=form.cleaned_data["new"], request=request
            )
        except services.WrongPassword:
            form.add_error("old", _("This is not your current password."))
        except DirectoryAway:
            form.add_error(
                None,
                _("Passwords cannot be changed right now: the directory does not answer. Try again in a few minutes."),
            )
            status = 503
        except ValidationError as error:
            form.add_error("new", error)
        else:
            auth.update_session_auth_hash(request, own)
            messages.success(request, _("Your password is changed. Other sessions of yours were signed out."))
            return redirect("members:account")
    return render(request, "members/password.html", {"form": form}, status=status)


@login_required
@never_cache
def keys(request: HttpRequest) -> HttpResponse:
    """SSH public keys. Saving is an operation; its page shows when the directory has them."""
    own = services.login_of(request)
    form = KeysForm(request.POST or None, initial={"keys": own.ssh_keys})
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["keys"] == own.ssh_keys:
            messages.info(request, _("Nothing was changed."))
            return redirect("members:keys")
        services.set_ssh_keys(
            login=own, keys=form.cleaned_data["keys"], actor=own, requested_from=request.META.get("REMOTE_ADDR")
        )
        messages.success(request, _("Your keys are saved, and on their way to the servers."))
        return redirect("members:keys")
    try:
        kept = parse_keys(own.ssh_keys)
    except ValidationError:  # by the rules of another release: the form shows the text, and says so when it is saved
        kept = []
    return render(request, "members/keys.html", {"form": form, "keys": kept})
