"""Taking and dropping snapshots."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import Call
from controlpanel.operations.errors import NotNow, add_messages
from controlpanel.operations.models import Step
from controlpanel.operations.registry import Params, Plan, PlannedStep, Reserve, Stages, register

from .. import snapshots
from ..choices import SnapshotState
from ..drivers import driver_of
from ..models import Pool, Snapshot
from .base import StorageStep, pool_driver

add_messages(
    {"snapshots_left": _("%(host)s could not take or delete %(count)s of the snapshots. They are tried again.")}
)


@register
class TakeSnapshot(StorageStep):
    """Args: ``{"snapshot": id}``, planned by ``snapshots.plan_snapshot``."""

    name = "storage.snapshot"
    title = _("Take a snapshot of the files")

    def request(self, step: Step) -> Call:
        snapshot = _snapshot(step)
        return driver_of(snapshot.volume.pool).snapshot(snapshot.volume, snapshot.name)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        snapshots.mark_taken(_snapshot(step))


def _snapshot(step: Step) -> Snapshot:
    return Snapshot.objects.select_related("volume__pool__host").get(pk=step.args["snapshot"])


@register
class RotateSnapshots(StorageStep):
    """Args: ``{"pool": id, "take": [snapshot ids], "drop": [snapshot ids]}``: many in one call."""

    name = "storage.rotate_snapshots"
    title = _("Take the regular snapshots on %(host)s, and delete old ones")
    #: Tries of those that the storage could not take or drop.
    tries = 3

    def request(self, step: Step) -> Call:
        return pool_driver(step).rotate_snapshots(_rows(step, "take"), _rows(step, "drop"))

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        done = {(item["volume"], item["name"]) for item in answer["done"]}
        for snapshot in _rows(step, "take"):
            if (snapshot.volume.name, snapshot.name) in done:
                snapshots.mark_taken(snapshot)
        snapshots.mark_dropped([one.pk for one in _rows(step, "drop") if (one.volume.name, one.name) in done])
        answer["done"] = len(done)
        if answer["failed"] and step.attempts < self.tries:
            output = "\n".join(f"{item['volume']} {item['name']}: {item['reason']}" for item in answer["failed"][:20])
            raise NotNow("snapshots_left", {"host": step.host, "count": len(answer["failed"])}, output)


def _rows(step: Step, key: str) -> list[Snapshot]:
    """Those of the step that are still to be taken or dropped."""
    state = SnapshotState.PLANNED if key == "take" else SnapshotState.DROPPING
    return list(Snapshot.objects.filter(pk__in=step.args[key], state=state).select_related("volume").order_by("pk"))


@register
class RotateSnapshotsPlan(Plan):
    """``{"pool": id, "name": its name, "take": [snapshot ids], "drop": [snapshot ids]}``."""

    kind = "storage.rotate_snapshots"
    title = _("Regular snapshots in %(name)s")

    def stages(self, params: Params) -> Stages:
        pool = Pool.objects.select_related("host").get(pk=params["pool"])
        args = {"pool": pool.pk, "take": params["take"], "drop": params["drop"]}
        return [[PlannedStep("storage.rotate_snapshots", pool.host.name, args)]]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve(f"snapshots:{params['pool']}")]
