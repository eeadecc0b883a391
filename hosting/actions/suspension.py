"""Steps of switching off and on all that a member has: one call an edge, a web host, a database host."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import ApplyAction, HostAction
from controlpanel.fleet.desired import Resource
from controlpanel.fleet.models import Host
from controlpanel.operations.models import Step
from controlpanel.operations.registry import register
from routing import desired as routing_desired
from routing import plans as routing

from .. import desired
from ..databases import desired as database_desired
from ..databases import servers
from ..models import Database, Site
from .move_edges import passing


class Everything(ApplyAction):
    """Args: ``{"count": how many, …}``. Told as it should be now: an operation that comes late tells nothing old, and
    what another has told meanwhile is newer."""

    timeout = 300.0


@register
class SwitchOnEdge(Everything):
    """Args: ``{"sites": [ids], "count"}``. An edge that is away holds up nobody: a full resync follows."""

    name = "hosting.switch_on_edge"
    title = _("Tell %(host)s what visitors of %(count)s sites get")
    superseded = frozenset({*routing.OnEdge.superseded, "site_route"})

    def resources(self, step: Step) -> Sequence[Resource]:
        return [routing_desired.base_resource(), *routing_desired.site_routes_of(step.args["sites"])]

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return passing(super().submit(step), step)

    def on_skip(self, step: Step) -> None:
        HostAction.on_skip(self, step)


@register
class SwitchOnWeb(Everything):
    """Args: ``{"sites": [ids], "count"}``."""

    name = "hosting.switch_on_web"
    title = _("Switch %(count)s sites on %(host)s")
    superseded = frozenset({"site"})

    def resources(self, step: Step) -> Sequence[Resource]:
        sites = Site.objects.filter(pk__in=step.args["sites"]).prefetch_related("domains").order_by("pk")
        return [desired.site_resource(site) for site in sites]


@register
class SwitchDatabases(Everything):
    """Args: ``{"databases": [ids], "count"}``. Those who are connected are cut off; what is stored stays."""

    name = "hosting.switch_databases"
    title = _("Switch %(count)s databases on %(host)s")
    superseded = frozenset({"database"})

    def resources(self, step: Step) -> Sequence[Resource]:
        host = Host.objects.get(name=step.host)
        found = Database.objects.filter(pk__in=step.args["databases"]).prefetch_related("users").order_by("pk")
        clients = servers.clients()
        return [database_desired.database_resource(database, host.pk, clients) for database in found]
