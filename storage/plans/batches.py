"""Steps on many volumes at once, on their pool's host."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.desired import Resource
from controlpanel.operations.models import Step
from controlpanel.operations.registry import register

from .. import desired, many
from ..choices import VolumeState
from ..drivers.base import AWAY
from ..models import Volume
from .base import StorageApply, credentials_of


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
        many.mark_provisioned(credentials_of({"items": good}))
        failed = [item for item in answer["items"] if item not in good]
        answer["failed"] = {item["id"]: f"{item.get('code', '')} {item.get('reason', '')}".strip() for item in failed}
        answer["items"] = len(good)
