"""Steps of isolating a site and letting it out again."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import ApplyAction, Call, HostAction
from controlpanel.fleet.desired import Resource
from controlpanel.operations.models import Step
from controlpanel.operations.registry import register
from routing import plans as routing

from .. import desired
from ..models import Evidence, Site
from .sites import UpdateOnWeb

#: Seconds. A host that takes longer than this to cut a site off is asked again.
CUT_TIMEOUT, EVIDENCE_TIMEOUT = 20.0, 30.0


@register
class CloseOnEdge(routing.Publish):
    """Args: ``{"site": id}``. Visitors get the quarantine page."""

    name = "hosting.close_on_edge"
    title = _("Show visitors the quarantine page on %(host)s")
    undoable = False

    def resources(self, step: Step) -> Sequence[Resource]:
        return [*super().resources(step), *desired.room_resources(step.args["site"])]


@register
class OpenOnEdge(routing.Publish):
    """Args: ``{"site": id}``."""

    name = "hosting.open_on_edge"
    title = _("Let visitors in again on %(host)s")
    undoable = False

    def resources(self, step: Step) -> Sequence[Resource]:
        return [*super().resources(step), *desired.room_resources(step.args["site"])]


@register
class RoomOnEdge(ApplyAction):
    """Args: ``{"site": id}``. Who holds the secret is let in, as long as the room is open."""

    name = "hosting.room_on_edge"
    title = _("Tell %(host)s who may enter the clean room")

    def resources(self, step: Step) -> Sequence[Resource]:
        return desired.room_resources(step.args["site"])


@register
class RoomOnWeb(UpdateOnWeb):
    """Args: ``{"site": id}``."""

    name = "hosting.room_on_web"
    title = _("Set the clean room up, or clear it, on %(host)s")


@register
class CutOff(HostAction):
    """Args: ``{"site": id}``. A call of its own: it waits for no other change on the host."""

    name = "hosting.cut_off"
    title = _("Cut the site off the network on %(host)s, and freeze its processes")

    def request(self, step: Step) -> Call:
        site = Site.objects.get(pk=step.args["site"])
        args = {"site": site.pk, "uid": site.uid, "revision": site.revision}
        return Call("site.cut", args, CUT_TIMEOUT)


@register
class CollectEvidence(HostAction):
    """Args: ``{"site": id, "quarantine": id}``. Its processes stand still meanwhile."""

    name = "hosting.collect_evidence"
    title = _("Keep what the site was doing on %(host)s: processes, connections, open files, logs")

    def request(self, step: Step) -> Call:
        site = Site.objects.get(pk=step.args["site"])
        return Call("site.evidence", {"site": site.pk, "uid": site.uid}, EVIDENCE_TIMEOUT)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        found = answer.pop("evidence")  # from here on only the counts: the step's answer is no place for it
        counts = {kind: len(found[kind]) for kind in ("processes", "connections", "logs")}
        counts["packets_stopped"] = int(found["packets_stopped"])
        # PostgreSQL has no room for a NUL in a text, and an attacker puts one anywhere.
        content = json.dumps(found, ensure_ascii=False).replace("\\u0000", "�").replace("\0", "�")
        Evidence.objects.create(
            quarantine_id=step.args["quarantine"],
            host=step.host,
            collected=datetime.fromtimestamp(found["at"], UTC),
            counts=counts,
            size_bytes=len(content.encode(errors="replace")),
            content=content,
        )
        answer.update(counts)


@register
class StopOnWeb(UpdateOnWeb):
    """Args: ``{"site": id}``. Its processes end."""

    name = "hosting.stop_on_web"
    title = _("Stop the site’s processes on %(host)s")


@register
class FreeOnWeb(UpdateOnWeb):
    """Args: ``{"site": id}``."""

    name = "hosting.free_on_web"
    title = _("Give the site its network and its processes back on %(host)s")
