"""What storage hosts and web hosts should hold of volumes."""

import json
from collections.abc import Iterable
from typing import Any

from controlpanel.fleet.choices import Role
from controlpanel.fleet.desired import Resource, on_answer, provider
from controlpanel.fleet.models import Host

from .choices import VolumeState
from .drivers import driver_of
from .models import Attachment, Volume

#: Nothing of it is to be on the storage side: it was never made, or is gone.
NOWHERE = (VolumeState.ABSENT, VolumeState.CREATING)


@provider(Role.STORAGE)
def volumes_of(host: Host) -> Iterable[Resource]:
    """Every volume of the host's pools, with who may use it."""
    volumes = Volume.objects.filter(pool__host=host).exclude(state__in=NOWHERE)
    for volume in volumes.select_related("pool__host").prefetch_related("attachments__host").order_by("pk"):
        yield volume_resource(volume)


@provider(Role.WEB)
def attachments_of(host: Host) -> Iterable[Resource]:
    """Every volume that the host should have mounted and that storage lets it have."""
    rows = host.attachments.filter(fenced=None, leaving=False, granted=True).select_related("volume__pool", "host")
    for attachment in rows.order_by("volume_id"):
        yield attachment_resource(attachment)


@on_answer("volume")
def note_credentials(host: Host, item: dict[str, Any]) -> None:
    """A storage host that was brought back in line may have had to make a key anew: the web host needs that one."""
    credentials = item["answer"].get("credentials", {})
    rows = Attachment.objects.filter(volume__pool__host=host, volume=item["id"].removeprefix("v"), fenced=None)
    for attachment in rows.filter(granted=True).select_related("host"):
        credential = credentials.get(attachment.host.name)
        if credential is not None and json.dumps(credential, sort_keys=True) != attachment.credential:
            attachment.credential = json.dumps(credential, sort_keys=True)
            attachment.save(update_fields=["credential"])


def volume_resource(volume: Volume, *, epoch: int | None = None, trashed: bool | None = None) -> Resource:
    """The volume as storage should have it. ``epoch`` and ``trashed`` are for a step that is about to change them."""
    trashed = volume.state == VolumeState.TRASHED if trashed is None else trashed
    access = [] if trashed else [one.host.name for one in volume.attachments.all() if one.may_have_access]
    return driver_of(volume.pool).volume(volume, access, epoch=epoch or volume.epoch, trashed=trashed)


def attachment_resource(attachment: Attachment, present: bool = True) -> Resource:
    """The volume as its host should have it mounted, or (``present=False``) no longer have.

    Raises ValueError when storage has not given the host a credential yet.
    """
    return driver_of(attachment.volume.pool).attachment(attachment, present=present)
