"""Second factors: the second step of logging in, and one's own to set up and take away."""

from typing import Any

from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from .. import entry, factors
from ..factors.state import tell
from ..reauthentication import recently_authenticated
from ..services import login_of

page = require_http_methods(["GET", "HEAD", "POST"])
_SHOW_CODES = "show_recovery_codes"


class CodeForm(forms.Form):
    """A code of an app, or a recovery code."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=factors.LONGEST_CODE,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )


class KeyForm(forms.Form):
    """What a new key is called, and what it answered (put there by static/js/keys.js)."""

    name = forms.CharField(
        label=gettext_lazy("Name of the key"),
        help_text=gettext_lazy("So that you know it again: “blue key”, “my phone”."),
        max_length=60,
    )
    credential = forms.CharField(widget=forms.HiddenInput)


def prove(request: HttpRequest, login: Any, form: CodeForm) -> bool:
    """Whether what was posted is a second factor of the login; says what is wrong in ``form``. Raises TooManyCodes."""
    if answer := request.POST.get("credential"):
        if factors.check_key(request, login, answer):
            return True
        form.add_error(None, _("This key was not recognized. Try again, or use a code."))
        return False
    if form.is_valid():
        if factors.check_code(login, form.cleaned_data["code"]):
            return True
        form.add_error("code", _("This code is not right, or was used already. Codes of an app change twice a minute."))
    return False


def too_many(request: HttpRequest) -> HttpResponse:
    """The answer to who has tried too many codes."""
    response = render(request, "members/factors/too_many.html", status=429)
    response["Retry-After"] = "900"
    return response


# --- the second step -----------------------------------------------------------------------------------------------
@sensitive_post_parameters("code", "credential")
@never_cache
@page
def second_step(request: HttpRequest) -> HttpResponse:
    """After the password."""
    who = entry.entering(request)
    if who is None:
        return redirect("members:login")
    form = CodeForm(request.POST or None)
    try:
        if request.method == "POST" and prove(request, who.login, form):
            return entry.after_factor(request, who)
    except factors.TooManyCodes:
        return too_many(request)
    context = {"form": form, "options": factors.begin_proof(request, who.login), "state": factors.state_of(who.login)}
    return render(request, "members/factors/second_step.html", context)


# --- one's own -----------------------------------------------------------------------------------------------------
@login_required
@require_safe
@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    state = factors.state_of(login_of(request))
    return render(request, "members/factors/overview.html", {"state": state})


@sensitive_post_parameters("code")
@login_required
@recently_authenticated
@never_cache
@page
def app(request: HttpRequest) -> HttpResponse:
    """Take an app into use."""
    own = login_of(request)
    form = CodeForm(request.POST or None)
    first = not factors.has_factor(own)
    if request.method == "POST" and form.is_valid():
        if factors.confirm_app(request, own, form.cleaned_data["code"]):
            return _added(request, first, _("The app is in use: from now on logging in takes its code."))
        form.add_error("code", _("This code is not right. Look at the app again; its codes change twice a minute."))
    secret, picture = factors.new_app(request, own)
    grouped = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return render(request, "members/factors/app.html", {"form": form, "secret": grouped, "picture": picture})


@sensitive_post_parameters("credential")
@login_required
@recently_authenticated
@never_cache
@page
def key(request: HttpRequest) -> HttpResponse:
    """Take a key into use."""
    own = login_of(request)
    form = KeyForm(request.POST or None)
    first = not factors.has_factor(own)
    if request.method == "POST" and form.is_valid():
        try:
            factors.add_key(request, own, form.cleaned_data["name"], form.cleaned_data["credential"])
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return _added(request, first, _("The key is in use: from now on logging in takes it, or a code."))
    context = {"form": form, "options": factors.begin_key(request, own)}
    return render(request, "members/factors/key.html", context)


@require_POST
@login_required
@recently_authenticated
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an app or a key away."""
    own = login_of(request)
    try:
        factors.remove(own, pk)
    except Authenticator.DoesNotExist:
        raise Http404 from None
    except factors.LastFactor:
        messages.warning(request, _("Staff need a second factor. Set another one up before you take this one away."))
    else:
        messages.success(request, _("It is taken away, and opens nothing any more."))
    return redirect("members:factors")


@require_POST
@login_required
@recently_authenticated
def new_codes(request: HttpRequest) -> HttpResponse:
    """Ten recovery codes in place of those that there were."""
    own = login_of(request)
    if factors.has_factor(own):
        factors.new_recovery_codes(own)
        request.session[_SHOW_CODES] = True
    return redirect("members:recovery_codes")


@login_required
@require_safe
@never_cache
def codes(request: HttpRequest) -> HttpResponse:
    """Recovery codes, once after they were made."""
    if not request.session.pop(_SHOW_CODES, False):
        return redirect("members:factors")
    return render(request, "members/factors/codes.html", {"codes": factors.recovery_codes(login_of(request))})


def _added(request: HttpRequest, first: bool, text: str) -> HttpResponse:
    own = login_of(request)
    factors.note_passed(request)
    request.session.cycle_key()
    tell(own, "second_factor_added")
    messages.success(request, text)
    if not first:
        return redirect("members:factors")
    factors.new_recovery_codes(own)
    request.session[_SHOW_CODES] = True
    return redirect("members:recovery_codes")
