"""Who may do what within a member, for those who administer it: people, their access, invitations."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from .. import delegation, invitations, orders, selectors, services
from ..choices import Role
from ..forms.people import AccessForm, InviteForm
from ..models import Login, Member
from ..reauthentication import recently_authenticated

page = require_http_methods(["GET", "HEAD", "POST"])
#: Closed invitations that the page still shows.
SHOWN = 10


def _member(request: HttpRequest, pk: int) -> Member:
    return get_object_or_404(selectors.members_for(request.user), pk=pk)


def _person(request: HttpRequest, member: Member, pk: int) -> Login:
    return get_object_or_404(selectors.people_of(request.user, member), pk=pk)


@never_cache
@login_required
@require_safe
def members(request: HttpRequest) -> HttpResponse:
    """The members that somebody administers; the only one at once."""
    found = list(selectors.members_for(request.user)[:200])
    if not found:
        raise Http404
    if len(found) == 1:
        return redirect("members:people", found[0].pk)
    return render(request, "members/people/members.html", {"members": found})


@never_cache
@login_required
@require_safe
def people(request: HttpRequest, pk: int) -> HttpResponse:
    """Who has access to what, and who was invited."""
    member = _member(request, pk)
    names = {order.pk: order.name for order in orders.of_member(member)}
    within = orders.accesses_within(member)
    accesses: dict[int, list[Any]] = {}
    for login_id, role, order_id in (
        selectors.accesses_for(request.user, order_ids=names).filter(within).values_list("login", "role", "order_id")
    ):
        accesses.setdefault(login_id, []).append((role, names.get(order_id or 0, "")))
    rows = [
        {
            "login": login,
            "whole": any(role == Role.MEMBER_ADMIN for role, _name in accesses.get(login.pk, ())),
            "orders": sorted(name for role, name in accesses.get(login.pk, ()) if role == Role.ORDER_ADMIN),
            "own": login.member_id == member.pk,
        }
        for login in selectors.people_of(request.user, member)
    ]
    invited = selectors.invitations_for(request.user).filter(member=member).select_related("invited_by")
    open_pks = set(invitations.open_ones().filter(member=member).values_list("pk", flat=True))
    context = {
        "member": member,
        "rows": rows,
        "invitations": [_shown(one, names) for one in invited.filter(accepted=None, withdrawn=None)[:100]],
        "closed": [_shown(one, names) for one in invited.exclude(accepted=None, withdrawn=None)[:SHOWN]],
        "open": open_pks,
    }
    return render(request, "members/people/people.html", context)


def _shown(invitation: Any, names: dict[int, str]) -> dict[str, Any]:
    return {"row": invitation, "orders": [names[pk] for pk in invitation.order_ids if pk in names]}


@never_cache
@login_required
@recently_authenticated
@page
def invite(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask somebody by mail."""
    member = _member(request, pk)
    language = getattr(request, "LANGUAGE_CODE", "")
    chosen = [int(one) for one in request.GET.getlist("order") if one.isdigit()]
    form = InviteForm(request.POST or None, member=member, initial={"language": language, "orders": chosen})
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            invitations.invite(
                member=member,
                email=values["email"],
                role=values["role"],
                order_ids=values["orders"],
                language=values["language"],
                actor=services.login_of(request),
            )
        except ValidationError as error:
            _put(form, error)
        else:
            messages.success(request, _("An invitation is on its way to %(email)s.") % {"email": values["email"]})
            return redirect("members:people", member.pk)
    return render(request, "members/people/invite.html", {"form": form, "member": member})


@require_POST
@login_required
@recently_authenticated
def resend_invitation(request: HttpRequest, pk: int, invitation_pk: int) -> HttpResponse:
    member = _member(request, pk)
    found = selectors.invitations_for(request.user).filter(member=member)
    invitation = get_object_or_404(found, pk=invitation_pk)
    try:
        invitations.resend(invitation=invitation, actor=services.login_of(request))
    except ValidationError as error:
        messages.warning(request, " ".join(error.messages))
    else:
        messages.success(request, _("It was sent again. The link of before opens nothing any more."))
    return redirect("members:people", member.pk)


@require_POST
@login_required
def withdraw_invitation(request: HttpRequest, pk: int, invitation_pk: int) -> HttpResponse:
    member = _member(request, pk)
    found = selectors.invitations_for(request.user).filter(member=member)
    invitation = get_object_or_404(found, pk=invitation_pk)
    try:
        invitations.withdraw(invitation=invitation, actor=services.login_of(request))
    except ValidationError as error:
        messages.warning(request, " ".join(error.messages))
    else:
        messages.success(request, _("The invitation is withdrawn: its link opens nothing any more."))
    return redirect("members:people", member.pk)


@never_cache
@login_required
@recently_authenticated
@page
def person(request: HttpRequest, pk: int, login_pk: int) -> HttpResponse:
    """What one person may administer, and whether they may log in."""
    member = _member(request, pk)
    login = _person(request, member, login_pk)
    actor = services.login_of(request)
    form = AccessForm(request.POST or None, member=member, login=login)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            delegation.set_access(
                login=login,
                member=member,
                whole=values["role"] == Role.MEMBER_ADMIN,
                order_ids=values["orders"],
                actor=actor,
            )
        except ValidationError as error:
            _put(form, error)
        else:
            messages.success(request, _("Saved. It counts from now on."))
            still = selectors.members_for(actor).filter(pk=member.pk).exists()
            return redirect("members:people", member.pk) if still else redirect("home")
    context = {
        "form": form,
        "member": member,
        "person": login,
        "own": login.pk == actor.pk,
        "may_switch": login.member_id == member.pk
        and login.pk != actor.pk
        and (actor.is_staff or not orders.reaches_beyond(login, actor)),
    }
    return render(request, "members/people/person.html", context)


@require_POST
@login_required
@recently_authenticated
def switch(request: HttpRequest, pk: int, login_pk: int) -> HttpResponse:
    """Let a login of the member log in, or not."""
    member = _member(request, pk)
    login = get_object_or_404(_of(member), pk=_person(request, member, login_pk).pk)
    change = services.activate_login if request.POST.get("active") == "1" else services.deactivate_login
    try:
        change(login=login, actor=services.login_of(request), requested_from=request.META.get("REMOTE_ADDR"))
    except ValidationError as error:
        messages.warning(request, " ".join(error.messages))
    else:
        text = _("%(name)s may log in again.") if login.is_active else _("%(name)s can no longer log in.")
        messages.success(request, text % {"name": login.name or login.username})
    return redirect("members:people", member.pk)


def _of(member: Member) -> Any:
    """Logins of the member: who only has access to something of it can lose that, but is not its to lock out."""
    return Login.objects.filter(member=member)


def _put(form: Any, error: ValidationError) -> None:
    """The service's objections beside their fields."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for field, problems in error.error_dict.items():
        form.add_error(field if field in form.fields else None, problems)
