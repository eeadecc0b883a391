"""A move: sites of one web host go to one other, all or none, while their visitors wait for a moment.

``{"sites": [ids], "revisions": {id: the intent that it carries out}, "host": target, "name": what people call it (or
how many), "reason": why}``, and ``"site"`` when it is one. A move of nothing (all are there already) does nothing.

Until visitors go to the target everything can be taken back, and is when something fails or somebody cancels: then the
sites are on their source as before. A volume that is shared is had by both hosts for a while, so nobody waits.
"""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from controlpanel.operations import services as operations
from controlpanel.operations.choices import OperationState
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import Params, Plan, PlannedStep, Reserve, Stages, register
from controlpanel.operations.services import NotPossible
from routing import selectors as routing_selectors
from storage.choices import VolumeState

from .. import actions as _actions  # noqa: F401 (registers them)
from ..choices import SiteState
from ..models import Site
from .sites import resting_state


@register
class MoveSite(Plan):
    kind = "hosting.move_site"
    title = _("Move %(name)s to %(host)s")
    undo_on_failure = True
    steered_by_staff = True

    def stages(self, params: Params) -> Stages:
        sites = [site for site in load(params) if site.host and site.volume and site.host.name != params["host"]]
        if not sites:
            return []
        sources = {site.host.name for site in sites if site.host}
        if len(sources) > 1:  # some were moved by somebody else meanwhile: the rest of the biggest group goes
            source = max(sorted(sources), key=lambda name: sum(site.host.name == name for site in sites if site.host))
            sites = [site for site in sites if site.host and site.host.name == source]
        else:
            source = sources.pop()
        return stages(sites, source, params["host"], params["name"])

    def reservations(self, params: Params) -> list[Reserve]:
        sites = load(params)
        hosts = {site.host.name for site in sites if site.host} | {params["host"]}
        hosts |= {site.volume.pool.host.name for site in sites if site.volume}
        return [
            *(Reserve(f"site:{site.pk}") for site in sites),
            *(Reserve(f"volume:{site.volume.pk}") for site in sites if site.volume),
            # No resync of a host that takes part: it would bring back what is just being taken away.
            *(Reserve(f"host:{name}", exclusive=False) for name in sorted(hosts)),
        ]

    def describe(self, params: Params) -> str:
        count = len(params.get("sites", []))
        if count == 1:
            return super().describe(params)
        text = ngettext("Move %(count)d site to %(host)s", "Move %(count)d sites to %(host)s", count)
        return text % {"count": count, "host": params.get("host", "?")}

    def on_success(self, operation: Operation) -> None:
        settle(operation)

    def on_failure(self, operation: Operation) -> None:
        settle(operation)

    def on_cancel(self, operation: Operation) -> None:
        settle(operation)

    def on_retry(self, operation: Operation) -> None:
        newest = [pk for pk, revision in operation.params["revisions"].items() if _is_newest(int(pk), revision)]
        if not newest:
            raise NotPossible(_("The site has been changed since then, so this is not repeated."))
        Site.objects.filter(pk__in=newest).update(state=SiteState.MOVING)


def stages(sites: list[Site], source: str, target: str, name: str) -> list[list[PlannedStep]]:
    """The stages for sites that all go from one host to one other."""
    common = {"sites": [site.pk for site in sites], "source": source, "target": target, "name": name}
    edges = [edge.name for edge in routing_selectors.edges()]
    stores = sorted({site.volume.pool.host.name for site in sites if site.volume})

    def on(hosts: Iterable[str], action: str) -> list[PlannedStep]:
        return [PlannedStep(action, host, common) for host in hosts]

    looks = [
        PlannedStep("hosting.move_look", edge, {"site": site.pk, "name": site.primary, "target": target})
        for site in sites
        if site.answers and site.primary
        for edge in edges
    ]
    return [
        [*on([target], "hosting.move_check_target"), *on(stores, "hosting.move_check_storage")],
        on([target], "hosting.move_prepare"),
        on(edges, "hosting.move_hold"),
        on(edges, "hosting.move_drain"),
        on([source], "hosting.move_leave"),
        on(stores, "hosting.move_hand_over"),
        on([target], "hosting.move_arrive"),
        on(edges, "hosting.move_switch"),
        looks,
    ]


def load(params: Params) -> list[Site]:
    """The sites that there still are, with all that a plan needs of them."""
    sites = Site.objects.filter(pk__in=params["sites"]).select_related("host", "volume__pool__host")
    return list(sites.prefetch_related("domains").order_by("pk"))


def settle(operation: Operation) -> None:
    """The state of each site as it really is, unless there is a newer intent for it."""
    if parent := operation.params.get("parent"):
        transaction.on_commit(lambda: _wake(parent))  # not in this transaction: two rows, and cancelling locks both
    for pk, revision in operation.params["revisions"].items():
        if _is_newest(int(pk), revision):
            site = Site.objects.select_related("volume").get(pk=int(pk))
            Site.objects.filter(pk=site.pk, revision=F("revision")).update(state=_state(site))


def _wake(operation_id: int) -> None:
    """Let the evacuation that waits for this go on at once."""
    waiting = Operation.objects.filter(pk=operation_id, state=OperationState.WAITING)
    if waiting.update(wake_at=timezone.now()):
        operations.enqueue(operation_id)


def _state(site: Site) -> Any:
    runs = site.placed and site.volume is not None and site.volume.state == VolumeState.ATTACHED
    if not runs:
        return SiteState.FAILED
    return resting_state(site)


def _is_newest(pk: int, revision: int) -> bool:
    newest = Site.objects.filter(pk=pk, revision=revision)
    return newest.exclude(state__in=(SiteState.DELETING, SiteState.DELETED, SiteState.PURGING)).exists()
