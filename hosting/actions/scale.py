"""Steps of scaling: further web hosts get the site, edges spread its visitors, and hosts are left without losing any.

Everything up to the edges can be taken back. Once the first host has begun to let the site go, nothing is: then the
site is on its new hosts, and what is left of the old ones is taken away by the next change.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import Call, HostAction
from controlpanel.fleet.desired import Resource
from controlpanel.fleet.models import Host
from controlpanel.operations.errors import NotNow, Refused, add_messages
from controlpanel.operations.futures import answered
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import register
from routing import desired as routing_desired
from routing import plans as routing
from storage import plans as storage_plans
from storage import services as storage
from storage.errors import StorageError

from .. import desired, services
from ..models import Site
from ..scaling import Size
from .sites import PlaceOnWeb, RemoveFromWeb, UpdateOnWeb

add_messages(
    {
        "volume_not_free": _("The site's volume cannot be given to another host now: %(reason)s"),
        "draining": _("%(host)s still has %(count)s requests under way there. They may end; it is asked again."),
    }
)

#: Requests that take longer than this are not waited for; nginx's old processes would end then too.
DRAIN = timedelta(minutes=15)
#: Seconds that an edge waits for the last request before it answers.
_WAIT = 5


def _site(step: Step) -> Site:
    return Site.objects.select_related("host", "volume__pool__host").get(pk=step.args["site"])


def size_in(operation: Operation, name: str) -> Size:
    """The size ``before`` or ``after`` of the operation."""
    return Size.from_params(operation.params[name])


def is_final(operation: Operation) -> bool:
    """Whether a host has begun to let the site go: there is no way back then, also not in another try."""
    return Operation.objects.filter(pk=operation.pk, params__final=True).exists()


class Reversible:
    """Taken back only while that is possible."""

    def intend_undo(self, step: Step) -> None:
        if not is_final(step.operation):
            self.take_back(step)

    def take_back(self, step: Step) -> None:
        """Write what the undo is to bring about."""

    def submit_undo(self, step: Step) -> "Future[dict[str, Any]]":
        if is_final(step.operation):
            return answered({"kept": True})
        return super().submit_undo(step)  # type: ignore[misc]

    def confirm_undo(self, step: Step, answer: dict[str, Any]) -> None:
        if not is_final(step.operation):
            super().confirm_undo(step, answer)  # type: ignore[misc]


@register
class GrantHosts(Reversible, storage_plans.Provision):
    """Args: ``{"site": id, "volume": id, "grant": names for the reader, "undo": "revoke"}``."""

    name = "hosting.grant_hosts"
    title = _("Let %(grant)s have the site's volume too")

    def intend(self, step: Step) -> None:
        site = _site(step)
        if site.volume is None:
            raise Refused("volume_not_free", {"reason": "–"})
        for host in Host.objects.filter(name__in=step.operation.params["adding"]).order_by("name"):
            if site.volume.attachments.filter(host=host, leaving=False, fenced=None).exists():
                continue
            try:
                storage.begin_attach(site.volume, host, site.path)
            except StorageError as error:
                raise Refused("volume_not_free", {"reason": str(error)}) from error


@register
class PlaceFurther(Reversible, PlaceOnWeb):
    """Args: ``{"site": id}``. The site on one more web host."""

    name = "hosting.place_further"

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        site, host = _site(step), Host.objects.get(name=step.host)
        if site.volume:
            storage.mark_attached(site.volume, host)
        site.placements.filter(host=host).update(placed=True)


@register
class LimitOnWeb(Reversible, UpdateOnWeb):
    """Args: ``{"site": id}``. Its limits, while it runs."""

    name = "hosting.limit_on_web"
    title = _("Set the site's limits on %(host)s")
    undoable = True

    def undo_resources(self, step: Step) -> Sequence[Resource]:
        site = _site(step)
        for name, value in size_in(step.operation, "before").limits.items():
            setattr(site, name, value)
        return [desired.site_resource(site)]

    def confirm_undo(self, step: Step, answer: dict[str, Any]) -> None:
        pass


@register
class Settle(HostAction):
    """Args: ``{"site": id}``. No process of the web server answers from before the site came."""

    name = "hosting.settle_web"
    title = _("Wait until %(host)s answers for the site")

    def request(self, step: Step) -> Call:
        return Call("web.settle", timeout=30)


@register
class Spread(Reversible, routing.Publish):
    """Args: ``{"site": id}``. An edge learns on which web hosts the site is; undone, on which it was."""

    name = "hosting.spread"
    title = _("Tell %(host)s on which web hosts the site is")

    def intend(self, step: Step) -> None:
        params = step.operation.params
        services.switch(step.args["site"], size_in(step.operation, "after"), params["adding"], params["removing"])

    def take_back(self, step: Step) -> None:
        before = size_in(step.operation, "before")
        services.switch_back(step.args["site"], before, step.operation.params["adding"])

    def undo_resources(self, step: Step) -> Sequence[Resource]:
        return routing_desired.site_resources(step.args["site"])

    def confirm_undo(self, step: Step, answer: dict[str, Any]) -> None:
        pass


@register
class Drain(HostAction):
    """Args: ``{"site": id, "hosts": [names]}``. Requests that this edge has sent there before may end."""

    name = "hosting.drain_edge"
    title = _("Let the requests end that came through %(host)s")

    def request(self, step: Step) -> Call:
        args = {"site": step.args["site"], "hosts": step.args["hosts"], "wait": _WAIT}
        return Call("edge.under_way", args, timeout=_WAIT + 15)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        count = sum(answer["requests"].values())
        if count and step.started and timezone.now() - step.started < DRAIN:
            raise NotNow("draining", {"host": step.host, "count": count})

    def on_skip(self, step: Step) -> None:
        """Nothing was to be changed there."""


@register
class LeaveHost(RemoveFromWeb):
    """Args: ``{"site": id}``. A host that visitors are no longer sent to lets the site go."""

    name = "hosting.leave_host"

    def intend(self, step: Step) -> None:
        Operation.objects.filter(pk=step.operation_id).update(params={**step.operation.params, "final": True})
        site = _site(step)
        here = site.placements.filter(host__name=step.host)
        here.update(serving=False, leaving=True)
        if site.volume:
            for attachment in site.volume.attachments.filter(host__name=step.host, fenced=None).select_related("host"):
                storage.begin_detach(site.volume, attachment.host)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        super().confirm(step, answer)
        _site(step).placements.filter(host__name=step.host).delete()
