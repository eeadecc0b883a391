"""What is done for databases by the clock: how large they are, what a full one may do, and dumps."""

import contextlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from controlpanel.fleet import channel, samples
from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import Host
from controlpanel.operations.choices import UNFINISHED
from controlpanel.operations.errors import StepError
from controlpanel.operations.models import Operation

from ..choices import DatabaseState
from ..databases import intents, servers
from ..databases.desired import GONE
from ..databases.errors import DatabaseBusy
from ..models import Database, DatabaseDump

log = structlog.get_logger()

#: A full database gets its writes back below this part of its quota: not at every row that goes and comes.
ROOM_AGAIN = 0.95
#: The label of the dumps that the clock makes.
REGULAR = "regular"
#: The label of the one that was last asked for.
ASKED = "asked"
#: The label of what a database was before it was brought back to a dump.
BEFORE = "before"
#: A dump that failed is tried again after this long.
DUMP_AGAIN_AFTER = timedelta(hours=1)
_ASK = 20.0


def refresh_database_usage() -> int:
    """Ask every database host how large its databases are; how many hosts answered. Never raises."""
    hosts = list(servers.database_hosts().filter(reachable=True).exclude(state=HostState.FENCED))
    asked = {host: channel.call(host, "database.usage", timeout=_ASK, quick=True) for host in hosts}
    answered = 0
    for host, future in asked.items():
        try:
            note_database_usage(host, future.result(_ASK + 1)["databases"])
            answered += 1
        except (StepError, TimeoutError) as error:
            log.warning("database host does not tell its usage", host=host.name, error=str(error))
    return answered


def note_database_usage(host: Host, databases: Mapping[str, Mapping[str, Any]]) -> list[Operation]:
    """Store what a host's databases take, and stop or give back the writes of those that crossed their quota.

    Over time they are the samples ``size`` and ``connections`` of "database:12".
    """
    now = timezone.now()
    started, rows = [], []
    for database in Database.objects.filter(host=host, placed=True).exclude(state__in=GONE):
        said = databases.get(database.name)
        if said is None:
            continue
        if samples.is_due(database.size_bytes, database.used_at, now, int(said["bytes"]), database.quota_bytes):
            rows.append((f"database:{database.pk}", "size", now, float(said["bytes"])))
            rows.append((f"database:{database.pk}", "connections", now, float(said.get("connections") or 0)))
        Database.objects.filter(pk=database.pk).update(
            size_bytes=int(said["bytes"]), open_connections=int(said.get("connections") or 0), used_at=now
        )
        if _crossed(database, int(said["bytes"])):
            with contextlib.suppress(DatabaseBusy), transaction.atomic():
                if operation := _set_full(database):
                    started.append(operation)
    samples.note(rows)
    return started


def _crossed(database: Database, size: int) -> bool:
    """Whether the size calls for another state than it has."""
    if database.state not in (DatabaseState.ACTIVE, DatabaseState.FAILED):
        return False
    return size < ROOM_AGAIN * database.quota_bytes if database.full else size >= database.quota_bytes


def _set_full(database: Database) -> Operation | None:
    locked = intents.lock(database)
    if not _crossed(locked, locked.size_bytes or 0):
        return None
    locked.full = not locked.full
    intents.intend(locked, DatabaseState.UPDATING, "full")
    return intents.start("hosting.stop_database_writes" if locked.full else "hosting.resume_database_writes", locked)


def dump_databases_due(limit: int = 10) -> list[Operation]:
    """Start the dump of databases whose last one is older than DATABASE_DUMP_EVERY, oldest first, at most ``limit``.

    A dump lies on another database host than its database wherever there is one.
    """
    now = timezone.now()
    fresh = DatabaseDump.objects.filter(
        database=OuterRef("pk"), label=REGULAR, made__gt=now - timedelta(seconds=settings.DATABASE_DUMP_EVERY)
    )
    if servers.database_hosts().count() > 1:
        fresh = fresh.exclude(host=OuterRef("host"))  # it has moved to where its dump is: one fire would take both
    old = now - timedelta(seconds=min(settings.DATABASE_DUMP_EVERY, 3600))
    due = Database.objects.filter(state=DatabaseState.ACTIVE, placed=True, host__reachable=True, created__lt=old)
    started: list[Operation] = []
    for database in due.filter(~Exists(fresh)).select_related("order", "host").order_by("pk")[: 5 * limit]:
        tries = Operation.objects.filter(kind="hosting.dump_database", params__database=database.pk)
        if tries.filter(Q(state__in=UNFINISHED) | Q(created__gt=now - DUMP_AGAIN_AFTER)).exists():
            continue
        with transaction.atomic():
            started.append(intents.start("hosting.dump_database", intents.lock(database)))
        if len(started) >= limit:
            break
    return started


def dump_host(database: Database) -> Host | None:
    """Where a regular dump of the database should lie: on another host, or on its own where there is no other."""
    others = servers.database_hosts().filter(state=HostState.ACTIVE, reachable=True)
    spread = [host for host in others if host.pk != database.host_id]
    return spread[database.pk % len(spread)] if spread else database.host
