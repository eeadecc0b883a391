"""Steps on the files of a site."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import Call, HostAction
from controlpanel.operations.models import Step
from controlpanel.operations.registry import register
from storage.models import Snapshot

#: Seconds: a whole site may be gigabytes.
TIMEOUT = 1500.0


@register
class RestoreFiles(HostAction):
    """Args: ``{"site": id, "snapshot": id, "paths": [paths; none for all]}``. Right however often it is done."""

    name = "hosting.restore_files"
    title = _("Make the files as they were in the snapshot, on %(host)s")

    def request(self, step: Step) -> Call:
        snapshot = Snapshot.objects.get(pk=step.args["snapshot"])
        args = {"site": step.args["site"], "snapshot": snapshot.name, "paths": step.args["paths"]}
        return Call("site.restore", args, TIMEOUT)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        """What it answers are numbers, which staff may see."""
