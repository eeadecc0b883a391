"""A host is dead: its sites come up elsewhere. And a host that was dead comes back.

The panel asks, never decides: both begin with a person's word.
"""

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.choices import HostState, Role
from controlpanel.fleet.models import Host
from controlpanel.operations import services as operations
from controlpanel.operations.access import Actor
from controlpanel.operations.choices import UNFINISHED, StepState
from controlpanel.operations.errors import add_messages
from controlpanel.operations.locks import lock_resources
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import plan_for
from routing import services as routing
from storage import many as storage

from .. import recovering
from ..choices import SiteState
from ..errors import HostAnswers, HostNotFenced, NothingTakesItsPlace, RecoveryUnderWay
from ..models import Site
from .scale import without_host

__all__ = ["readmit_host", "recover_host"]

add_messages(
    {
        "host_died": _("%(host)s died meanwhile. Its sites are brought up elsewhere; then this can be tried again."),
    }
)

#: The deletion of a site ends by itself once the dead host is cut off (``actions.sites.RemoveFromWeb``), and so does
#: another host's recovery that had this one for a target: it finds its sites taken over.
_ENDS_BY_ITSELF = ("hosting.delete_site", "hosting.recover_host")


@transaction.atomic
def recover_host(
    actor: Actor | None, host: Host, *, force: bool = False, requested_from: str | None = None
) -> Operation:
    """Start to bring up elsewhere everything that a dead host had. Staff only.

    From this moment it takes no work. What was under way on it is ended. Raises PermissionError, HostAnswers when it
    answers the panel and ``force`` is not given, NothingTakesItsPlace for a storage server, RecoveryUnderWay.
    """
    _staff_only(actor)
    if set(host.roles) == {Role.STORAGE.value}:
        raise NothingTakesItsPlace(host=host.name)
    lock_resources([f"recover:{host.name}"])
    host = Host.objects.select_for_update().get(pk=host.pk)
    if _under_way(host):
        raise RecoveryUnderWay(host=host.name)
    if host.reachable and host.state != HostState.FENCED and not force:
        raise HostAnswers(host=host.name)
    before = host.state
    kept = _go_on_with_their_others(host)
    storage.begin_fence(host)
    sites = recovering.sites_to_recover(host)
    ids = sorted(sites.values_list("pk", flat=True))
    begun_anew = _end_what_waits_for(host, ids)
    again = sorted(recovering.never_placed(sites).values_list("pk", flat=True))
    ids = [pk for pk in ids if pk not in again]
    cut = routing.set_modes(ids, "normal", "maintenance")
    orders = Site.objects.filter(pk__in=ids).values_list("order_id", "order__member_id").distinct()
    scopes = sorted({scope for order, member in orders for scope in (f"order:{order}", f"member:{member}")})
    Site.objects.filter(pk__in=ids, state=SiteState.ACTIVE).update(state=SiteState.UPDATING)
    operations.wake_waiting(host.name)  # for an edge, or for one of several copies, nobody waits any more
    return operations.start(
        "hosting.recover_host",
        {"host": host.name, "was": before, "sites": ids, "cut": cut, "kept": kept, "begin_anew": begun_anew},
        scopes=scopes,
        actor=actor,
        requested_from=requested_from,
    )


def _go_on_with_their_others(host: Host) -> list[int]:
    """Sites that several hosts serve lose this one, and go on: they need not be brought up. Which those are."""
    several = Site.objects.filter(Q(host=host, placements__serving=True) | Q(placements__host=host)).distinct()
    return [site.pk for site in several.order_by("pk") if without_host(site, host)]


def _under_way(host: Host) -> bool:
    kinds = ("hosting.recover_host", "hosting.readmit_host")
    return Operation.objects.filter(kind__in=kinds, params__host=host.name, state__in=UNFINISHED).exists()


def _end_what_waits_for(host: Host, sites: list[int]) -> list[int]:
    """End the operations on these sites that need the dead host; which of them begin from nothing, and are tried again.

    Those that do not need it go on as they are.
    """
    done = (StepState.SUCCEEDED, StepState.SKIPPED, StepState.UNDONE)
    needed = Step.objects.filter(operation=OuterRef("pk"), host=host.name).exclude(state__in=done)
    waiting = Operation.objects.filter(Exists(needed), state__in=UNFINISHED).exclude(kind__in=_ENDS_BY_ITSELF)
    waiting = waiting.filter(reservations__resource__in=[f"site:{pk}" for pk in sites]).distinct().order_by("pk")
    begun_anew = []
    for operation in list(waiting):
        ended = operations.supersede(operation, {"code": "host_died", "params": {"host": host.name}})
        if ended and plan_for(operation.kind).undo_on_failure:
            begun_anew.append(operation.pk)
            Site.objects.filter(pk=operation.params.get("site"), placed=False).update(state=SiteState.CREATING)
    return begun_anew


@transaction.atomic
def readmit_host(actor: Actor | None, host: Host, *, requested_from: str | None = None) -> Operation:
    """Start to take a fenced host back: it must have been restarted since, and is cleaned before it may serve.

    Sites that found no room elsewhere come up on it again. Staff only. Raises PermissionError, HostNotFenced,
    RecoveryUnderWay.
    """
    _staff_only(actor)
    lock_resources([f"recover:{host.name}"])
    host = Host.objects.select_for_update().get(pk=host.pk)
    if host.state != HostState.FENCED:
        raise HostNotFenced(host=host.name)
    if _under_way(host):
        raise RecoveryUnderWay(host=host.name)
    return operations.start(
        "hosting.readmit_host", {"host": host.name}, scopes=[], actor=actor, requested_from=requested_from
    )


def _staff_only(actor: Actor | None) -> None:
    if actor is not None and not (actor.is_staff and actor.is_active):
        raise PermissionError("only staff say that a host is dead")
