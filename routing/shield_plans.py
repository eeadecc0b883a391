"""Telling the edges of shields and packet rules."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import ApplyAction
from controlpanel.fleet.desired import Resource
from controlpanel.operations.models import Step
from controlpanel.operations.registry import Params, Plan, PlannedStep, Reserve, Stages, register

from . import desired, selectors


def shield_steps(site_id: int) -> list[PlannedStep]:
    """One stage: tell every edge how a site is shielded (``shields.EVERY_SITE`` for all of them)."""
    return [PlannedStep("routing.shield", edge.name, {"site": site_id}) for edge in selectors.edges()]


@register
class ShieldOnEdge(ApplyAction):
    """Args: ``{"site": id}``. A few rows of maps: no reload, nothing of other sites."""

    name = "routing.shield"
    title = _("Set the shield on %(host)s")
    timeout = 60.0

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.shield_key_resource(), *desired.shield_resources(step.args["site"])]


@register
class FilterPackets(ApplyAction):
    name = "routing.filter_packets"
    title = _("Set the packet rules on %(host)s")
    timeout = 60.0

    def resources(self, step: Step) -> Sequence[Resource]:
        return [desired.packet_filter_resource(step.host)]


@register
class ShieldSite(Plan):
    """Params: ``{"site": id, "name": what people call it}``.

    It reserves the shield and not the site, so that it waits for nothing else that is done with the site.
    """

    kind = "routing.shield_site"
    title = _("Set the shield of the site %(name)s")

    def stages(self, params: Params) -> Stages:
        return [shield_steps(params["site"])]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve(f"shield:{params['site']}")]


@register
class ShieldAll(Plan):
    """Params: ``{"site": shields.EVERY_SITE}``."""

    kind = "routing.shield_all"
    title = _("Set the shield of all sites")

    def stages(self, params: Params) -> Stages:
        return [shield_steps(params["site"])]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve(f"shield:{params['site']}")]


@register
class FilterAllPackets(Plan):
    """No params."""

    kind = "routing.filter_packets"
    title = _("Set the packet rules of the edges")

    def stages(self, params: Params) -> Stages:
        return [[PlannedStep("routing.filter_packets", edge.name) for edge in selectors.edges()]]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve("routing:packets")]
