"""A living host is emptied: it takes nothing new, and all its sites move to others."""

from django.core.exceptions import PermissionDenied
from django.db import transaction

from controlpanel.fleet import services as fleet
from controlpanel.fleet.choices import Role
from controlpanel.fleet.models import Host
from controlpanel.operations import services as operations
from controlpanel.operations.access import Actor
from controlpanel.operations.locks import lock_resources
from controlpanel.operations.models import Operation

from ..errors import NotAWebHost


@transaction.atomic
def evacuate_host(actor: Actor | None, host: Host, *, reason: str = "", requested_from: str | None = None) -> Operation:
    """Drain the host and start to move everything off it; it stays drained afterwards.

    Staff only: PermissionDenied for others. Raises NotAWebHost, fleet's NotAllowed (a fenced host).
    """
    if actor is None or not actor.is_staff:
        raise PermissionDenied
    if Role.WEB.value not in host.roles:
        raise NotAWebHost(host=host.name)
    lock_resources([f"evacuation:{host.name}"])
    fleet.drain(host, actor=actor)
    return operations.start(
        "hosting.evacuate_host",
        {"host": host.name, "reason": reason},
        scopes=[],
        actor=actor,
        requested_from=requested_from,
    )
