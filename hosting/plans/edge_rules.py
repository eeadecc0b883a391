"""Telling the edges what a site's members want of its visitors' requests."""

from django.utils.translation import gettext_lazy as _

from controlpanel.operations.registry import Params, Plan, Reserve, Stages, register
from routing.edge_rules_plans import edge_rules_steps


@register
class SetEdgeRules(Plan):
    """Params: ``{"site": id, "name": what people call it}``.

    It reserves the rules and not the site, so that it waits for nothing else that is done with the site.
    """

    kind = "hosting.set_edge_rules"
    title = _("Set the edge rules of the site %(name)s")

    def stages(self, params: Params) -> Stages:
        return [edge_rules_steps(params["site"])]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve(f"edge_rules:{params['site']}")]
