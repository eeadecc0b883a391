"""Staff's view of databases. Deeds go through the services that members' pages and the API use."""

from collections.abc import Iterable

from django.contrib import admin
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from controlpanel.admin import (
    Card,
    ReadOnlyAdmin,
    ReadOnlyInline,
    actor,
    changelist,
    deed,
    label,
    link,
    links,
    on_dashboard,
)
from controlpanel.fleet.admin import show_on_host
from controlpanel.operations.models import Operation
from controlpanel.operations.selectors import history_of

from .. import previews, services
from ..choices import DatabaseState
from ..errors import HostingError
from ..models import Database, DatabaseDump, DatabaseUser

LABELS: dict[str, str] = {
    DatabaseState.ACTIVE: "success",
    DatabaseState.FAILED: "danger",
    DatabaseState.DELETED: "warning",
    DatabaseState.CREATING: "info",
    DatabaseState.UPDATING: "info",
    DatabaseState.MOVING: "info",
    DatabaseState.RESTORING: "info",
    DatabaseState.DELETING: "info",
}
HISTORY = 15


@show_on_host
class HostDatabaseInline(ReadOnlyInline):
    """Databases on a host's page."""

    model = Database
    fk_name = "host"
    verbose_name_plural = _("Databases on it")
    fields = ("shown_name", "engine", "state", "shown_size", "open_connections")
    readonly_fields = fields

    @admin.display(description=_("name"))
    def shown_name(self, database: Database) -> str:
        return link(database)

    @admin.display(description=_("size"))
    def shown_size(self, database: Database) -> str:
        return _size(database)


class UserInline(ReadOnlyInline):
    model = DatabaseUser
    verbose_name_plural = _("Users")
    fields = ("name", "access", "changed")
    readonly_fields = fields


class DumpInline(ReadOnlyInline):
    model = DatabaseDump
    verbose_name_plural = _("Dumps")
    fields = ("label", "host", "made", "size_bytes")
    readonly_fields = fields
    ordering = ("-made",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DatabaseDump]:
        return super().get_queryset(request).select_related("host")


@admin.register(Database)
class DatabaseAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "engine", "shown_state", "shown_host", "shown_size", "shown_order", "created")
    list_display_links = ("id", "name")
    list_filter = ("state", "engine", "host", "full")
    list_select_related = ("host", "order")
    search_fields = ("=id", "order__name", "order__member__name")
    fields = (
        "name", "host_name", "engine", "shown_state", "shown_order", "shown_member", "shown_site", "shown_host",
        "shown_size", "connections", "open_connections", "used_at", "full", "address", "revision", "shown_copy",
        "copy_until", "created", "purge_after", "history",
    )  # fmt: skip
    readonly_fields = (
        "name", "host_name", "shown_state", "shown_order", "shown_member", "shown_site", "shown_host", "shown_size",
        "shown_copy", "history",
    )  # fmt: skip
    inlines = (UserInline, DumpInline)
    actions_detail = ("move", "recover", "drop_copy", "remove", "restore")

    def resources(self, obj: Database) -> list[str]:
        return [f"database:{obj.pk}"]

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, database: Database) -> str:
        return label(database.get_state_display(), LABELS.get(database.state, ""))

    @admin.display(description=_("host"), ordering="host__name")
    def shown_host(self, database: Database) -> str:
        return link(database.host)

    @admin.display(description=_("old copy on"))
    def shown_copy(self, database: Database) -> str:
        return link(database.copy_host)

    @admin.display(description=_("order"), ordering="order__name")
    def shown_order(self, database: Database) -> str:
        return link(database.order)

    @admin.display(description=_("member"))
    def shown_member(self, database: Database) -> str:
        return link(database.order.member)

    @admin.display(description=_("site"))
    def shown_site(self, database: Database) -> str:
        return link(database.site, database.site.name) if database.site else "–"

    @admin.display(description=_("size"), ordering="size_bytes")
    def shown_size(self, database: Database) -> str:
        return _size(database)

    @admin.display(description=_("operations"))
    def history(self, database: Database) -> str:
        return links(history_of(f"database:{database.pk}")[:HISTORY])

    @deed(
        description=_("Move"),
        icon="swap_horiz",
        question=_("Move %(object)s to the least loaded of the other database servers, while it serves?"),
        facts=lambda request, database: move_facts(request, database),
    )
    def move(self, request: HttpRequest, database: Database) -> Operation:
        held = request.POST.get("held") == "1"
        return services.move_database(actor(request), database, held=held)[1]

    @deed(
        description=_("Recover"),
        icon="healing",
        question=_("Bring %(object)s up from the newest that another server keeps of it, because its own is lost?"),
        sensitive=True,
        facts=lambda request, database: recovery_facts(database),
    )
    def recover(self, request: HttpRequest, database: Database) -> Operation:
        return services.recover_database(actor(request), database)[1]

    @deed(
        description=_("Drop the old copy"),
        icon="layers_clear",
        question=_("Remove what the server before the last move still keeps of %(object)s? It cannot be brought back."),
        sensitive=True,
    )
    def drop_copy(self, request: HttpRequest, database: Database) -> Operation:
        return services.drop_database_copy(actor(request), database)[1]

    @deed(
        description=_("Delete"),
        icon="delete",
        url_path="remove",
        question=_("Delete %(object)s? A last dump is kept for a while, and it can be restored until then."),
        sensitive=True,
    )
    def remove(self, request: HttpRequest, database: Database) -> Operation:
        return services.delete_database(actor(request), database)[1]

    @deed(description=_("Restore"), icon="restore", question=_("Bring %(object)s back from its last dump?"))
    def restore(self, request: HttpRequest, database: Database) -> Operation:
        return services.restore_database(actor(request), database)[1]


def move_facts(request: HttpRequest, database: Database) -> Iterable[SafeString]:
    """What the move would be: planned for real, and rolled back."""
    try:
        with transaction.atomic():
            moved, operation = services.move_database(actor(request), database)
            steps = previews.steps_of(operation)
            transaction.set_rollback(True)
    except HostingError as error:
        yield format_html("<p>{}</p>", error.text)
        return
    facts = previews.of_move(moved)
    text = _(
        "From %(source)s to %(target)s: %(size)s, about %(seconds)d s; connections wait for %(hold)s s at most."
    ) % {
        "source": facts["source"],
        "target": facts["target"],
        "size": filesizeformat(facts["bytes"]),
        "seconds": facts["seconds"],
        "hold": facts["hold_seconds"],
    }
    notes = format_html_join("", "<li>{}</li>", ((note,) for note in facts["notes"]))
    listed = format_html_join("", "<li>{}</li>", ((step["title"],) for step in steps))
    yield format_html("<p>{}</p>", text)
    if facts["obstacles"]:
        context = {"obstacles": facts["obstacles"], "seconds": facts["seconds"]}
        yield mark_safe(render_to_string("admin/hosting/held_move.html", context, request))  # noqa: S308
        return
    yield format_html("<ul>{}</ul>", notes)
    yield format_html("<ol>{}</ol>", listed)


def recovery_facts(database: Database) -> Iterable[SafeString]:
    """What would be lost."""
    facts = previews.of_recovery(database)
    if facts["dump"] is None:
        return [format_html("<p>{}</p>", _("Nothing of it is kept on another server: it waits until its own is back."))]
    text = _("As of %(made)s, from what %(host)s keeps.") % {"made": facts["dump"], "host": facts["target"]}
    return [format_html("<p>{}</p>", text), *(format_html("<p>{}</p>", note) for note in facts["notes"])]


def _size(database: Database) -> str:
    if database.size_bytes is None:
        return "–"
    return f"{filesizeformat(database.size_bytes)} / {filesizeformat(database.quota_bytes)}"


@on_dashboard(36)
def database_panel() -> Iterable[Card]:
    counts = Database.objects.aggregate(
        kept=Count("id", filter=~Q(state=DatabaseState.DELETED)),
        failed=Count("id", filter=Q(state=DatabaseState.FAILED)),
        full=Count("id", filter=Q(full=True)),
    )
    failed, full = counts["failed"], counts["full"]
    trouble = (
        _("%(count)d failed") % {"count": failed} if failed else _("%(count)d full") % {"count": full} if full else ""
    )
    yield Card(_("Databases"), counts["kept"], changelist(Database),
               "danger" if failed else "warning", trouble)  # fmt: skip
