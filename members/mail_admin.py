"""Staff's view of mail to people: what has gone out, what is tried again, and why it did not."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from controlpanel.admin import Card, ReadOnlyAdmin, changelist, deed, label, on_dashboard

from . import mail
from .models import Mail


class StateFilter(admin.SimpleListFilter):
    """Whether it has gone out."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("sent", _("sent")), ("waiting", _("to be sent")), ("given_up", _("given up"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        wanted: dict[str, dict[str, Any]] = {
            "sent": {"sent__isnull": False},
            "waiting": {"sent": None, "given_up": False},
            "given_up": {"sent": None, "given_up": True},
        }
        return queryset.filter(**wanted.get(self.value() or "", {}))


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    """What it says is not shown: there may be a link in it that lets its reader in."""

    list_display = ("subject", "to", "shown_state", "attempts", "created", "sent")
    list_filter = (StateFilter, "template")
    search_fields = ("to", "subject")
    fields = ("subject", "to", "template", "shown_state", "created", "sent", "attempts", "due", "trouble")
    readonly_fields = ("shown_state",)
    actions_detail = ("send_again",)

    @admin.display(description=_("state"))
    def shown_state(self, message: Mail) -> str:
        if message.sent:
            return label(_("sent"), "success")
        if message.given_up:
            return label(_("given up"), "danger")
        return label(_("tried again"), "warning") if message.attempts else label(_("to be sent"), "info")

    @deed(
        description=_("Try again now"),
        icon="forward_to_inbox",
        question=_("Try to send “%(object)s” again, now?"),
    )
    def send_again(self, request: HttpRequest, message: Mail) -> str:
        mail.try_again(message)
        return str(_("It is tried within a few seconds."))


@on_dashboard(40)
def mail_panel() -> Iterable[Card]:
    """Mail that did not go out."""
    stuck = Mail.objects.filter(sent=None, attempts__gt=0)
    counts = stuck.aggregate(all=Count("pk"), given_up=Count("pk", filter=Q(given_up=True)))
    count, given_up = counts["all"], counts["given_up"]
    yield Card(
        _("Mail not sent"),
        count,
        changelist(Mail, state="given_up" if given_up else "waiting"),
        "danger" if given_up else "warning",
        _("%(count)d given up") % {"count": given_up} if given_up else _("tried again") if count else "",
    )
