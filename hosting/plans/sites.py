"""Operations on sites, as stages. Pure functions of the database, so the same code previews and does the work.

All carry ``{"site": id, "name": what people call it, "revision": the intent they carry out}``. A site's state follows
the operation of its newest revision only: an older one that ends late changes nothing.
"""

from datetime import timedelta
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.choices import HostState, Role
from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import Params, Plan, PlannedStep, Reserve, Stages, register
from controlpanel.operations.services import NotPossible
from routing import edge_rules, issuing
from routing import plans as routing
from routing import selectors as routing_selectors
from routing import services as routing_services
from storage.choices import VolumeState
from storage.errors import StorageError

from .. import actions as _actions  # noqa: F401 (registers them)
from .. import places, services
from ..choices import SiteState
from ..errors import HostingError
from ..models import Site
from ..names import Names


class SitePlan(Plan):
    """What all of them share."""

    #: State of the site while the operation is under way.
    meanwhile: ClassVar[SiteState] = SiteState.UPDATING

    def reservations(self, params: Params) -> list[Reserve]:
        site = Site.objects.select_related("volume").prefetch_related("domains").get(pk=params["site"])
        names = {*Names.of(site).all, *params.get("removed", [])}
        return [
            Reserve(f"site:{site.pk}"),
            *([Reserve(f"volume:{site.volume.pk}")] if site.volume else []),
            # A name that goes to another site at once: that site's operation waits until edges no longer know it here.
            *(Reserve(f"domain:{name}") for name in sorted(names)),
        ]

    def on_success(self, operation: Operation) -> None:
        site = Site.objects.get(pk=operation.params["site"])
        _settle(operation, resting_state(site))
        _follow(operation)

    def on_failure(self, operation: Operation) -> None:
        _settle(operation, SiteState.FAILED)

    def on_cancel(self, operation: Operation) -> None:
        _settle(operation, SiteState.FAILED)

    def on_retry(self, operation: Operation) -> None:
        if not _settle(operation, self.meanwhile):
            raise NotPossible(_("The site has been changed since then, so this is not repeated."))


def resting_state(site: Site) -> SiteState:
    """The state of a site with which nothing is being done."""
    if site.quarantined:
        return SiteState.QUARANTINED
    return SiteState.ACTIVE if site.open else SiteState.DISABLED


def _settle(operation: Operation, state: SiteState, **fields: Any) -> bool:
    """Set the site's state, unless there is a newer intent; returns whether."""
    newest = Site.objects.filter(pk=operation.params["site"], revision=operation.params["revision"])
    return bool(newest.exclude(state=SiteState.DELETED).update(state=state, **fields))


def _follow(operation: Operation) -> None:
    """Edges know the site's names now, so authorities find them there (or no longer)."""
    name = operation.params["name"]
    issuing.follow(operation.params["site"], name=name, scopes=operation.scopes, actor=operation.requested_by)


def _load(params: Params) -> Site:
    sites = Site.objects.select_related("host", "volume__pool__host").prefetch_related("domains")
    return sites.get(pk=params["site"])


def _on_web(action: str, site: Site) -> list[PlannedStep]:
    """One stage, on every host of the site."""
    return [PlannedStep(action, host.name, {"site": site.pk}) for host in places.hosts_of(site)]


def _on_storage(action: str, site: Site) -> list[PlannedStep]:
    volume = site.volume
    if volume is None or volume.state == VolumeState.ABSENT:
        return []
    return [PlannedStep(action, volume.pool.host.name, {"volume": volume.pk})]


def _probes(site: Site) -> list[PlannedStep]:
    args = {"site": site.pk, "name": site.primary}
    return [PlannedStep("hosting.probe", edge.name, args) for edge in routing_selectors.edges()] if site.answers else []


def _provision_steps(site: Site, undo: str) -> list[PlannedStep]:
    if site.host is None or site.volume is None:
        raise ValueError(f"{site} was not placed")  # the service does that, in the transaction that starts the plan
    volume = {"volume": site.volume.pk, "grant": site.host.name, "undo": undo}
    return [
        PlannedStep("members.ensure_site_identity", args={"site": site.pk}),
        PlannedStep("storage.provision", site.volume.pool.host.name, volume),
    ]


def _bring_up(site: Site, undo: str) -> list[list[PlannedStep]]:
    """From nothing on any host to a site that answers through every edge. ``undo``: what becomes of its volume then."""
    return [
        _provision_steps(site, undo),
        _on_web("hosting.place_on_web", site),
        routing.publish_steps(site.pk),
        _probes(site),
    ]


class BringUpPlan(SitePlan):
    """All or nothing: what fails is taken back, so that a retry starts from nothing, on a host of that day."""

    undo_on_failure = True
    meanwhile = SiteState.CREATING

    def on_retry(self, operation: Operation) -> None:
        super().on_retry(operation)
        try:
            services.place_again(_load(operation.params))
        except (HostingError, StorageError) as error:
            raise NotPossible(str(error)) from error


@register
class CreateSite(BringUpPlan):
    kind = "hosting.create_site"
    title = _("Create the site %(name)s")

    def stages(self, params: Params) -> Stages:
        return _bring_up(_load(params), undo="trash")

    def on_cancel(self, operation: Operation) -> None:
        """Nothing of it is left on hosts, so there is nothing to keep, and its names are free again."""
        site = Site.objects.prefetch_related("domains").get(pk=operation.params["site"])
        if _settle(operation, SiteState.DELETED, purge_after=timezone.now(), host=None, **_former(site)):
            site.domains.all().delete()
            routing_services.remove(site.pk)


@register
class RestoreSite(BringUpPlan):
    kind = "hosting.restore_site"
    title = _("Restore the site %(name)s")

    def stages(self, params: Params) -> Stages:
        return _bring_up(_load(params), undo="revoke")


@register
class EditSite(SitePlan):
    """The web host first: by the time an edge sends somebody there for a new name, it knows the name."""

    kind = "hosting.edit_site"
    title = _("Change the site %(name)s")

    def stages(self, params: Params) -> Stages:
        site = _load(params)
        return [_on_web("hosting.update_on_web", site), routing.publish_steps(site.pk), _probes(site)]


@register
class DisableSite(SitePlan):
    """Edges first: visitors see the page that says so, not one that failed."""

    kind = "hosting.disable_site"
    title = _("Disable the site %(name)s")

    def stages(self, params: Params) -> Stages:
        site = _load(params)
        return [routing.publish_steps(site.pk), _on_web("hosting.update_on_web", site)]


@register
class EnableSite(SitePlan):
    kind = "hosting.enable_site"
    title = _("Enable the site %(name)s")

    def stages(self, params: Params) -> Stages:
        site = _load(params)
        return [_on_web("hosting.update_on_web", site), routing.publish_steps(site.pk), _probes(site)]


@register
class DeleteSite(SitePlan):
    """Off the edges, off its host, and its volume into the trash: no host may reach it, and it is kept for a while."""

    kind = "hosting.delete_site"
    title = _("Delete the site %(name)s")
    meanwhile = SiteState.DELETING

    def stages(self, params: Params) -> Stages:
        site = _load(params)
        # A fenced host can no longer write, and gets a full resync before it serves again.
        fenced = {host.name for host in places.hosts_of(site) if host.state == HostState.FENCED}
        return [
            routing.unpublish_steps(site.pk),
            [step for step in _on_web("hosting.remove_from_web", site) if step.host not in fenced],
            _on_storage("storage.trash", site),
        ]

    def on_success(self, operation: Operation) -> None:
        site = Site.objects.prefetch_related("domains").get(pk=operation.params["site"])
        if _settle(operation, SiteState.DELETED, host=None, placed=False, dedicated=False, **_former(site)):
            site.domains.all().delete()
            site.placements.all().delete()
        _follow(operation)


@register
class PurgeSite(SitePlan):
    """The last of a site whose volume has left the trash."""

    kind = "hosting.purge_site"
    title = _("Remove the deleted site %(name)s for good")
    meanwhile = SiteState.PURGING

    def stages(self, params: Params) -> Stages:
        return [[PlannedStep("members.remove_site_identity", args={"site": params["site"]})]]

    def on_success(self, operation: Operation) -> None:
        purged = Site.objects.filter(pk=operation.params["site"], state=SiteState.PURGING)
        for site in purged:
            services.forget_quarantines(site)
        edge_rules.forget([site.pk for site in purged])
        purged.delete()

    def on_failure(self, operation: Operation) -> None:
        """Tried again tomorrow."""
        _settle(operation, SiteState.DELETED, purge_after=timezone.now() + timedelta(days=1))

    on_cancel = on_failure


@register
class SyncWebHosts(Plan):
    """No params."""

    kind = "hosting.sync_web_hosts"
    title = _("Tell the web hosts which edges there are")

    def stages(self, params: Params) -> Stages:
        hosts = Host.objects.filter(roles__contains=[Role.WEB.value]).order_by("name")
        return [[PlannedStep("hosting.sync_web_host", host.name) for host in hosts]]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve("hosting:web_hosts")]


def _former(site: Site) -> dict[str, Any]:
    names = Names.of(site)
    return {"former_names": {"served": list(names.served), "redirects": list(names.redirects)}} if names.served else {}
