"""Bringing up elsewhere what a dead host had, and taking the host back, as stages."""

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet import services as fleet
from controlpanel.fleet.choices import HostState, Role
from controlpanel.fleet.models import Host, PowerFence
from controlpanel.operations.choices import StepState
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import Params, Plan, PlannedStep, Reserve, Stages, register
from routing import selectors as routing_selectors
from routing import services as routing
from storage import many as storage
from storage import selectors as storage_selectors

from .. import recovering
from ..actions import recovery as actions
from ..choices import SiteState
from ..models import Site


@register
class RecoverHost(Plan):
    """``{"host", "was": its state before, "sites": [ids], "cut": [ids], "kept": [ids], "begin_anew": [operations]}``.

    ``cut`` are those whose visitors see the maintenance page meanwhile, ``kept`` those that other hosts serve besides.

    Before the fence it can be cancelled, and everything is as it was; from the fence on it goes forward only.
    """

    kind = "hosting.recover_host"
    title = _("Bring up elsewhere what was on %(host)s")
    steered_by_staff = True

    def stages(self, params: Params) -> Stages:
        host = Host.objects.get(name=params["host"])
        pools = storage_selectors.pools() if Role.WEB.value in host.roles else []
        shares = recovering.shares_of(host)
        edges = [edge for edge in routing_selectors.edges() if edge.pk != host.pk]
        cut_off = [*params.get("cut", []), *params.get("kept", [])]
        cut = {"sites": cut_off, "count": len(cut_off)}
        volumes: dict[int, list[int]] = {}
        sites = [pk for ids in shares.targets.values() for pk in ids]
        for pool, volume in Site.objects.filter(pk__in=sites).values_list("volume__pool_id", "volume_id"):
            volumes.setdefault(pool, []).append(volume)
        fence = {"target": host.name}
        stages = [
            [
                *([PlannedStep("fleet.power_off", host.name)] if PowerFence.objects.filter(host=host).exists() else []),
                *(PlannedStep("hosting.cut_off_at_edge", edge.name, cut) for edge in edges if cut["count"]),
            ],
            [PlannedStep("storage.fence_host", pool.host.name, {"pool": pool.pk, **fence}) for pool in pools],
            [PlannedStep("hosting.take_over", "", {"host": host.name, "targets": shares.targets})] if pools else [],
            [
                PlannedStep(
                    "storage.provision_many",
                    pool.host.name,
                    {"volumes": sorted(volumes[pool.pk]), "count": len(volumes[pool.pk])},
                )
                for pool in pools
                if pool.pk in volumes
            ],
            [
                PlannedStep("hosting.bring_up", name, {"sites": ids, "count": len(ids)})
                for name, ids in sorted(shares.targets.items())
            ],
            *([list(stage) for part in recovering.parts_of(host) for stage in part.stages]),
            [PlannedStep("hosting.sync_web_host", web.name) for web in _web_hosts() if _is_edge(host)],
            [PlannedStep("hosting.recovery_report", "", {"host": host.name})],
        ]
        return [stage for stage in stages if stage]

    def reservations(self, params: Params) -> list[Reserve]:
        held = recovering.held_by_others(params.get("sites", []))
        return [
            Reserve(f"recover:{params['host']}"),
            *(Reserve(f"site:{pk}") for pk in params.get("sites", []) if pk not in held),
        ]

    def report(self, operation: Operation) -> SafeString | str:
        telling = ("hosting.bring_up", "hosting.recover_databases", "hosting.recovery_report")
        if not operation.steps.filter(action__in=telling).exclude(state=StepState.PLANNED).exists():
            return ""
        context = {"operation": operation, "report": actions.full_report_of(operation)}
        return mark_safe(render_to_string("hosting/recovery_report.html", context))  # noqa: S308  # a template's

    def may_turn_back(self, operation: Operation) -> bool:
        """Until the storage is told to cut the host off."""
        return not operation.steps.filter(action="storage.fence_host", touched=True).exists()

    def on_cancel(self, operation: Operation) -> None:
        """Nothing has been cut off: it is as it was, whatever that is. Edges are told by an operation of their own."""
        host = Host.objects.get(name=operation.params["host"])
        storage.end_fence(host)
        Host.objects.filter(pk=host.pk).update(state=operation.params["was"])
        sites = Site.objects.filter(pk__in=operation.params["sites"], state=SiteState.UPDATING, host=host)
        sites.update(state=SiteState.ACTIVE)
        routing.set_modes(operation.params["cut"], "maintenance", "normal")
        fleet.resync(edge for edge in routing_selectors.edges())


@register
class ReadmitHost(Plan):
    """``{"host": name}``. Storage refuses a host that has not been restarted since, or that mounts something."""

    kind = "hosting.readmit_host"
    title = _("Take %(host)s back")
    steered_by_staff = True

    def stages(self, params: Params) -> Stages:
        host = Host.objects.get(name=params["host"])
        name = host.name
        pools = storage_selectors.pools() if Role.WEB.value in host.roles else []
        args = {"target": name}
        stages = [
            [PlannedStep("storage.host_proof", name)] if pools else [],
            [PlannedStep("storage.unfence_host", pool.host.name, {"pool": pool.pk, **args}) for pool in pools],
            [PlannedStep("storage.regrant", pool.host.name, {"pool": pool.pk, **args}) for pool in pools],
            [PlannedStep("hosting.keep_out", name)] if {Role.EDGE.value, Role.DATABASE.value} & {*host.roles} else [],
            [PlannedStep("fleet.survey", name)],
            [PlannedStep("hosting.clean_host", name)],
            [PlannedStep("hosting.readmit", "", {"returned": name})],
            *(self._before_visitors(name) if _is_edge(host) else ()),
            [PlannedStep("hosting.stand_up", name)],
            [
                PlannedStep("hosting.publish_returned", edge.name, {"returned": name})
                for edge in routing_selectors.edges()
                if pools and edge.pk != host.pk
            ],
        ]
        return [stage for stage in stages if stage]

    def reservations(self, params: Params) -> list[Reserve]:
        return [Reserve(f"recover:{params['host']}"), Reserve(f"host:{params['host']}")]

    @staticmethod
    def _before_visitors(edge: str) -> Stages:
        """Web hosts answer it again; it hears what happened to the others while it was cleaned; and it is tried."""
        return [
            [PlannedStep("hosting.sync_web_host", web.name) for web in _web_hosts()],
            [PlannedStep("fleet.survey", edge)],
            [PlannedStep("fleet.replace", edge)],
            [PlannedStep("hosting.look_through", edge)],
        ]

    def on_success(self, operation: Operation) -> None:
        fleet.forget_drift(operation.params["host"])


def _is_edge(host: Host) -> bool:
    return Role.EDGE.value in host.roles


def _web_hosts() -> list[Host]:
    hosts = Host.objects.filter(roles__contains=[Role.WEB.value]).exclude(state=HostState.FENCED)
    return list(hosts.order_by("name"))
