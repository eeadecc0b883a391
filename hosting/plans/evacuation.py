"""An evacuation: batches of moves, each an operation of its own, the most important first, one at a time to each host.

Children, not one long operation: each batch has its own way back, so what goes wrong with one stops no other; a site is
reserved only while it is moved; and no step ever needs more than a batch in memory. Cancelling it calls the batches off
that are under way, and begins no more; what has moved stays moved.
"""

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.models import Host
from controlpanel.operations import services as operations
from controlpanel.operations.choices import UNFINISHED
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import Params, Plan, PlannedStep, Reserve, Stages, register

from .. import evacuating
from ..actions import evacuation


@register
class EvacuateHost(Plan):
    """``{"host": name, "reason": why}``."""

    kind = "hosting.evacuate_host"
    title = _("Move everything off %(host)s")
    steered_by_staff = True

    def stages(self, params: Params) -> Stages:
        found = evacuating.plan(Host.objects.get(name=params["host"]))
        stages: list[list[PlannedStep]] = []
        if found.several:
            args = {"sites": found.several, "count": len(found.several)}
            stages.append([PlannedStep("hosting.leave_several", args=args)])
        for turn in found.rounds:
            args_of = [{"sites": list(sites), "target": target, "count": len(sites)} for target, sites in turn.batches]
            stages.append([PlannedStep("hosting.start_batch", args=args) for args in args_of])
            stages.append([PlannedStep("hosting.await_batch", args=args) for args in args_of])
        return [*stages, [PlannedStep("hosting.evacuation_report", args={"target": params["host"]})]]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve(f"evacuation:{params['host']}")]

    def on_cancel(self, operation: Operation) -> None:
        for child in evacuation.children(operation).filter(state__in=UNFINISHED):
            operations.cancel(child)

    def on_retry(self, operation: Operation) -> None:
        """With what is there now."""
        operations.write_steps(operation)
