"""The edges' further addresses, which attacked sites are told to use, and the stricter packet rules for them."""

import ipaddress
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from controlpanel.fleet.choices import Role
from controlpanel.fleet.models import Host
from controlpanel.operations import services as operations
from controlpanel.operations.access import Actor
from controlpanel.operations.models import Operation

from . import selectors
from .models import EdgeAddress, PacketRules

#: What may be set; the agent checks the same.
MOST, MOST_BLOCKED = 100_000, 1000


def rules() -> PacketRules:
    """The one row of rules, the same on all edges."""
    return PacketRules.objects.get_or_create(pk=1)[0]


def addresses_of(host: Host) -> list[str]:
    """The shielded addresses of an edge."""
    return sorted(host.edge_addresses.values_list("address", flat=True))


def shielded_addresses() -> list[str]:
    """Those of all edges that serve: what a shielded site's names should lead to. Empty when there are none."""
    found = EdgeAddress.objects.filter(host__in=selectors.edges()).values_list("address", flat=True)
    return sorted(found, key=lambda text: (ipaddress.ip_address(text).version, int(ipaddress.ip_address(text))))


@transaction.atomic
def set_addresses(host: Host, addresses: Iterable[str], actor: Actor | None = None) -> Operation | None:
    """Say which further addresses an edge has (its operator has configured them on the host), and tell the edge.

    None when nothing changes. Raises ValueError for what is no address, an address of a host, another edge's, or a host
    that is no edge.
    """
    if Role.EDGE.value not in host.roles:
        raise ValueError("not an edge")
    wanted = {str(ipaddress.ip_address(text.strip())) for text in addresses}
    taken = Host.objects.filter(address__in=wanted).exists()
    if taken or EdgeAddress.objects.filter(address__in=wanted).exclude(host=host).exists():
        raise ValueError("the address belongs to a host")
    if wanted == set(addresses_of(host)):
        return None
    host.edge_addresses.exclude(address__in=wanted).delete()
    for address in sorted(wanted - set(addresses_of(host))):
        EdgeAddress.objects.create(host=host, address=address)
    return _changed(actor)


@transaction.atomic
def set_rules(
    *, rate: int, burst: int, connections: int, blocked: Iterable[Mapping[str, Any]], actor: Actor | None = None
) -> Operation:
    """New connections of one source in a second, at once, and at a time; networks that are not heard until a time.

    ``blocked``: ``{"network", "until": seconds since 1970}``; those of the past are left out. Raises ValueError.
    """
    if not all(1 <= number <= MOST for number in (rate, burst, connections)):
        raise ValueError("a number is out of range")
    now = datetime.timestamp(timezone.now())
    listed = [
        {"network": str(ipaddress.ip_network(entry["network"])), "until": int(entry["until"])}
        for entry in blocked
        if entry["until"] > now
    ]
    if len(listed) > MOST_BLOCKED:
        raise ValueError("too many networks")
    PacketRules.objects.filter(pk=rules().pk).update(rate=rate, burst=burst, connections=connections, blocked=listed)
    return _changed(actor)


def _changed(actor: Actor | None) -> Operation:
    PacketRules.objects.filter(pk=rules().pk).update(revision=F("revision") + 1)
    return operations.start("routing.filter_packets", {}, scopes=[], actor=actor)
