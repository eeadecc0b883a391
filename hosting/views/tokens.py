"""Tokens of the REST API: the page of one's account. It is here because a token may be for one order or site only."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from controlpanel import reauthentication
from members import selectors as people
from members import services

from .. import tokens
from ..token_forms import TokenForm


@login_required
@never_cache
def token_list(request: HttpRequest) -> HttpResponse:
    """A new one's text is on the page that answers its creation, and nowhere else, ever. ``?only=LIMIT`` chooses what
    it is for."""
    own = services.login_of(request)
    form = TokenForm(request.POST or None, login=own, initial={"only": request.GET.getlist("only")})
    text = ""
    recent = reauthentication.is_recent(request)
    if request.method == "POST" and not recent:
        return reauthentication.ask(request)
    if request.method == "POST" and form.is_valid():
        days, only = form.cleaned_data["days"], form.cleaned_data["only"]
        try:
            _token, text = services.create_token(
                login=own,
                name=form.cleaned_data["name"],
                expires=timezone.now() + timedelta(days=days) if days else None,
                scope=form.cleaned_data["scope"],
                limits=tokens.limits_of(own, only) if only else None,
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            form = TokenForm(login=own)
    found = list(people.tokens_for(own))
    names = tokens.names_of(own, (limit for token in found for limit in token.narrowed_to))
    for token in found:
        only = [names[limit] for limit in token.narrowed_to if limit in names]
        token.only = None if token.limits is None else only  # type: ignore[attr-defined]
    context = {"form": form, "text": text, "tokens": found, "recent": recent, "now": timezone.now()}
    return render(request, "members/tokens.html", context)


@require_POST
@login_required
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(people.tokens_for(services.login_of(request)), pk=pk)
    services.revoke_token(token=token)
    messages.success(request, _("The token is revoked: it opens nothing any more."))
    return redirect("hosting:tokens")
