"""Staff's view of members, logins and what logins may do."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from axes.models import AccessAttempt
from axes.utils import reset
from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils import formats
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from controlpanel.admin import Card, ReadOnlyAdmin, ReadOnlyInline, actor, changelist, deed, label, link, on_dashboard
from controlpanel.audit.models import Entry
from controlpanel.operations.models import Operation

from . import impersonation, services, standing
from .choices import MemberState, Role
from .models import Access, Impersonation, Login, Member, PosixId, Token

STATE_LABELS: dict[str, str] = {
    MemberState.GOOD_STANDING: "success",
    MemberState.AT_RISK: "warning",
    MemberState.DISABLED: "danger",
    MemberState.INACTIVE: "danger",
}


class LoginInline(ReadOnlyInline):
    model = Login
    fk_name = "member"
    verbose_name_plural = _("Logins")
    fields = ("username", "name", "email", "is_active", "created")
    readonly_fields = fields
    show_change_link = True


class NewMemberForm(forms.ModelForm):
    """Checked by the service too; here so that errors stand beside their fields."""

    class Meta:
        model = Member
        fields = ("name", "kind")


@admin.register(Member)
class MemberAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "shown_state", "paid_until", "grace_until", "login_count", "created")
    list_filter = ("state", "kind", "paid_until")
    search_fields = ("name",)
    fields = ("name", "kind", "shown_state", "state_since", "paid_until", "shown_outlook", "created")
    readonly_fields = ("shown_state", "shown_outlook", "created")
    inlines = (LoginInline,)
    actions_detail = ("paid", "contact", "disable", "enable")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        return super().get_queryset(request).annotate(login_count=Count("logins"))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_staff)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fields(request, obj) if obj else ("name", "kind")

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return super().get_inlines(request, obj) if obj else ()

    def save_model(self, request: HttpRequest, obj: Member, form: forms.ModelForm, change: bool) -> None:
        """New ones only, by the service."""
        if change:
            raise PermissionDenied
        member = services.create_member(name=obj.name, kind=obj.kind, actor=actor(request))
        obj.pk, obj.created = member.pk, member.created

    def resources(self, obj: Member) -> list[str]:
        return [f"member:{obj.pk}"]

    @admin.display(description=_("logins"), ordering="login_count")
    def login_count(self, member: Member) -> int:
        return member.login_count  # type: ignore[attr-defined]

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, member: Member) -> str:
        return label(member.get_state_display(), STATE_LABELS.get(member.state, ""))

    @admin.display(description=_("what comes next"))
    def shown_outlook(self, member: Member) -> str:
        """In words, with dates."""
        view = standing.outlook(member)
        lines = [
            (_("%(days)s days behind.") % {"days": view.days_behind}) if view.days_behind else "",
            (_("Open until %(day)s, after contact.") % {"day": _date(view.grace_until)}) if view.grace_until else "",
            (_("Switched off on %(day)s.") % {"day": _date(view.disabled_on)}) if view.disabled_on else "",
            (_("Its data is removed after %(day)s.") % {"day": _date(view.removed_on)}) if view.removed_on else "",
        ]
        return " ".join(line for line in lines if line) or "–"

    @deed(
        description=_("Paid until…"),
        icon="payments",
        question=_("Until when has %(object)s paid? If that is enough, everything it has is on again at once."),
        facts=lambda request, member: [_fact("admin/members/paid.html", request, member)],
    )
    def paid(self, request: HttpRequest, member: Member) -> Operation | str:
        text = request.POST.get("paid_until", "").strip()
        paid_until = forms.DateField(required=False, input_formats=["%Y-%m-%d"]).clean(text)
        return _done(standing.set_paid(member=member, paid_until=paid_until, **_by(request)))

    @deed(
        description=_("They made contact"),
        icon="handshake",
        question=_("Has %(object)s answered? Then everything it has is open at once, for two weeks, paid or not."),
    )
    def contact(self, request: HttpRequest, member: Member) -> Operation | str:
        return _done(standing.made_contact(member=member, **_by(request)))

    @deed(
        description=_("Disable…"),
        icon="block",
        question=_("Switch off everything of %(object)s now, whatever its dues say? Nothing is deleted."),
        sensitive=True,
        facts=lambda request, member: [_fact("admin/members/disable.html", request, member)],
    )
    def disable(self, request: HttpRequest, member: Member) -> Operation | str:
        return _done(standing.disable(member=member, **_by(request)))

    @deed(
        description=_("Enable"),
        icon="check_circle",
        question=_("Switch everything of %(object)s on again? If it is behind, for two weeks."),
    )
    def enable(self, request: HttpRequest, member: Member) -> Operation | str:
        return _done(standing.enable(member=member, **_by(request)))


def _by(request: HttpRequest) -> dict[str, Any]:
    return {"actor": actor(request), "requested_from": request.META.get("REMOTE_ADDR")}


def _done(operation: Operation | None) -> Operation | str:
    return operation or str(_("It is written down. Nothing had to be switched."))


def _date(day: date | None) -> str:
    return formats.date_format(day, "DATE_FORMAT") if day else ""


def _fact(template: str, request: HttpRequest, member: Member) -> SafeString:
    context = {"member": member, "preview": standing.preview(member)}
    return mark_safe(render_to_string(template, context, request))  # noqa: S308


class AccessInline(ReadOnlyInline):
    model = Access
    verbose_name_plural = _("Accesses")
    fields = ("role", "member", "order_id", "granted")
    readonly_fields = fields


class TokenInline(ReadOnlyInline):
    """That they exist and when they were used; what they are is known to nobody but their owner."""

    model = Token
    verbose_name_plural = _("API tokens")
    fields = ("name", "scope", "limits", "created", "expires", "last_used")
    readonly_fields = fields


class ReasonForm(forms.Form):
    """Why staff act as somebody else. What is right is the service's to say."""

    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("The person reads it: name the request that you help with."),
        max_length=impersonation.LONGEST_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


def _reason(request: HttpRequest, login: Login) -> Iterable[SafeString]:
    yield ReasonForm().as_div()


@admin.register(Login)
class LoginAdmin(ReadOnlyAdmin):
    list_display = ("username", "name", "email", "shown_member", "is_active", "staff", "created")
    list_filter = ("is_active", "accesses__role")
    list_select_related = ("member",)
    search_fields = ("username", "name", "email", "member__name")
    fields = ("username", "name", "email", "shown_member", "is_active", "staff", "uid", "language", "ssh_keys",
              "last_login", "created")  # fmt: skip
    readonly_fields = ("shown_member", "staff", "uid")
    inlines = (AccessInline, TokenInline)
    actions_detail = ("activate", "deactivate", "sign_out", "reset_second_factor", "act_as")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Login]:
        return super().get_queryset(request).prefetch_related("accesses")

    def resources(self, obj: Login) -> list[str]:
        return [f"login:{obj.pk}"]

    def more_traces(self, obj: Login) -> Iterable[tuple[str, Any]]:
        yield changelist(Operation, requested_by__id__exact=obj.pk), _("Operations that it asked for")
        yield changelist(Entry, actor_id=obj.pk), _("All that it did")

    @admin.display(description=_("member"), ordering="member__name")
    def shown_member(self, login: Login) -> str:
        return link(login.member)

    @admin.display(description=_("staff"), boolean=True)
    def staff(self, login: Login) -> bool:
        return login.is_staff

    @admin.display(description=_("unix user id"))
    def uid(self, login: Login) -> str:
        row = PosixId.objects.filter(owner=f"login:{login.pk}").first()
        return str(row.number) if row else "–"

    @deed(description=_("Let it log in"), icon="lock_open", question=_("Let %(object)s log in again?"))
    def activate(self, request: HttpRequest, login: Login) -> Operation:
        return services.activate_login(login=login, actor=actor(request))

    @deed(
        description=_("Lock it out"),
        icon="lock",
        question=_("Lock %(object)s out? Its sessions end and its tokens are refused, at once."),
    )
    def deactivate(self, request: HttpRequest, login: Login) -> Operation:
        return services.deactivate_login(login=login, actor=actor(request))

    @deed(
        description=_("End its sessions"),
        icon="logout",
        question=_("End all sessions of %(object)s? It has to log in again everywhere."),
    )
    def sign_out(self, request: HttpRequest, login: Login) -> str:
        services.sign_out_everywhere(login=login, actor=actor(request))
        return str(_("All its sessions have ended."))

    @deed(
        description=_("Reset its second factor"),
        icon="phonelink_erase",
        question=_(
            "Take all second factors of %(object)s away? Be sure that it is them who ask for it. They get a mail."
        ),
        sensitive=True,
    )
    def reset_second_factor(self, request: HttpRequest, login: Login) -> str:
        services.reset_second_factor(login=login, actor=actor(request))
        return str(_("Its password alone opens the panel now, until it has set a new one up."))

    @deed(
        description=_("Act as this person, for support"),
        icon="support_agent",
        question=_("Act as %(object)s for an hour? They can read when, who and why."),
        sensitive=True,
        facts=_reason,
    )
    def act_as(self, request: HttpRequest, login: Login) -> HttpResponse:
        impersonation.begin(request, staff=actor(request), login=login, reason=request.POST.get("reason", ""))
        return redirect("home")


@admin.register(Impersonation)
class ImpersonationAdmin(ReadOnlyAdmin):
    """When somebody of the staff acted as somebody else."""

    list_display = ("shown_login", "staff", "reason", "began", "ended")
    list_select_related = ("login", "staff")
    search_fields = ("login__username", "staff__username", "reason")
    fields = ("shown_login", "staff", "reason", "began", "until", "ended")
    readonly_fields = ("shown_login", "began")

    def resources(self, obj: Impersonation) -> list[str]:
        return [f"login:{obj.login_id}"]

    @admin.display(description=_("login"), ordering="login__username")
    def shown_login(self, row: Impersonation) -> str:
        return link(row.login)


@admin.register(Access)
class AccessAdmin(ReadOnlyAdmin):
    list_display = ("id", "shown_login", "role", "shown_on", "granted")
    list_filter = ("role",)
    list_select_related = ("login", "member")
    search_fields = ("login__username", "member__name", "=order_id")
    fields = ("shown_login", "role", "shown_on", "granted")
    readonly_fields = ("shown_login", "shown_on")
    actions_detail = ("revoke",)

    def resources(self, obj: Access) -> list[str]:
        return [f"login:{obj.login_id}"]

    @admin.display(description=_("login"), ordering="login__username")
    def shown_login(self, access: Access) -> str:
        return link(access.login)

    @admin.display(description=_("on"))
    def shown_on(self, access: Access) -> Any:
        if access.role == Role.STAFF:
            return _("everything")
        return link(access.member) if access.member else access.scope

    @deed(description=_("Take it away"), icon="person_remove", question=_("Take this access away? %(object)s"))
    def revoke(self, request: HttpRequest, access: Access) -> str:
        services.revoke(access=access, actor=actor(request))
        return str(_("It has been taken away."))


@admin.register(Token)
class TokenAdmin(ReadOnlyAdmin):
    """Never the digest: it is enough to find out whether a guess is right."""

    list_display = ("name", "shown_login", "scope", "created", "expires", "last_used")
    list_select_related = ("login",)
    search_fields = ("name", "login__username")
    fields = ("name", "shown_login", "scope", "limits", "created", "expires", "last_used")
    readonly_fields = ("shown_login",)
    actions_detail = ("revoke",)

    def resources(self, obj: Token) -> list[str]:
        return [f"login:{obj.login_id}"]

    @admin.display(description=_("login"), ordering="login__username")
    def shown_login(self, token: Token) -> str:
        return link(token.login)

    @deed(
        description=_("Revoke"), icon="key_off", question=_("Revoke the token %(object)s? It opens nothing any more.")
    )
    def revoke(self, request: HttpRequest, token: Token) -> str:
        services.revoke_token(token=token)
        return str(_("It has been revoked."))


@admin.register(PosixId)
class PosixIdAdmin(ReadOnlyAdmin):
    list_display = ("number", "owner", "wanted")
    list_filter = ("wanted",)
    search_fields = ("=number", "owner")
    fields = ("number", "owner", "wanted")

    def resources(self, obj: PosixId) -> list[str]:
        return [obj.owner]

    def recorded(self, obj: PosixId) -> str:
        kind, _colon, pk = obj.owner.partition(":")
        return f"{'members.login' if kind == 'login' else 'hosting.site'}:{pk}"


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ReadOnlyAdmin):
    """Wrong passwords lately, and who is locked out by them."""

    list_display = ("username", "ip_address", "failures_since_start", "attempt_time")
    search_fields = ("username", "ip_address")
    fields = ("username", "ip_address", "failures_since_start", "attempt_time", "path_info", "user_agent")
    actions_detail = ("forgive",)

    def recorded(self, obj: AccessAttempt) -> str:
        login = Login.objects.filter(username=obj.username).first()
        return f"members.login:{login.pk}" if login else ""

    @deed(
        description=_("Forgive"),
        icon="lock_open",
        question=_("Forget these attempts, so that a login may be tried again?"),
    )
    def forgive(self, request: HttpRequest, attempt: AccessAttempt) -> str:
        reset(username=attempt.username, ip=attempt.ip_address)
        return str(_("They are forgotten."))


@on_dashboard(30)
def members_panel() -> Iterable[Card]:
    yield Card(_("Members"), Member.objects.count(), changelist(Member))
    yield Card(_("Logins"), Login.objects.filter(is_active=True).count(), changelist(Login))


from . import mail_admin as mail_admin  # noqa: E402  # registers its page
