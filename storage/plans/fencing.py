"""Cutting a host off from all storage, and letting it in again."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet import services as fleet
from controlpanel.fleet.actions import ApplyAction, Call, HostAction
from controlpanel.fleet.desired import Resource
from controlpanel.fleet.models import Host
from controlpanel.operations.choices import StepState
from controlpanel.operations.errors import Refused
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import Params, Plan, PlannedStep, Reserve, Stages, register

from .. import desired, selectors, services
from ..models import Volume
from .base import StorageApply, StorageStep, credentials_of, pool_driver


@register
class FenceHost(StorageStep):
    """Args: ``{"pool": id, "target": host name}``. Done only when the storage says that it is done."""

    name = "storage.fence_host"
    title = _("Cut %(target)s off from the volumes of %(host)s")

    def request(self, step: Step) -> Call:
        return pool_driver(step).fence_host(Host.objects.get(name=step.args["target"]))

    def check(self, answer: dict[str, Any], host: str) -> dict[str, Any]:
        if answer.get("confirmed") is not True:
            raise Refused("fence_unconfirmed", {"host": host})
        return answer

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        services.mark_host_fenced(pool_driver(step).pool, Host.objects.get(name=step.args["target"]))


@register
class Withdraw(StorageApply):
    """Remove a fenced host's keys, so that it finds nothing to come back to. Args: ``{"pool": id, "target": name}``."""

    name = "storage.withdraw"
    title = _("Take the keys of %(target)s away")

    def resources(self, step: Step) -> Sequence[Resource]:
        return _resources_of(step)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        answer["items"] = len(answer["items"])


@register
class HostProof(HostAction):
    """Ask the returning host which boot it is in and what it mounts; the storage judges."""

    name = "storage.host_proof"
    title = _("Ask %(host)s whether it has been restarted and mounts nothing")

    def request(self, step: Step) -> Call:
        return Call("attachment.list", timeout=20)


@register
class UnfenceHost(StorageStep):
    """Args: ``{"pool": id, "target": host name}``. The proof is the answer of the plan's first step."""

    name = "storage.unfence_host"
    title = _("Let %(target)s have volumes of %(host)s again")

    def request(self, step: Step) -> Call:
        target = Host.objects.get(name=step.args["target"])
        proof = Step.objects.filter(
            operation=step.operation_id, action=HostProof.name, host=target.name, state=StepState.SUCCEEDED
        ).first()
        if proof is None:  # skipped by hand: then nothing is proven
            raise Refused("not_ready", {"reason": target.name})
        boot_id, mounts = str(proof.answer.get("boot_id", "")), list(proof.answer.get("mounts", []))
        return pool_driver(step).unfence_host(target, boot_id=boot_id, mounts=mounts)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        services.mark_host_unfenced(pool_driver(step).pool, Host.objects.get(name=step.args["target"]))


@register
class Regrant(StorageApply):
    """Let a host that was readmitted have again what it had. Args: ``{"pool": id, "target": host name}``."""

    name = "storage.regrant"
    title = _("Give %(target)s its volumes back")

    def resources(self, step: Step) -> Sequence[Resource]:
        return _resources_of(step)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        credentials = credentials_of(answer)
        for volume in _volumes_of(step):
            services.mark_provisioned(volume, credentials.get(volume.name, {}))
        answer["items"] = len(answer["items"])


@register
class Reattach(ApplyAction):
    """All volumes of a host that was readmitted, mounted again, in one batch."""

    name = "storage.reattach"
    title = _("Mount the volumes on %(host)s again")

    def resources(self, step: Step) -> Sequence[Resource]:
        return list(desired.attachments_of(Host.objects.get(name=step.host)))

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        host = Host.objects.get(name=step.host)
        mounted = {item["id"] for item in answer["items"]}
        for attachment in host.attachments.filter(fenced=None, leaving=False).select_related("volume"):
            if attachment.volume.name in mounted:
                services.mark_attached(attachment.volume, host)


def _volumes_of(step: Step) -> list[Volume]:
    volumes = Volume.objects.filter(pool=step.args["pool"], attachments__host__name=step.args["target"])
    return list(volumes.distinct().select_related("pool__host").prefetch_related("attachments__host"))


def _resources_of(step: Step) -> list[Resource]:
    return [desired.volume_resource(volume) for volume in _volumes_of(step) if volume.state not in desired.NOWHERE]


def _on_every_pool(action: str, target: str) -> list[PlannedStep]:
    return [PlannedStep(action, pool.host.name, {"pool": pool.pk, "target": target}) for pool in selectors.pools()]


@register
class FenceHostPlan(Plan):
    """``{"host": name}``. It waits for nothing that the host itself would have to do, not even for its readmission."""

    kind = "storage.fence_host"
    title = _("Fence %(host)s off from all storage")

    def stages(self, params: Params) -> Stages:
        name = params["host"]
        return [_on_every_pool("storage.fence_host", name), _on_every_pool("storage.withdraw", name)]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve(f"fence:{params['host']}")]


@register
class UnfenceHostPlan(Plan):
    """``{"host": name}``. Storage refuses a host that has not been restarted since, or that mounts something."""

    kind = "storage.unfence_host"
    title = _("Readmit %(host)s to storage")

    def stages(self, params: Params) -> Stages:
        name = params["host"]
        return [
            [PlannedStep("storage.host_proof", name)],
            _on_every_pool("storage.unfence_host", name),
            _on_every_pool("storage.regrant", name),
            [PlannedStep("storage.reattach", name)],
        ]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve(f"unfence:{params['host']}")]

    def on_success(self, operation: Operation) -> None:
        host = Host.objects.get(name=operation.params["host"])
        services.mark_host_ready(host)
        host.refresh_from_db()
        fleet.resync([host])
