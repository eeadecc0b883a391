"""Operations that switch off and on all that a member has. Batched: fifty sites are one call an edge and a web host.

They reserve what they switch together with each other: a member that pays is served at once, whatever the operation
that switched it off still waits for. Both tell hosts what should be now, by revision, so neither can undo the other.
"""

from collections import defaultdict
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.choices import HostState
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import Params, Plan, PlannedStep, Reserve, Stages, register
from routing import selectors as routing_selectors

from .. import suspension
from ..actions import suspension as _actions  # noqa: F401 (registers them)
from ..models import Database, Placement, Site


class MemberPlan(Plan):
    """``{"member": id, "name", "sites": {id: revision}, "databases": {id: revision}, "logins": [ids]}``."""

    steered_by_staff = True
    #: Edges before hosts, so that visitors see the page and not what is just ending; or after them.
    edges_first: ClassVar[bool]

    def stages(self, params: Params) -> Stages:
        sites = sorted(map(int, params["sites"]))
        edges = _edges(sites)
        hosts = [*_web(sites), *_databases(params), *_logins(params)]
        return [stage for stage in ([edges, hosts] if self.edges_first else [hosts, edges]) if stage]

    def reservations(self, params: Params) -> list[Reserve]:
        return [
            *(Reserve(f"site:{pk}", exclusive=False) for pk in sorted(map(int, params["sites"]))),
            *(Reserve(f"database:{pk}", exclusive=False) for pk in sorted(map(int, params["databases"]))),
        ]

    def on_success(self, operation: Operation) -> None:
        self._settle(operation, failed=False)

    def on_failure(self, operation: Operation) -> None:
        self._settle(operation, failed=True)

    on_cancel = on_failure

    @staticmethod
    def _settle(operation: Operation, failed: bool) -> None:
        suspension.settle_sites(_revisions(operation.params["sites"]), failed)
        suspension.settle_databases(_revisions(operation.params["databases"]), failed)


@register
class DisableMember(MemberPlan):
    kind = "hosting.disable_member"
    title = _("Switch off everything of %(name)s")
    edges_first = True


@register
class EnableMember(MemberPlan):
    kind = "hosting.enable_member"
    title = _("Switch everything of %(name)s on again")
    edges_first = False


def _revisions(params: dict[str, int]) -> dict[int, int]:
    return {int(pk): revision for pk, revision in params.items()}


def _edges(sites: list[int]) -> list[PlannedStep]:
    args = {"sites": sites, "count": len(sites)}
    return (
        [PlannedStep("hosting.switch_on_edge", edge.name, args) for edge in routing_selectors.edges()] if sites else []
    )


def _web(sites: list[int]) -> list[PlannedStep]:
    """One step a web host, with all that is there. A fenced host has nothing, and a full resync to come."""
    on: defaultdict[str, list[int]] = defaultdict(list)
    main = Site.objects.filter(pk__in=sites, host__isnull=False).exclude(host__state=HostState.FENCED)
    further = Placement.objects.filter(site__in=sites).exclude(host__state=HostState.FENCED)
    places = {*main.values_list("host__name", "pk"), *further.values_list("host__name", "site_id")}
    for host, pk in places:
        on[host].append(pk)
    return [_step("hosting.switch_on_web", host, "sites", pks) for host, pks in sorted(on.items())]


def _databases(params: Params) -> list[PlannedStep]:
    on: defaultdict[str, list[int]] = defaultdict(list)
    rows: Any = Database.objects.filter(pk__in=list(map(int, params["databases"])), host__isnull=False)
    for name, pk in rows.exclude(host__state=HostState.FENCED).values_list("host__name", "pk"):
        on[name].append(pk)
    return [_step("hosting.switch_databases", host, "databases", sorted(pks)) for host, pks in sorted(on.items())]


def _logins(params: Params) -> list[PlannedStep]:
    return [PlannedStep("members.ensure_login", args={"login": login}) for login in params["logins"]]


def _step(action: str, host: str, what: str, pks: list[int]) -> PlannedStep:
    return PlannedStep(action, host, {what: sorted(pks), "count": len(pks)})
