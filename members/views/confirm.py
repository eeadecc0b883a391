"""The page that asks for the password once more, or for a second factor, before something dangerous."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from controlpanel import reauthentication
from controlpanel.operations.errors import DirectoryAway

from .. import factors
from ..forms.account import password_field
from ..models import Login
from ..services import login_of
from . import factors as factor_pages


class ConfirmForm(forms.Form):
    """One's own password. Wrong ones count as failed logins do; ``away`` when nobody could tell."""

    password = password_field(_("Password"), "current-password")

    def __init__(self, *args: Any, request: HttpRequest, login: Login, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.login = login
        self.away = False

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        try:
            found = authenticate(self.request, username=self.login.username, password=password)
        except DirectoryAway:
            self.away = True
            raise ValidationError(
                _("Passwords cannot be checked right now: the directory does not answer. Try again in a few minutes.")
            ) from None
        if found is None or found.pk != self.login.pk:
            raise ValidationError(_("This is not your password."))
        return password


@sensitive_post_parameters("password", "code", "credential")
@login_required
@never_cache
def confirm_password(request: HttpRequest) -> HttpResponse:
    """Ask, and go on to where whoever asks came from. A second factor does as well as the password."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = resolve_url(settings.LOGIN_REDIRECT_URL)
    who: Login = getattr(request, "impersonator", None) or login_of(request)  # never the one in whose name it is
    by_factor = request.method == "POST" and bool(request.POST.keys() & {"code", "credential"})
    form = ConfirmForm(request.POST if request.method == "POST" and not by_factor else None, request=request, login=who)
    code_form = factor_pages.CodeForm(request.POST if by_factor else None)
    code_form.fields["code"].widget.attrs.pop("autofocus", None)
    try:
        right = factor_pages.prove(request, who, code_form) if by_factor else form.is_valid()
    except factors.TooManyCodes:
        return factor_pages.too_many(request)
    if right:
        reauthentication.note(request)
        request.session.cycle_key()
        return redirect(target)
    context = {
        "form": form,
        "next": target,
        "who": who,
        "code_form": code_form if factors.has_factor(who) else None,
        "options": factors.begin_proof(request, who),
    }
    return render(request, "members/confirm_password.html", context, status=503 if form.away else 200)
