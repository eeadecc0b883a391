"""Pages that links in mails lead to, and the one that asks for such a link: for people who are not logged in."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from controlpanel.operations.errors import DirectoryAway

from .. import invitations, orders, password_reset, secret_links
from ..choices import Role
from ..forms.account import NewPasswordForm
from ..forms.people import ForgottenForm, NewLoginForm
from ..models import Invitation, Login

page = require_http_methods(["GET", "HEAD", "POST"])
#: The answer to a link that opens nothing (any more).
GONE = 410


# --- invitations ---------------------------------------------------------------------------------------------------
@sensitive_post_parameters("new", "again")
@sensitive_variables()
@never_cache
@page
def invitation(request: HttpRequest) -> HttpResponse:
    """Accept an invitation: with the login that is logged in, or with a new one."""
    if sent_on := secret_links.take_in(request, invitations.PAGE):
        return sent_on
    digest = secret_links.digest_in(request, invitations.PAGE)
    found = invitations.by_digest(digest)
    if found is None:
        return _gone(request)
    if isinstance(request.user, Login):
        return _accept_as(request, found, digest, request.user)
    form = NewLoginForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            invitations.accept_as_new(
                digest=digest,
                username=values["username"],
                name=values["name"],
                password=values["new"],
                requested_from=request.META.get("REMOTE_ADDR"),
            )
        except invitations.NotOpen:
            return _gone(request)
        except DirectoryAway:
            form.add_error(
                None,
                _("Logins cannot be made right now: the directory does not answer. Try again in a few minutes."),
            )
            status = 503
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            secret_links.forget(request, invitations.PAGE)
            messages.success(request, _("Your login is ready. Log in with the password that you have just chosen."))
            return redirect("members:login")
    return render(request, "members/invitation.html", {**_described(found), "form": form}, status=status)


def _accept_as(request: HttpRequest, found: Invitation, digest: str, login: Login) -> HttpResponse:
    if request.method != "POST":
        return render(request, "members/invitation.html", {**_described(found), "login": login})
    try:
        invitations.accept(digest=digest, login=login)
    except invitations.NotOpen:
        return _gone(request)
    secret_links.forget(request, invitations.PAGE)
    messages.success(request, _("You have accepted the invitation."))
    return redirect("home")


def _described(found: Invitation) -> dict[str, object]:
    named = orders.find(found.order_ids)
    return {
        "invitation": found,
        "whole": found.role == Role.MEMBER_ADMIN,
        "orders": [order for order in named if order.member_id == found.member_id],
    }


def _gone(request: HttpRequest) -> HttpResponse:
    secret_links.forget(request, invitations.PAGE)
    return render(request, "members/invitation_gone.html", status=GONE)


# --- forgotten passwords -------------------------------------------------------------------------------------------
@never_cache
@page
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a link. What it answers does not tell whether anybody has that name or address."""
    form = ForgottenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            password_reset.ask(asked_for=form.cleaned_data["asked_for"], requested_from=request.META.get("REMOTE_ADDR"))
        except password_reset.TooMany:
            response = render(request, "members/password_asked_too_often.html", status=429)
            response["Retry-After"] = "3600"
            return response
        return render(request, "members/password_asked.html")
    return render(request, "members/password_forgotten.html", {"form": form})


@sensitive_post_parameters("new", "again")
@sensitive_variables()
@never_cache
@page
def new_password(request: HttpRequest) -> HttpResponse:
    """Choose a new password by the link."""
    if sent_on := secret_links.take_in(request, password_reset.PAGE):
        return sent_on
    digest = secret_links.digest_in(request, password_reset.PAGE)
    login = password_reset.login_of(digest)
    if login is None:
        secret_links.forget(request, password_reset.PAGE)
        return render(request, "members/new_password_gone.html", status=GONE)
    form = NewPasswordForm(request.POST or None, login=login)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            password_reset.set_new(digest=digest, password=form.cleaned_data["new"])
        except password_reset.NotOpen:
            return render(request, "members/new_password_gone.html", status=GONE)
        except DirectoryAway:
            form.add_error(
                None,
                _("Passwords cannot be changed right now: the directory does not answer. Try again in a few minutes."),
            )
            status = 503
        except ValidationError as error:
            form.add_error("new", error.messages)
        else:
            secret_links.forget(request, password_reset.PAGE)
            messages.success(request, _("Your password is changed. Log in with it."))
            return redirect("members:login")
    return render(request, "members/new_password.html", {"form": form, "login": login}, status=status)
