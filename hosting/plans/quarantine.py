"""Operations that isolate a compromised site, and that let it out again.

In the order in which harm ends: visitors and network first, at the same time; then what it was doing is kept while its
processes stand still; then they end. What comes after that may take its time.
"""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import Params, Plan, PlannedStep, Reserve, Stages, register
from members import blocks
from routing import selectors as routing_selectors
from storage.choices import SnapshotState, VolumeState

from ..models import Quarantine, Site
from ..services import quarantine as services
from .sites import SitePlan, _load, _probes

#: The label of the dumps of a quarantined site's databases.
DUMP = "quarantine"


def hosts_of(site: Site, leaving: bool = True) -> list[Host]:
    """The hosts that may have something of it running: where its volume is. Without fenced ones, which have nothing."""
    attachments = site.volume.attachments.select_related("host").filter(fenced=None) if site.volume else []
    found = {one.host.name: one.host for one in attachments if leaving or not one.leaving}
    if site.host is not None and site.placed:
        found.setdefault(site.host.name, site.host)
    return [host for _name, host in sorted(found.items()) if host.state != HostState.FENCED]


def _on_edges(action: str, site: Site) -> list[PlannedStep]:
    return [PlannedStep(action, edge.name, {"site": site.pk}) for edge in routing_selectors.edges()]


def _on_hosts(action: str, site: Site, hosts: Iterable[Host], **args: object) -> list[PlannedStep]:
    return [PlannedStep(action, host.name, {"site": site.pk, **args}) for host in hosts]


def _ensure(logins: Iterable[int]) -> list[PlannedStep]:
    return [PlannedStep("members.ensure_login", args={"login": login}) for login in logins]


def _cut(site: Site) -> list[PlannedStep]:
    return _on_edges("hosting.close_on_edge", site) + _on_hosts("hosting.cut_off", site, hosts_of(site))


@register
class QuarantineSite(SitePlan):
    """``{…, "quarantine": id}``. A failure leaves the site isolated; a cancellation takes it back by a release."""

    kind = "hosting.quarantine_site"
    title = _("Put the site %(name)s into quarantine")

    def stages(self, params: Params) -> Stages:
        site = _load(params)
        quarantine = Quarantine.objects.select_related("snapshot").get(pk=params["quarantine"])
        hosts = hosts_of(site, leaving=False)
        logins = [login.pk for login in blocks.blocked_by(quarantine.cause)]
        return [
            _cut(site),
            _on_hosts("hosting.collect_evidence", site, hosts, quarantine=quarantine.pk),
            _on_hosts("hosting.stop_on_web", site, hosts),
            [*_snapshot(site, quarantine), *_dumps(site), *_ensure(logins)],
        ]

    def on_cancel(self, operation: Operation) -> None:
        services.back_to_normal(Site.objects.get(pk=operation.params["site"]))


def _snapshot(site: Site, quarantine: Quarantine) -> list[PlannedStep]:
    snapshot, volume = quarantine.snapshot, site.volume
    if snapshot is None or volume is None or volume.state in (VolumeState.ABSENT, VolumeState.CREATING):
        return []
    if snapshot.state != SnapshotState.PLANNED:
        return []  # taken when this quarantine began
    return [PlannedStep("storage.snapshot", volume.pool.host.name, {"snapshot": snapshot.pk})]


def _dumps(site: Site) -> list[PlannedStep]:
    """Of its databases, beside those that the clock makes. They only read, so they wait for nobody."""
    placed = site.databases.filter(placed=True, host__isnull=False).select_related("host").order_by("pk")
    return [
        PlannedStep("hosting.dump_database", database.host.name, {"database": database.pk, "label": DUMP})
        for database in placed
        if database.host is not None and database.host.state != HostState.FENCED
    ]


@register
class CutSite(Plan):
    """``{"site": id, "name", "revision"}``. For a site that something else is being done with: it waits for nothing."""

    kind = "hosting.cut_site"
    title = _("Cut the site %(name)s off at once")

    def stages(self, params: Params) -> Stages:
        site = _load(params)
        return [_cut(site)] if site.quarantined else []

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve(f"cut:{params['site']}")]


@register
class OpenRoom(SitePlan):
    kind = "hosting.open_room"
    title = _("Open the clean room of %(name)s")

    def stages(self, params: Params) -> Stages:
        site = _load(params)
        return [
            _on_hosts("hosting.room_on_web", site, hosts_of(site, leaving=False)),
            _on_edges("hosting.room_on_edge", site),
        ]


@register
class CloseRoom(SitePlan):
    kind = "hosting.close_room"
    title = _("Close the clean room of %(name)s")

    def stages(self, params: Params) -> Stages:
        site = _load(params)
        return [
            _on_edges("hosting.room_on_edge", site),
            _on_hosts("hosting.room_on_web", site, hosts_of(site, leaving=False)),
        ]


@register
class ReleaseSite(SitePlan):
    """``{…, "quarantine": id, "logins": [ids]}``. Its host first: who is let in by an edge finds the site."""

    kind = "hosting.release_site"
    title = _("Let the site %(name)s out of quarantine")

    def stages(self, params: Params) -> Stages:
        site = _load(params)
        return [
            _on_hosts("hosting.free_on_web", site, hosts_of(site, leaving=False)),
            _on_edges("hosting.open_on_edge", site) + _ensure(params["logins"]),
            _probes(site),
        ]

    def on_cancel(self, operation: Operation) -> None:
        site = Site.objects.get(pk=operation.params["site"])
        quarantine = Quarantine.objects.filter(pk=operation.params["quarantine"]).first()
        if quarantine is None or services.back_to_quarantine(site, quarantine) is None:
            super().on_cancel(operation)
