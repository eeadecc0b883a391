"""Steps of hosting: what is done on web hosts, and the look from outside at the end."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import ApplyAction
from controlpanel.fleet.choices import HostState
from controlpanel.fleet.desired import Resource
from controlpanel.operations.errors import HostAway, add_messages
from controlpanel.operations.futures import answered
from controlpanel.operations.models import Step
from controlpanel.operations.registry import register
from routing import plans as routing
from storage import services as storage

from .. import desired
from ..choices import SiteState
from ..models import Site

add_messages(
    {
        "storage_full": _("The storage is full, so %(host)s could not set the site up. Staff must make room first."),
    }
)


def _site(step: Step) -> Site:
    sites = Site.objects.select_related("host", "volume").prefetch_related("domains")
    return sites.get(pk=step.args["site"])


class OnWeb(ApplyAction):
    """Another operation may have told the host of newer edges."""

    superseded = frozenset({"nginx"})


@register
class PlaceOnWeb(OnWeb):
    """Args: ``{"site": id}``. Its volume is mounted and the site set up on top of it, in one batch."""

    name = "hosting.place_on_web"
    title = _("Set the site up on %(host)s")
    undoable = True

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.base_resource(), *desired.on_host([_site(step)], step.host)]

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        site = _site(step)
        if site.volume and site.host:
            storage.mark_attached(site.volume, site.host)
        Site.objects.filter(pk=site.pk).update(placed=True)

    def undo_resources(self, step: Step) -> Sequence[Resource]:
        return desired.on_host([_site(step)], step.host, present=False)

    def confirm_undo(self, step: Step, answer: dict[str, Any]) -> None:
        _confirm_away(step)


@register
class UpdateOnWeb(ApplyAction):
    """Args: ``{"site": id}``. The site as it should be now; its mount stays as it is."""

    name = "hosting.update_on_web"
    title = _("Change the site on %(host)s")

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.site_resource(_site(step))]


@register
class RemoveFromWeb(ApplyAction):
    """Args: ``{"site": id}``. The site's programs stop, its volume is unmounted."""

    name = "hosting.remove_from_web"
    title = _("Take the site off %(host)s")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        """A host that is cut off, confirmed by the storage, has nothing of the site any more: it need not be asked."""
        site = _site(step)
        if site.host is None or site.host.name != step.host or site.host.state != HostState.FENCED:
            return super().submit(step)
        if site.volume and site.volume.attachments.filter(host=site.host, fenced=None).exists():
            raise HostAway(step.host, "fenced, not confirmed yet")
        return answered({"fenced": True})

    def resources(self, step: Step) -> Sequence[Resource]:
        return desired.on_host([_site(step)], step.host, present=False)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        _confirm_away(step)


def _confirm_away(step: Step) -> None:
    """The host has let go; storage may take its access away now."""
    site = _site(step)
    if site.volume:
        for attachment in site.volume.attachments.filter(host__name=step.host, fenced=None).select_related("host"):
            storage.begin_detach(site.volume, attachment.host)  # an undo has not said so before
            storage.mark_detached(site.volume, attachment.host)
    site.placements.filter(host__name=step.host).update(placed=False, serving=False)
    Site.objects.filter(pk=site.pk, host__name=step.host).update(placed=False)


@register
class SyncWebHost(OnWeb):
    """No args: the web server's own configuration."""

    name = "hosting.sync_web_host"
    title = _("Tell %(host)s which edges there are")

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.base_resource()]


@register
class Probe(routing.Probe):
    """Args: ``{"site": id, "name": its main name}``.

    Only the newest change of a site is looked at from outside: after it was changed again (another main name, disabled)
    that change's own operation looks, and this one would wait for something that nobody wants any more.
    """

    name = "hosting.probe"

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return super().submit(step) if self._is_newest(step) else answered({"superseded": True})

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        if self._is_newest(step):
            super().confirm(step, answer)

    @staticmethod
    def _is_newest(step: Step) -> bool:
        revision = step.operation.params["revision"]
        site = Site.objects.filter(
            pk=step.args["site"], revision=revision, enabled=True, suspended=False, quarantined=False
        )
        return site.exclude(state__in=(SiteState.DELETING, SiteState.DELETED, SiteState.PURGING)).exists()
