"""Steps on web hosts: the ways of their sites to databases."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import ApplyAction
from controlpanel.fleet.choices import HostState
from controlpanel.fleet.desired import Resource
from controlpanel.fleet.models import Host
from controlpanel.operations.errors import HostAway, PassedOver
from controlpanel.operations.futures import with_trouble
from controlpanel.operations.models import Step
from controlpanel.operations.registry import PlannedStep, register

from ..databases import desired, servers
from ..models import Database, Site


def gate_steps(action: str, database: Database) -> list[PlannedStep]:
    """One stage: something on every web host."""
    return [PlannedStep(action, host.name, {"database": database.pk}) for host in servers.gate_hosts()]


def load(step: Step) -> Database:
    rows = Database.objects.select_related("host", "moving_to", "copy_host").prefetch_related("users")
    return rows.get(pk=step.args["database"])


class GateAction(ApplyAction):
    """Args: ``{"database": id}``.

    A web host that does not answer, and has no site that could ask for this database, keeps nobody waiting: it gets its
    whole state when it is back, before it is trusted again. So does one that is fenced.
    """

    superseded = frozenset({"database_gate"})  # somebody else may have told it of a newer authority

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return self._unless_away(step, super().submit)

    def submit_undo(self, step: Step) -> "Future[dict[str, Any]]":
        return self._unless_away(step, super().submit_undo)

    def _unless_away(self, step: Step, submit: "Callable[[Step], Future[dict[str, Any]]]") -> "Future[dict[str, Any]]":
        if Host.objects.filter(name=step.host, state=HostState.FENCED).exists():
            raise PassedOver("host_fenced", {"host": step.host})
        future = submit(step)
        needs_it = Site.objects.filter(order__databases=step.args["database"], host__name=step.host)
        return future if needs_it.exists() else with_trouble(future, _passed_over)


def _passed_over(error: BaseException) -> BaseException:
    return PassedOver(error.code, error.params, error.output) if isinstance(error, HostAway) else error


@register
class OpenGate(GateAction):
    """The way to the database, to where it is now."""

    name = "hosting.open_gate"
    title = _("Show sites on %(host)s the way to the database")
    undoable = True

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.gate_resource(), desired.route_resource(load(step))]

    def undo_resources(self, step: Step) -> Sequence[Resource]:
        return [desired.route_resource(load(step), present=False)]


@register
class CloseGate(GateAction):
    """No way to the database any more."""

    name = "hosting.close_gate"
    title = _("Take the way to the database off %(host)s")

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.route_resource(load(step), present=False)]


@register
class SyncGate(GateAction):
    """No args."""

    name = "hosting.sync_gate"
    title = _("Tell %(host)s how to know database servers")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return ApplyAction.submit(self, step)

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.gate_resource()]
