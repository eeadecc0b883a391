"""Steps and operations on volumes. Other apps put ``storage.provision``, ``revoke``, ``trash`` into their own plans."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet import services as fleet
from controlpanel.fleet.actions import ApplyAction, Call, HostAction
from controlpanel.fleet.desired import Resource
from controlpanel.fleet.models import Host
from controlpanel.operations.choices import StepState
from controlpanel.operations.errors import Refused, StepError
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import Params, Plan, PlannedStep, Reserve, Stages, register

from . import desired, many, selectors, services, usage
from .choices import TRANSITIONS, VolumeState
from .drivers import Driver, driver_of
from .drivers.base import AWAY, not_now
from .models import Attachment, Pool, Volume

# --- steps on one volume, on its pool's host -----------------------------------------------------------------------


class StorageStep(HostAction):
    """A step for the storage side. That the storage is away is no refusal: the step waits."""

    def _send(self, step: Step, call: Call) -> "Future[dict[str, Any]]":
        outer: Future[dict[str, Any]] = Future()

        def arrived(inner: "Future[dict[str, Any]]") -> None:
            error = inner.exception()
            if error is None:
                outer.set_result(inner.result())
            else:
                outer.set_exception(not_now(error) if isinstance(error, StepError) else error)

        super()._send(step, call).add_done_callback(arrived)
        return outer


class StorageApply(StorageStep, ApplyAction):
    """A batch for the storage side."""

    def check(self, answer: dict[str, Any], host: str) -> dict[str, Any]:
        try:
            return super().check(answer, host)
        except StepError as error:
            raise not_now(error) from error


def _volume(step: Step) -> Volume:
    return Volume.objects.select_related("pool__host").get(pk=step.args["volume"])


@register
class Provision(StorageApply):
    """Make the volume as it should be, and let in exactly the hosts that should have it.

    Args: ``{"volume": id, "grant": host name, "undo": "trash" | "revoke"}``; ``grant`` is for the reader, ``undo`` says
    what becomes of the volume when the operation is taken back (the trash, unless said otherwise).
    """

    name = "storage.provision"
    title = _("Make the storage volume and let %(grant)s have it")
    undoable = True

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.volume_resource(_volume(step))]

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        services.mark_provisioned(_volume(step), _credentials(answer).get(_volume(step).name, {}))

    def undo_resources(self, step: Step) -> Sequence[Resource]:
        if not self._keeps(step):
            return Trash().resources(step)
        volume = _volume(step)
        stay = [one.host.name for one in volume.attachments.select_related("host") if one.mounted]
        return [driver_of(volume.pool).volume(volume, stay, epoch=volume.epoch + 1, trashed=False)]

    def confirm_undo(self, step: Step, answer: dict[str, Any]) -> None:
        if not self._keeps(step):
            Trash().confirm(step, answer)
            return
        volume = _volume(step)
        for attachment in volume.attachments.filter(mounted=False, fenced=None):
            services.begin_fence(volume, attachment.host)
        services.mark_revoked(volume)

    def _keeps(self, step: Step) -> bool:
        return step.args.get("undo") == "revoke"

    def describe(self, args: Params) -> str:
        if not args.get("grant"):
            return str(_("Make the storage volume"))
        return super().describe(args)


@register
class ProvisionMany(StorageApply):
    """Let each of these volumes be had by exactly the hosts that should have it, in one batch.

    Args: ``{"volumes": [ids], "count": how many, for the reader}``. A volume that fails stands in the answer's
    ``failed`` (id to why) and holds up none of the others.
    """

    name = "storage.provision_many"
    title = _("Let the new hosts have %(count)s volumes of %(host)s")
    timeout = 600.0

    def resources(self, step: Step) -> Sequence[Resource]:
        volumes = Volume.objects.filter(pk__in=step.args["volumes"], state=VolumeState.GRANTING)
        return [
            desired.volume_resource(volume)
            for volume in volumes.select_related("pool__host").prefetch_related("attachments__host")
        ]

    def check(self, answer: dict[str, Any], host: str) -> dict[str, Any]:
        items = answer.get("items", [])
        if any(item.get("code") in AWAY for item in items):
            super().check(answer, host)
        return answer

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        good = [item for item in answer["items"] if item["status"] in ("ok", "unchanged")]
        many.mark_provisioned(_credentials({"items": good}))
        failed = [item for item in answer["items"] if item not in good]
        answer["failed"] = {item["id"]: f"{item.get('code', '')} {item.get('reason', '')}".strip() for item in failed}
        answer["items"] = len(good)


@register
class Revoke(StorageApply):
    """Take the volume away from whoever was to let go of it, keys and sessions. Args: ``{"volume": id}``.

    Refused while a host has not confirmed that it let go: what it still has to write would be lost. A host that cannot
    confirm is fenced first (``services.begin_fence``), which does not wait for it.
    """

    name = "storage.revoke"
    title = _("Take the volume's access away")

    def resources(self, step: Step) -> Sequence[Resource]:
        volume = _volume(step)
        _refuse_mounted(volume.attachments.filter(leaving=True))
        return [desired.volume_resource(volume)]

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        services.mark_revoked(_volume(step))


@register
class Trash(StorageApply):
    """Take all access away and mark the volume as trash; its data stays until it is purged. Args: ``{"volume": id}``.

    Refused while a host has not confirmed that it let go.
    """

    name = "storage.trash"
    title = _("Put the volume into the trash")

    def resources(self, step: Step) -> Sequence[Resource]:
        volume = _volume(step)
        if volume.state == VolumeState.ABSENT:
            return []
        _refuse_mounted(volume.attachments.all())
        if volume.state not in (VolumeState.TRASHED, *TRANSITIONS["trash"][0]):
            raise Refused("busy", {"host": step.host, "reason": volume.get_state_display()})
        epoch = volume.epoch if volume.state == VolumeState.TRASHED else volume.epoch + 1
        return [desired.volume_resource(volume, epoch=epoch, trashed=True)]

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        volume = _volume(step)
        if volume.state != VolumeState.ABSENT:
            services.mark_trashed(volume, _epoch(answer))


def _epoch(answer: dict[str, Any]) -> int | None:
    """Under which epoch storage did it."""
    epochs = [item.get("answer", {}).get("epoch") for item in answer.get("items", [])]
    return epochs[0] if epochs else None


def _refuse_mounted(attachments: QuerySet[Attachment]) -> None:
    mounted = attachments.filter(mounted=True, fenced=None).select_related("host").first()
    if mounted is not None:
        raise Refused("still_mounted", {"host": mounted.host.name})


@register
class Purge(StorageStep):
    """Delete a trashed volume for good. Args: ``{"volume": id}``. One that has gone already is no error."""

    name = "storage.purge"
    title = _("Delete the volume's data for good")

    def request(self, step: Step) -> Call:
        volume = _volume(step)
        if volume.state not in (VolumeState.TRASHED, VolumeState.ABSENT):
            raise Refused("busy", {"host": step.host, "reason": volume.get_state_display()})
        return driver_of(volume.pool).purge(volume)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        services.mark_purged(_volume(step))


def _credentials(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Of an ``apply``'s answer: by volume name, the credentials by host name."""
    return {item["id"]: item.get("answer", {}).get("credentials", {}) for item in answer.get("items", [])}


# --- steps on a pool -------------------------------------------------------------------------------------------------


def _driver(step: Step) -> Driver:
    return driver_of(Pool.objects.select_related("host").get(pk=step.args["pool"]))


@register
class RefreshUsage(StorageStep):
    """Args: ``{"pool": id}``."""

    name = "storage.refresh_usage"
    title = _("Ask %(host)s how full its volumes are")

    def request(self, step: Step) -> Call:
        return _driver(step).usage()

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        usage.note_usage(_driver(step).pool, answer["volumes"])
        answer["volumes"] = len(answer["volumes"])


@register
class FenceHost(StorageStep):
    """Args: ``{"pool": id, "target": host name}``. Done only when the storage says that it is done."""

    name = "storage.fence_host"
    title = _("Cut %(target)s off from the volumes of %(host)s")

    def request(self, step: Step) -> Call:
        return _driver(step).fence_host(Host.objects.get(name=step.args["target"]))

    def check(self, answer: dict[str, Any], host: str) -> dict[str, Any]:
        if answer.get("confirmed") is not True:
            raise Refused("fence_unconfirmed", {"host": host})
        return answer

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        services.mark_host_fenced(_driver(step).pool, Host.objects.get(name=step.args["target"]))


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
        return _driver(step).unfence_host(target, boot_id=boot_id, mounts=mounts)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        services.mark_host_unfenced(_driver(step).pool, Host.objects.get(name=step.args["target"]))


@register
class Regrant(StorageApply):
    """Let a host that was readmitted have again what it had. Args: ``{"pool": id, "target": host name}``."""

    name = "storage.regrant"
    title = _("Give %(target)s its volumes back")

    def resources(self, step: Step) -> Sequence[Resource]:
        return _resources_of(step)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        credentials = _credentials(answer)
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


# --- operations ----------------------------------------------------------------------------------------------------


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


@register
class PurgePlan(Plan):
    """``{"volume": id}``."""

    kind = "storage.purge"
    title = _("Delete volume v%(volume)s for good")

    def stages(self, params: Params) -> Stages:
        volume = Volume.objects.select_related("pool__host").get(pk=params["volume"])
        return [[PlannedStep("storage.purge", volume.pool.host.name, {"volume": volume.pk})]]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve(f"volume:{params['volume']}")]

    def on_failure(self, operation: Operation) -> None:
        services.purge_later(operation.params["volume"])

    def on_cancel(self, operation: Operation) -> None:
        services.purge_later(operation.params["volume"])


@register
class UsagePlan(Plan):
    """``{}``: every pool."""

    kind = "storage.usage"
    title = _("Ask how full the volumes are")

    def stages(self, params: Params) -> Stages:
        return [[PlannedStep("storage.refresh_usage", pool.host.name, {"pool": pool.pk}) for pool in selectors.pools()]]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve("storage:usage", exclusive=False)]
