"""Steps on one volume, on its pool's host, and its end."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import Call
from controlpanel.fleet.desired import Resource
from controlpanel.operations.errors import Refused
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import Params, Plan, PlannedStep, Reserve, Stages, register

from .. import desired, services
from ..choices import TRANSITIONS, VolumeState
from ..drivers import driver_of
from ..models import Attachment, Volume
from .base import StorageApply, StorageStep, credentials_of, volume_of


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
        return [desired.volume_resource(volume_of(step))]

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        services.mark_provisioned(volume_of(step), credentials_of(answer).get(volume_of(step).name, {}))

    def undo_resources(self, step: Step) -> Sequence[Resource]:
        if not self._keeps(step):
            return Trash().resources(step)
        volume = volume_of(step)
        stay = [one.host.name for one in volume.attachments.select_related("host") if one.mounted]
        return [driver_of(volume.pool).volume(volume, stay, epoch=volume.epoch + 1, trashed=False)]

    def confirm_undo(self, step: Step, answer: dict[str, Any]) -> None:
        if not self._keeps(step):
            Trash().confirm(step, answer)
            return
        volume = volume_of(step)
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
class Revoke(StorageApply):
    """Take the volume away from whoever was to let go of it, keys and sessions. Args: ``{"volume": id}``.

    Refused while a host has not confirmed that it let go: what it still has to write would be lost. A host that cannot
    confirm is fenced first (``services.begin_fence``), which does not wait for it.
    """

    name = "storage.revoke"
    title = _("Take the volume's access away")

    def resources(self, step: Step) -> Sequence[Resource]:
        volume = volume_of(step)
        _refuse_mounted(volume.attachments.filter(leaving=True))
        return [desired.volume_resource(volume)]

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        services.mark_revoked(volume_of(step))


@register
class Trash(StorageApply):
    """Take all access away and mark the volume as trash; its data stays until it is purged. Args: ``{"volume": id}``.

    Refused while a host has not confirmed that it let go.
    """

    name = "storage.trash"
    title = _("Put the volume into the trash")

    def resources(self, step: Step) -> Sequence[Resource]:
        volume = volume_of(step)
        if volume.state == VolumeState.ABSENT:
            return []
        _refuse_mounted(volume.attachments.all())
        if volume.state not in (VolumeState.TRASHED, *TRANSITIONS["trash"][0]):
            raise Refused("busy", {"host": step.host, "reason": volume.get_state_display()})
        epoch = volume.epoch if volume.state == VolumeState.TRASHED else volume.epoch + 1
        return [desired.volume_resource(volume, epoch=epoch, trashed=True)]

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        volume = volume_of(step)
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
        volume = volume_of(step)
        if volume.state not in (VolumeState.TRASHED, VolumeState.ABSENT):
            raise Refused("busy", {"host": step.host, "reason": volume.get_state_display()})
        return driver_of(volume.pool).purge(volume)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        services.mark_purged(volume_of(step))


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
