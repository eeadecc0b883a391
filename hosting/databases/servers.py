"""What database servers and the gates of web hosts must know besides databases: who they are and who may come.

Rows remember what they were last told, so that a change raises a revision and starts one operation that tells all.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from controlpanel.fleet.choices import HostState, Role
from controlpanel.fleet.models import Host
from controlpanel.operations import services as operations
from controlpanel.operations.models import Operation
from routing import authority

from ..models import DatabaseServer, GateBase
from ..models.databases import ZONE

#: A server's certificate is renewed when it has less than this left.
RENEW_BEFORE = timedelta(days=30)


def database_hosts() -> QuerySet[Host]:
    """All database hosts, whatever their state."""
    return Host.objects.filter(roles__contains=[Role.DATABASE.value]).order_by("name")


def gate_hosts() -> QuerySet[Host]:
    """The web hosts whose sites may reach databases. A fenced one may not: it gets everything when it is readmitted."""
    return Host.objects.filter(roles__contains=[Role.WEB.value]).exclude(state=HostState.FENCED).order_by("name")


def clients() -> list[str]:
    """Addresses from which databases may be reached: any site may be on any web host a second from now."""
    return sorted(host.address for host in gate_hosts())


@transaction.atomic
def server_base(host: Host) -> DatabaseServer:
    """A database host as it should be told. Raises the revision when that is other than when last asked."""
    told = {
        "address": host.address,
        "ca_pem": authority.trusted_pem(),
        "clients": clients(),
        "peers": [{"name": peer.name, "address": peer.address} for peer in database_hosts()],
    }
    fresh = timezone.now() + RENEW_BEFORE
    server = DatabaseServer.objects.filter(host=host).first()
    moved = server is not None and server.told.get("address") != host.address
    if server is not None and server.told == told and server.not_after > fresh:
        return server
    server = DatabaseServer.objects.select_for_update().filter(host=host).first() or DatabaseServer(
        host=host, revision=0, not_after=timezone.now()
    )
    if moved or server.not_after <= fresh:
        # It also shows this host to the others, from which it copies.
        issued = authority.issue(
            authority.current(), [f"*.{ZONE}"], addresses=[host.address], owner="Database server", for_clients=True
        )
        server.chain_pem, server.key_pem, server.not_after = issued.chain_pem, issued.key_pem, issued.not_after
    server.told = told
    server.revision += 1
    server.save()
    return server


@transaction.atomic
def gate_base() -> GateBase:
    """What gates should be told. Raises the revision when that is other than when last asked."""
    ca_pem = authority.trusted_pem()
    base = GateBase.objects.filter(pk=1).first()
    if base is not None and base.ca_pem == ca_pem:
        return base
    base, created = GateBase.objects.select_for_update().get_or_create(pk=1, defaults={"ca_pem": ca_pem})
    if not created and base.ca_pem != ca_pem:
        base.ca_pem = ca_pem
        base.revision += 1
        base.save(update_fields=["ca_pem", "revision"])
    return base


def server_spec(host: Host) -> tuple[int, dict[str, Any]]:
    """Revision and spec of the resource ``database_server`` of that host."""
    server = server_base(host)
    return server.revision, {**server.told, "certificate_pem": server.chain_pem + server.key_pem}


@transaction.atomic
def sync_if_needed() -> Operation | None:
    """Tell database servers and gates what has changed since they were last told. For a worker's clock, and for whoever
    has just fenced a web host: its address is then no longer among those that may connect."""
    stale = []
    for host in database_hosts().exclude(state=HostState.FENCED):
        server = server_base(host)
        if server.announced < server.revision:
            DatabaseServer.objects.filter(pk=server.pk).update(announced=server.revision)
            stale.append(host.name)
    gate = gate_base()
    gates = gate.announced < gate.revision and gate_hosts().exists()
    if gates:
        GateBase.objects.filter(pk=gate.pk).update(announced=gate.revision)
    if not stale and not gates:
        return None
    return operations.start("hosting.sync_databases", {"hosts": stale, "gates": gates}, scopes=[])
