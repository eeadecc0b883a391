"""Maintenance: the edges answer for the site, which runs on behind them."""

from django.utils.translation import gettext_lazy as _

from controlpanel.operations.registry import Params, Stages, register
from routing import plans as routing

from .sites import SitePlan


class _OnEdges(SitePlan):
    def stages(self, params: Params) -> Stages:
        return [routing.publish_steps(params["site"])]


@register
class BeginMaintenance(_OnEdges):
    kind = "hosting.begin_maintenance"
    title = _("Put %(name)s into maintenance")


@register
class EndMaintenance(_OnEdges):
    kind = "hosting.end_maintenance"
    title = _("End the maintenance of %(name)s")
