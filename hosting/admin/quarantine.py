"""What the admin asks and shows before a site is isolated; and quarantines, to look at."""

from collections.abc import Iterable

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from controlpanel.admin import Card, ReadOnlyAdmin, changelist, link, on_dashboard

from ..models import Quarantine, Site
from ..services import LONGEST_REASON, quarantine_consequences


class IsolateForm(forms.Form):
    """Why, and how far. What is right is the service's to say."""

    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("The site’s owners read it. Say what you saw."),
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )
    block_logins = forms.BooleanField(
        label=_("Block SSH keys and tokens of those who may change the site"),
        required=False,
        widget=UnfoldBooleanWidget,
    )


def quarantine_facts(request: HttpRequest, site: Site) -> Iterable[SafeString]:
    """What will happen, and what staff are to say."""
    lines = format_html_join("", "<li>{}</li>", ((line,) for line in quarantine_consequences(site)))
    yield format_html("<ul>{}</ul>", lines)
    yield IsolateForm().as_div()


@admin.register(Quarantine)
class QuarantineAdmin(ReadOnlyAdmin):
    """Never the secret of the clean room."""

    list_display = ("shown_site", "began", "began_by", "ended", "ended_by")
    list_filter = (("ended", admin.EmptyFieldListFilter),)
    list_select_related = ("site", "began_by", "ended_by")
    search_fields = ("=site__id", "site__domains__name", "reason")
    fields = (
        "shown_site", "reason", "block_logins", "began", "began_by", "ended", "ended_by", "room_until",
        "shown_evidence",
    )  # fmt: skip
    readonly_fields = ("shown_site", "began", "shown_evidence")

    def resources(self, obj: Quarantine) -> list[str]:
        return [f"cut:{obj.site_id}", f"site:{obj.site_id}"]

    @admin.display(description=_("site"))
    def shown_site(self, quarantine: Quarantine) -> str:
        return link(quarantine.site, quarantine.site.name)

    @admin.display(description=_("evidence"))
    def shown_evidence(self, quarantine: Quarantine) -> SafeString:
        rows = quarantine.evidence.defer("content").order_by("pk")
        lines = ((f"{row.collected:%Y-%m-%d %H:%M} {row.host}: {row.counts}",) for row in rows)
        return format_html_join("", "<p>{}</p>", lines)


@on_dashboard(36)
def quarantine_panel() -> Iterable[Card]:
    count = Quarantine.objects.filter(ended=None).count()
    if count:
        yield Card(_("Sites in quarantine"), count, changelist(Quarantine, ended__isempty="1"), "danger")
