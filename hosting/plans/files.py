"""Operations on the files of a site."""

from django.utils.translation import gettext_lazy as _

from controlpanel.operations.models import Operation
from controlpanel.operations.registry import Params, PlannedStep, Stages, register
from storage.choices import SnapshotState
from storage.models import Snapshot

from ..models import Site
from .sites import SitePlan, _load, _on_web


def snapshot_steps(site: Site, snapshot_id: int) -> list[PlannedStep]:
    """Take a snapshot that was planned; nothing when it has been taken."""
    planned = Snapshot.objects.filter(pk=snapshot_id, state=SnapshotState.PLANNED).exists()
    if not planned or site.volume is None:
        return []
    return [PlannedStep("storage.snapshot", site.volume.pool.host.name, {"snapshot": snapshot_id})]


class FilesPlan(SitePlan):
    """What the site should be is not changed, so neither is its state, however this ends."""

    def on_success(self, operation: Operation) -> None: ...

    def on_failure(self, operation: Operation) -> None: ...

    def on_cancel(self, operation: Operation) -> None: ...

    def on_retry(self, operation: Operation) -> None: ...


@register
class SnapshotSite(FilesPlan):
    """``{…, "snapshot": id}``."""

    kind = "hosting.snapshot_site"
    title = _("Take a snapshot of %(name)s")

    def stages(self, params: Params) -> Stages:
        return [snapshot_steps(_load(params), params["snapshot"])]


@register
class RestoreFiles(FilesPlan):
    """``{…, "snapshot": id, "before": id of the snapshot that is taken first, "paths": […], "taken": when}``."""

    kind = "hosting.restore_files"
    title = _("Restore files of %(name)s as they were at %(taken)s UTC")

    def stages(self, params: Params) -> Stages:
        site = _load(params)
        steps = _on_web("hosting.restore_files", site)[:1]  # on several hosts its files are the same everywhere
        args = {"snapshot": params["snapshot"], "paths": params["paths"]}
        return [
            snapshot_steps(site, params["before"]),
            [PlannedStep(step.action, step.host, {**step.args, **args}) for step in steps],
        ]
