"""Steps of a move on the edges: visitors wait, requests under way end, visitors go to the new host, a look at the end.

An edge that does not answer holds up nobody: the step is passed over and says so, and the edge gets a full resync when
it is back, before which it is not trusted.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import Call, HostAction
from controlpanel.fleet.desired import Resource
from controlpanel.fleet.models import Host
from controlpanel.operations.errors import PassedOver, Refused
from controlpanel.operations.futures import answered
from controlpanel.operations.models import Step
from controlpanel.operations.registry import register
from routing import desired as routing_desired
from routing import plans as routing
from routing import selectors as routing_selectors
from routing import services as routing_services
from routing.choices import Mode

from ..models import Site
from ..services.moves import DRAIN
from .moves import MoveStep, impatient, sites_of

#: Seconds that an edge gets for a change: others' visitors wait meanwhile.
PATIENCE = 6.0


def passing(future: "Future[dict[str, Any]]", step: Step) -> "Future[dict[str, Any]]":
    """The same, but passed over when the edge is known to be away or was tried twice."""
    known = not Host.objects.filter(name=step.host, reachable=True).exists()
    instead = PassedOver("host_away", {"host": step.host})
    return impatient(future, step, instead, tries=2, known_away=known)


class EdgeStep(MoveStep):
    """One stage: all edges. ``intend`` writes where the sites are and in which mode; each edge is told that."""

    undoable = True
    superseded = routing.OnEdge.superseded

    def request(self, step: Step) -> Call:
        call = super().request(step)
        return Call(call.name, call.args, PATIENCE + 0.2 * len(step.args["sites"]))

    def resources(self, step: Step) -> Sequence[Resource]:
        return [routing_desired.base_resource(), *_routes(step)]

    def undo_resources(self, step: Step) -> Sequence[Resource]:
        return _routes(step)

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return passing(super().submit(step), step)

    def submit_undo(self, step: Step) -> "Future[dict[str, Any]]":
        return passing(super().submit_undo(step), step)

    def on_skip(self, step: Step) -> None:
        HostAction.on_skip(self, step)


@register
class Hold(EdgeStep):
    """New requests wait at the edge. Taken back: they go to the source."""

    name = "hosting.move_hold"
    title = _("Let visitors wait on %(host)s for a moment")

    def intend(self, step: Step) -> None:
        _point(step, step.args["source"], hold=True)

    def intend_undo(self, step: Step) -> None:
        _point(step, step.args["source"])


@register
class Switch(EdgeStep):
    """Those that waited, and all after them, go to the target. Taken back: they wait again."""

    name = "hosting.move_switch"
    title = _("Send visitors on %(host)s to %(target)s")

    def intend(self, step: Step) -> None:
        _point(step, step.args["target"])

    def intend_undo(self, step: Step) -> None:
        _point(step, step.args["target"], hold=True)


@register
class Drain(HostAction):
    """Requests that the edge has sent to the source end there, within DRAIN seconds."""

    name = "hosting.move_drain"
    title = _("Let requests under way through %(host)s end")

    def request(self, step: Step) -> Call:
        args = {"sites": step.args["sites"], "host": step.args["source"], "wait": DRAIN}
        return Call("edge.drain", args, timeout=DRAIN + 5)

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return passing(super().submit(step), step)


@register
class Look(routing.Probe):
    """Args: ``{"site": id, "name": its main name, "target": host}``. As any probe, but it does not wait for ever."""

    name = "hosting.move_look"
    title = _("See through %(host)s that %(name)s answers")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        wanted = Site.objects.filter(pk=step.args["site"], enabled=True, suspended=False)
        if not wanted.filter(domains__name=step.args["name"]).exists():
            return answered({"superseded": True})  # changed meanwhile: that change's own operation looks
        return passing(super().submit(step), step)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        if answer.get("superseded"):
            return
        if step.attempts < routing.TRIES:
            super().confirm(step, answer)
            return
        site_id = step.args["site"]
        if answer.get("status") != 200 or str(answer.get("body", "")).strip() != f"site {site_id}":
            params = {"host": step.host, "name": step.args["name"]}
            raise Refused("wrong_answer", params, f"{answer.get('status')} {answer.get('error')}\n{answer.get('body')}")
        super().confirm(step, answer)


def _routes(step: Step) -> list[Resource]:
    return routing_desired.site_routes_of(step.args["sites"])


def _point(step: Step, host: str, hold: bool = False) -> None:
    """Say where the sites are, and whether their visitors wait. Who gets a page anyway (disabled, …) gets that."""
    place = Host.objects.get(name=host)
    for site in sites_of(step):
        backend = routing_selectors.backend_of(site.pk)
        if backend is None:
            continue
        mode = backend.mode
        if mode == Mode.HOLD:
            mode = Mode(site.mode)
        routing_services.set_backend(site.pk, place, Mode.HOLD if hold and mode == Mode.NORMAL else mode)
