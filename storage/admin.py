"""Staff's view of pools, volumes and who holds them. What changes them are operations; nothing is edited here."""

from collections.abc import Iterable

from django.contrib import admin
from django.db.models import F, QuerySet, Sum
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from controlpanel.admin import Card, ReadOnlyAdmin, ReadOnlyInline, changelist, label, link, on_dashboard
from controlpanel.fleet.admin import show_on_host

from .choices import VolumeState
from .models import Attachment, Pool, Volume

LABELS: dict[str, str] = {
    VolumeState.ATTACHED: "success",
    VolumeState.FENCING: "danger",
    VolumeState.CREATING: "info",
    VolumeState.GRANTING: "info",
    VolumeState.DETACHING: "info",
    VolumeState.TRASHED: "warning",
}


class AttachmentInline(ReadOnlyInline):
    """Never the credential."""

    model = Attachment
    verbose_name_plural = _("Attachments")
    fields = ("shown_host", "path", "granted", "mounted")
    readonly_fields = fields

    @admin.display(description=_("host"))
    def shown_host(self, attachment: Attachment) -> str:
        return link(attachment.host)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attachment]:
        return super().get_queryset(request).select_related("host").defer("credential")


@show_on_host
class HostAttachmentInline(ReadOnlyInline):
    """Volumes on a host's page. Never the credential."""

    model = Attachment
    verbose_name_plural = _("Volumes on it")
    fields = ("shown_volume", "path", "granted", "mounted")
    readonly_fields = fields

    @admin.display(description=_("volume"))
    def shown_volume(self, attachment: Attachment) -> str:
        return link(attachment.volume)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attachment]:
        return super().get_queryset(request).select_related("volume").defer("credential")


@admin.register(Pool)
class PoolAdmin(ReadOnlyAdmin):
    list_display = ("name", "driver", "shown_host", "capacity", "used", "probed")
    list_select_related = ("host",)
    fields = ("name", "driver", "shown_host", "capacity", "used", "probed")
    readonly_fields = ("shown_host", "capacity", "used")

    def resources(self, obj: Pool) -> list[str]:
        return [f"snapshots:{obj.pk}"]

    @admin.display(description=_("host"), ordering="host__name")
    def shown_host(self, pool: Pool) -> str:
        return link(pool.host)

    @admin.display(description=_("capacity"), ordering="capacity_bytes")
    def capacity(self, pool: Pool) -> str:
        return filesizeformat(pool.capacity_bytes)

    @admin.display(description=_("used"), ordering="used_bytes")
    def used(self, pool: Pool) -> str:
        return filesizeformat(pool.used_bytes)


@admin.register(Volume)
class VolumeAdmin(ReadOnlyAdmin):
    list_display = ("name", "shown_state", "pool", "size", "used", "shown_hosts", "scope", "created")
    list_filter = ("state", "pool", "shared")
    list_select_related = ("pool",)
    search_fields = ("=id", "=scope", "attachments__host__name")
    search_help_text = _("Number, scope or host")
    fields = (
        "name", "shown_state", "pool", "size", "used", "used_at", "uid", "gid", "shared", "epoch", "scope",
        "purge_after", "created",
    )  # fmt: skip
    readonly_fields = ("name", "shown_state", "size", "used")
    inlines = (AttachmentInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Volume]:
        return super().get_queryset(request).prefetch_related("attachments__host")

    def resources(self, obj: Volume) -> list[str]:
        return [f"volume:{obj.pk}"]

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, volume: Volume) -> str:
        return label(volume.get_state_display(), LABELS.get(volume.state, ""))

    @admin.display(description=_("size"), ordering="size_bytes")
    def size(self, volume: Volume) -> str:
        return filesizeformat(volume.size_bytes)

    @admin.display(description=_("used"), ordering="used_bytes")
    def used(self, volume: Volume) -> str:
        return filesizeformat(volume.used_bytes)

    @admin.display(description=_("hosts"))
    def shown_hosts(self, volume: Volume) -> str:
        return ", ".join(attachment.host.name for attachment in volume.attachments.all())


@on_dashboard(40)
def storage_panel() -> Iterable[Card]:
    totals = Pool.objects.aggregate(capacity=Sum("capacity_bytes"), used=Sum("used_bytes"))
    capacity, used = totals["capacity"] or 0, totals["used"] or 0
    tight = capacity and used / capacity > 0.8
    yield Card(
        _("Storage used"),
        f"{used / capacity:.0%}" if capacity else "–",
        changelist(Pool),
        "warning",
        _("getting full") if tight else "",
    )
    full = Volume.objects.filter(used_bytes__gte=F("size_bytes") * 0.95, state=VolumeState.ATTACHED).count()
    yield Card(_("Volumes nearly full"), full, changelist(Volume), "warning", _("over 95 percent") if full else "")
