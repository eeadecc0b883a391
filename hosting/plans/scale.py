"""The operation that gives a site another size: more, fewer or other web hosts, other limits; it goes on answering."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import Params, PlannedStep, Stages, register
from controlpanel.operations.services import NotPossible
from routing import selectors as routing_selectors

from .. import services
from ..actions import scale as actions
from ..choices import SiteState
from ..errors import HostingError
from ..models import Site
from ..scaling import Size
from .sites import SitePlan, _load, _on_storage, _probes


@register
class ScaleSite(SitePlan):
    """``{"site", "name", "revision", "before": Size, "after": Size, "adding": [hosts], "removing": [hosts]}``, and
    later ``"final"``: true.

    New hosts first: each has the volume and the site, and answers, before an edge sends it a visitor. Hosts that the
    site leaves get no new visitors, then their requests end, and only then do they let go. A failure or a cancel on the
    way there takes everything back; from the first host that lets go on there is no way back.
    """

    kind = "hosting.scale_site"
    title = _("Scale the site %(name)s")
    undo_on_failure = True
    steered_by_staff = True

    def stages(self, params: Params) -> Stages:
        site = _load(params)
        adding, after = list(params["adding"]), Size.from_params(params["after"])
        removing = _alive(params["removing"])
        here = {"site": site.pk}
        edges = [edge.name for edge in routing_selectors.edges()]
        stages: list[list[PlannedStep]] = []
        if adding and site.volume:
            grant = {**here, "volume": site.volume.pk, "grant": ", ".join(adding), "undo": "revoke"}
            stages.append([PlannedStep("hosting.grant_hosts", site.volume.pool.host.name, grant)])
        staying = [name for name in after.hosts if name not in adding]
        stages.append(
            [PlannedStep("hosting.place_further", name, here) for name in adding]
            + [PlannedStep("hosting.limit_on_web", name, here) for name in _alive(staying)]
        )
        stages.append([PlannedStep("hosting.settle_web", name, here) for name in adding])
        if adding or params["removing"]:
            stages.append([PlannedStep("hosting.spread", edge, here) for edge in edges])
            stages.append(_probes(site))
        if removing:
            drain = {**here, "hosts": removing}
            stages.append([PlannedStep("hosting.drain_edge", edge, drain) for edge in edges])
            stages.append([PlannedStep("hosting.leave_host", name, here) for name in removing])
            stages.append(_on_storage("storage.revoke", site))
        return [stage for stage in stages if stage]

    def on_success(self, operation: Operation) -> None:
        super().on_success(operation)
        self._settle_hosts(operation, taken_back=False)

    def on_failure(self, operation: Operation) -> None:
        """Taken back, the site is what it was, and works; stuck between two hosts, it needs somebody's look."""
        final = actions.is_final(operation)
        self._settle_hosts(operation, taken_back=not final)
        if final:
            super().on_failure(operation)
        else:
            super().on_success(operation)

    def on_cancel(self, operation: Operation) -> None:
        self._settle_hosts(operation, taken_back=not actions.is_final(operation))
        super().on_success(operation)

    def on_retry(self, operation: Operation) -> None:
        super().on_retry(operation)
        site = _load(operation.params)
        try:
            services.intend_size(site, actions.size_in(operation, "after"), operation.params["adding"])
        except HostingError as error:
            raise NotPossible(str(error)) from error

    @staticmethod
    def _settle_hosts(operation: Operation, *, taken_back: bool) -> None:
        site = Site.objects.filter(pk=operation.params["site"]).exclude(state=SiteState.DELETED)
        if site.exists():
            before = actions.size_in(operation, "before")
            adding = operation.params["adding"]
            services.settle_hosts(operation.params["site"], taken_back=taken_back, before=before, adding=adding)


def _alive(names: "list[str]") -> list[str]:
    """Those that are not cut off: a fenced host can no longer write, and gets a full resync before it serves again."""
    fenced = Host.objects.filter(Q(name__in=names), state=HostState.FENCED).values_list("name", flat=True)
    return [name for name in names if name not in set(fenced)]
