"""The password once more, before something dangerous.

``@recently_authenticated`` stands before a view; ``RecentlyAuthenticatedMixin`` before a class of views. In the admin a
deed says ``sensitive=True`` (controlpanel.admin). All send a session whose password is older than ten minutes to
``confirm_password`` first, and from there back.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from controlpanel import reauthentication
from controlpanel.operations.errors import DirectoryAway

from .forms import password_field

View = Callable[..., HttpResponseBase]


def recently_authenticated(view: View) -> View:
    """Decorator, below ``login_required``: the view is reached only by who gave the password not long ago."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not reauthentication.is_recent(request):
            return reauthentication.ask(request)
        return view(request, *args, **kwargs)

    return guarded


class RecentlyAuthenticatedMixin:
    """The same for a class of views."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not reauthentication.is_recent(request):
            return reauthentication.ask(request)
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return answer


class ConfirmForm(forms.Form):
    """One's own password. Wrong ones count as failed logins do; ``away`` when nobody could tell."""

    password = password_field(_("Password"), "current-password")

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.away = False

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        username = self.request.user.get_username()
        try:
            found = authenticate(self.request, username=username, password=password)
        except DirectoryAway:
            self.away = True
            raise ValidationError(
                _("Passwords cannot be checked right now: the directory does not answer. Try again in a few minutes.")
            ) from None
        if found is None or found.pk != self.request.user.pk:
            raise ValidationError(_("This is not your password."))
        return password


@sensitive_post_parameters("password")
@login_required
@never_cache
def confirm_password(request: HttpRequest) -> HttpResponse:
    """Ask, and go on to where whoever asks came from."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = resolve_url(settings.LOGIN_REDIRECT_URL)
    form = ConfirmForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        reauthentication.note(request)
        request.session.cycle_key()
        return redirect(target)
    status = 503 if form.away else 200
    return render(request, "members/confirm_password.html", {"form": form, "next": target}, status=status)
