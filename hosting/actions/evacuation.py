"""Steps of an evacuation: they start the batches' own operations, wait for their ends, and look what is left.

None speaks to a host. What a batch does, and its way back, are its operation's (``plans/moves.py``).
"""

from concurrent.futures import Future
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.models import Host
from controlpanel.operations.choices import FINISHED, UNFINISHED, OperationState
from controlpanel.operations.errors import NotNow, Refused, add_messages, explain
from controlpanel.operations.futures import answered
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import Action, Params, register

from .. import evacuating
from ..errors import HostingError
from ..models import Site
from ..services import moves, scale

add_messages(
    {
        "batch_under_way": _("They are just being moved."),
        "not_empty": _("Some sites are still on %(host)s: %(count)s. Each one's reason stands below."),
    }
)

#: Left sites that are listed, at most.
LISTED = 100


class _Here(Action):
    """A step that needs only the database."""

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return answered({})


@register
class StartBatch(_Here):
    """Args: ``{"sites": [ids], "target": host, "count": how many}``. What cannot be moved any more is left out."""

    name = "hosting.start_batch"
    title = _("Begin to move %(count)s sites to %(target)s")

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        child = start_batch(step.operation, step.args["sites"], Host.objects.get(name=step.args["target"]))
        if child is not None:
            answer["operation"] = child.pk


def start_batch(parent: Operation, sites: list[int], target: Host) -> Operation | None:
    """A batch's own operation, which knows that it belongs to this evacuation."""
    reason = parent.params.get("reason", "")
    child = moves.move_batch(sites, target, parent.requested_by, reason, parent.requested_from)
    if child is not None:
        child.params["parent"] = parent.pk
        child.save(update_fields=["params"])
    return child


def children(operation: Operation) -> QuerySet[Operation]:
    """An evacuation's batches."""
    return Operation.objects.filter(kind="hosting.move_site", params__parent=operation.pk).order_by("pk")


@register
class AwaitBatch(_Here):
    """Args: those of the start, and ``{"start": position of that step}``."""

    name = "hosting.await_batch"
    title = _("%(count)s sites are moved to %(target)s")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        child = batch_of(step)
        if child is None:
            return answered({})
        if child.state not in FINISHED:
            raise NotNow("batch_under_way", {"operation": child.pk})
        return answered({"operation": child.pk, "state": child.state, "detail": explain(child.error)})

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        """Of a batch that failed only one may be to blame: each for itself, where there is room by now."""
        if answer.get("state") != OperationState.FAILED or len(step.args["sites"]) < 2:
            return
        parent = step.operation
        sites = list(Site.objects.filter(pk__in=step.args["sites"], host__name=parent.params["host"]).order_by("pk"))
        targets = moves.assign(sites, avoid=[parent.params["host"]])
        for site in sites:
            if site.pk in targets:
                start_batch(parent, [site.pk], targets[site.pk])


def batch_of(step: Step) -> Operation | None:
    """The operation that was started for these sites; None when there was nothing to move."""
    same = Step.objects.filter(operation=step.operation_id, action=StartBatch.name, args__sites=step.args["sites"])
    started = same.first()
    return Operation.objects.filter(pk=started.answer.get("operation", 0)).first() if started else None


@register
class LeaveSeveral(_Here):
    """Args: ``{"sites": [ids], "count"}``. Sites that other hosts serve too only leave this one."""

    name = "hosting.leave_several"
    title = _("Take %(count)s sites off that other hosts serve as well")

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        host = Host.objects.get(name=step.operation.params["host"])
        troubles = {}
        for site in Site.objects.filter(pk__in=step.args["sites"]):
            try:
                scale.leave_host(step.operation.requested_by, site, host)
            except HostingError as error:
                troubles[str(site.pk)] = error.text
        answer["troubles"] = troubles


@register
class Report(_Here):
    """Fails when something is left, and says what and why."""

    name = "hosting.evacuation_report"
    title = _("See that nothing is left on %(name)s")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        host = Host.objects.get(name=step.operation.params["host"])
        if children(step.operation).filter(state__in=UNFINISHED).exists():
            raise NotNow("batch_under_way")
        left = evacuating.still_on(host)
        if not left:
            return answered({"left": 0})
        if step.attempts < 8 and any(site.state == "updating" for site in left):
            raise NotNow("batch_under_way")  # those on several hosts are just leaving
        names = [f"{site.name}: {self._why(step, site)}" for site in left[:LISTED]]
        raise Refused("not_empty", {"host": host.name, "count": len(left)}, "\n".join(names))

    @staticmethod
    def _why(step: Step, site: Site) -> str:
        child = children(step.operation).filter(params__sites__contains=[site.pk]).last()
        if child is None:
            return str(_("no other host has room for it, or it could not be moved as it is."))
        return explain(child.error) or child.get_state_display()

    def describe(self, args: Params) -> str:
        return str(self.title) % {"name": args.get("target", "?")}
