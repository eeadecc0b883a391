"""A hold of a move that takes longer: begun anew before it ends by itself, while there is a panel that works on it.

A hold ends after some seconds (``controlpanel/agent/haproxy/hold.py``), so that a dead panel parks nobody. On a machine
that has much to do a batch of sites may need longer than that, and visitors would get a page for no good reason.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from controlpanel.fleet import channel
from controlpanel.fleet.actions import apply_call
from controlpanel.operations.models import Step
from routing import desired as routing_desired
from routing import selectors as routing_selectors
from routing import services as routing_services

#: Seconds after which a hold is begun anew. Below it a step of a move costs visitors nothing more.
ANEW = 5
#: Seconds that an edge gets for it.
PATIENCE = 6.0


def prolong(step: Step) -> None:
    """For a step that begins while visitors wait, in its transaction: edges are told afterwards. Nobody waits for their
    answers: one that does not hear of it ends the hold when it would have."""
    held = step.operation.steps.filter(action="hosting.move_hold", started__isnull=False).order_by("started").first()
    if held is None or held.started is None or timezone.now() - held.started < timedelta(seconds=ANEW):
        return
    if not (sites := routing_services.hold_anew(step.args["sites"])):
        return
    operation = step.operation_id

    def tell() -> None:
        call = apply_call(operation, routing_desired.site_routes_of(sites), timeout=PATIENCE)
        for edge in routing_selectors.edges():
            channel.call(edge, call.name, call.args, timeout=PATIENCE, quick=True)

    transaction.on_commit(tell)
