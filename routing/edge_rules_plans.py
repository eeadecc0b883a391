"""Telling the edges of a site's edge rules. Hosting puts ``edge_rules_steps`` into its plan."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import ApplyAction
from controlpanel.fleet.desired import Resource
from controlpanel.operations.models import Step
from controlpanel.operations.registry import PlannedStep, register

from . import desired, selectors


def edge_rules_steps(site_id: int) -> list[PlannedStep]:
    """One stage: tell every edge the rules of a site."""
    return [PlannedStep("routing.edge_rules", edge.name, {"site": site_id}) for edge in selectors.edges()]


@register
class EdgeRulesOnEdge(ApplyAction):
    """Args: ``{"site": id}``. Rows of maps: no reload, nothing of other sites."""

    name = "routing.edge_rules"
    title = _("Set the edge rules on %(host)s")
    timeout = 60.0
    #: The site's own operations bring them along, too.
    superseded = frozenset({"edge_rules"})

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.edge_rules_key_resource(), *desired.edge_rules_resources(step.args["site"])]
