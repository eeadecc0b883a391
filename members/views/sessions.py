"""One's own sessions, and the end of acting as somebody else."""

from django.contrib import auth, messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from .. import devices, impersonation, selectors, services, sessions
from ..services import login_of


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def own_sessions(request: HttpRequest) -> HttpResponse:
    """All of them; POST signs out everywhere else."""
    own = login_of(request)
    if request.method == "POST":
        services.sign_out_everywhere(login=own, actor=own)
        auth.update_session_auth_hash(request, own)
        messages.success(request, _("Your other sessions were signed out."))
        return redirect("members:sessions")
    sessions.note(request, at_once=True)
    here = request.session[sessions.ROW]
    rows = [
        {"row": row, "device": devices.in_words(row.user_agent), "here": row.pk == here}
        for row in selectors.sessions_for(own)[:100]
    ]
    return render(request, "members/sessions.html", {"rows": rows, "others": len(rows) > 1})


@require_POST
@login_required
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign one of them out."""
    row = get_object_or_404(selectors.sessions_for(login_of(request)), pk=pk)
    if row.pk == request.session.get(sessions.ROW):
        auth.logout(request)
        return redirect("members:login")
    sessions.end(row)
    messages.success(request, _("That session is signed out."))
    return redirect("members:sessions")


@require_POST
@login_required
def stop_impersonation(request: HttpRequest) -> HttpResponse:
    """Be oneself again."""
    login = impersonation.stop(request)
    return redirect("admin:members_login_change", login.pk) if login else redirect("home")
