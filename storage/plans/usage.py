"""How full pools and volumes are, as an operation."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import Call
from controlpanel.operations.models import Step
from controlpanel.operations.registry import Params, Plan, PlannedStep, Reserve, Stages, register

from .. import selectors, usage
from .base import StorageStep, pool_driver


@register
class RefreshUsage(StorageStep):
    """Args: ``{"pool": id}``."""

    name = "storage.refresh_usage"
    title = _("Ask %(host)s how full its volumes are")

    def request(self, step: Step) -> Call:
        return pool_driver(step).usage()

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        usage.note_usage(pool_driver(step).pool, answer["volumes"])
        answer["volumes"] = len(answer["volumes"])


@register
class UsagePlan(Plan):
    """``{}``: every pool."""

    kind = "storage.usage"
    title = _("Ask how full the volumes are")

    def stages(self, params: Params) -> Stages:
        return [[PlannedStep("storage.refresh_usage", pool.host.name, {"pool": pool.pk}) for pool in selectors.pools()]]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve("storage:usage", exclusive=False)]
