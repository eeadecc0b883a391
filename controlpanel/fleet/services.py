"""What staff and the other apps do with hosts."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from controlpanel.operations import services as operations
from controlpanel.operations.access import Actor
from controlpanel.operations.choices import UNFINISHED, OperationState
from controlpanel.operations.errors import HostAway, StepError, explain
from controlpanel.operations.models import Operation
from controlpanel.operations.redaction import redact

from . import channel, contacts
from .actions import apply_call
from .choices import HostState
from .desired import desired_state, inspectors_of
from .models import DriftReport, Host

log = structlog.get_logger()

#: Stands for "compare again as soon as possible".
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
#: Differences must still be there after this long (seconds): a change that is just under way is none.
SETTLE = 1.0
#: A host's automatic resync that failed is tried again after this long.
RESYNC_AGAIN_AFTER = timedelta(minutes=10)


class NotAllowed(Exception):
    """The host is not in a state for that; ``str()`` says why and what to do."""


def drift_every() -> timedelta:
    """How often each host is compared with the database."""
    return timedelta(seconds=settings.DRIFT_EVERY)


# --- state -------------------------------------------------------------------------------------------------------


def drain(host: Host, *, actor: Actor | None = None) -> bool:
    """Let an active host take no new work; what it serves goes on. True when that changed something."""
    return _turn(host, HostState.ACTIVE, HostState.DRAINING)


def undrain(host: Host, *, actor: Actor | None = None) -> bool:
    """Let a draining host take new work again. True when that changed something."""
    return _turn(host, HostState.DRAINING, HostState.ACTIVE)


def _turn(host: Host, before: HostState, after: HostState) -> bool:
    changed = bool(Host.objects.filter(pk=host.pk, state=before).update(state=after))
    host.refresh_from_db(fields=["state"])
    if host.state == HostState.FENCED:
        raise NotAllowed(_("%(host)s is fenced off. Readmit it first.") % {"host": host.name})
    return changed


# --- resync ------------------------------------------------------------------------------------------------------


@transaction.atomic
def resync(
    hosts: Iterable[Host], *, actor: Actor | None = None, idempotency_key: str = "", requested_from: str | None = None
) -> Operation:
    """Start to send hosts their whole desired state, and to take away what should not be there.

    Raises NotAllowed for a fenced host, and when there is no host at all.
    """
    hosts = sorted(hosts, key=lambda host: host.name)
    if not hosts:
        raise NotAllowed(_("There is no host to resync."))
    for host in hosts:
        if host.state == HostState.FENCED:
            raise NotAllowed(_("%(host)s is fenced off. Readmit it first.") % {"host": host.name})
    return operations.start(
        "fleet.resync",
        {"hosts": [host.name for host in hosts]},
        scopes=[],
        actor=actor,
        idempotency_key=idempotency_key,
        requested_from=requested_from,
    )


def resync_returned() -> int:
    """Start a resync of each host that missed a change and answers again; returns how many.

    One that failed is not started again at once: somebody has to look, and may retry it.
    """
    started = 0
    under_way = Q(state__in=UNFINISHED) | Q(
        state=OperationState.FAILED, finished__gt=timezone.now() - RESYNC_AGAIN_AFTER
    )
    for host in Host.objects.filter(needs_resync=True, reachable=True).exclude(state=HostState.FENCED):
        resyncs = Operation.objects.filter(kind="fleet.resync", params__hosts__contains=[host.name])
        if not resyncs.filter(under_way).exists():
            resync([host])
            started += 1
    return started


# --- fenced hosts ------------------------------------------------------------------------------------------------


def stand_down_fenced(*names_only: str) -> int:
    """Let each fenced host that answers (of those named, if any are) find out that it is fenced: it ends what it still
    runs. How many did.

    Not one that is just being readmitted: it is being cleaned, and told otherwise at the end.
    """
    fenced = Host.objects.filter(state=HostState.FENCED, reachable=True)
    hosts = list(fenced.filter(name__in=names_only) if names_only else fenced)
    names = [host.name for host in hosts]
    coming_back = Operation.objects.filter(params__host__in=names, state__in=UNFINISHED, kind__endswith="readmit_host")
    busy = set(coming_back.values_list("params__host", flat=True))
    futures = [channel.call(host, "host.stand_down", timeout=60, quick=True) for host in hosts if host.name not in busy]
    told = 0
    for future in futures:
        try:
            future.result(65)
            told += 1
        except (StepError, TimeoutError) as error:
            log.warning("a fenced host did not stand down", error=repr(error))
    return told


@channel.when_back
def _find_out_at_once(name: str) -> None:
    """A fenced host that is back hears of it before anything else, and not only when the clock comes round."""
    try:
        contacts.note_all(name)
        stand_down_fenced(name)
    finally:
        connection.close()  # this thread's own


# --- drift -------------------------------------------------------------------------------------------------------


def drift_of(host: Host, *, timeout: float = 120.0) -> DriftReport:
    """Compare a host with what the database says, change nothing there, and store the report.

    A host that could not be compared gets a report with ``error``. ``timeout`` is in seconds.
    """
    try:
        found = _differences(host, timeout)
        if found:
            time.sleep(SETTLE)
            again = _differences(host, timeout)
            keys = {_key(difference) for difference in found}
            found = [difference for difference in again if _key(difference) in keys]
        error = ""
    except StepError as trouble:
        found = []
        error = f"{explain(trouble.as_trouble())} {trouble.output}".strip()
    contacts.note_all(host.name)
    report, _created = DriftReport.objects.update_or_create(
        host=host, defaults={"differences": redact(found), "error": error}
    )
    return report


def _differences(host: Host, timeout: float) -> list[dict[str, Any]]:
    call = apply_call(None, desired_state(host), check=True, timeout=timeout)
    found: list[dict[str, Any]] = list(
        channel.call(host, call.name, call.args, timeout=timeout).result()["differences"]
    )
    for inspector in inspectors_of(host):
        found += inspector.drift(host)
    return found


def _key(difference: dict[str, Any]) -> tuple[Any, ...]:
    return difference.get("kind"), difference.get("id"), difference.get("problem")


def check_drift_due() -> Host | None:
    """Compare the host whose last comparison is longest ago, if that is long enough; returns it.

    Safe to be called by any number of workers at once: one conditional UPDATE decides who compares.
    """
    now = timezone.now()
    for host in Host.objects.filter(drift=None):
        DriftReport.objects.get_or_create(host=host)
        DriftReport.objects.filter(host=host, checked__gte=now).update(checked=LONG_AGO)
    report = (
        DriftReport.objects.select_related("host").filter(checked__lt=now - drift_every()).order_by("checked").first()
    )
    if report is None or not DriftReport.objects.filter(pk=report.pk, checked=report.checked).update(checked=now):
        return None
    drift_of(report.host)
    return report.host


def forget_drift(host_name: str) -> None:
    """The host has just been changed as a whole: what its report says is old."""
    DriftReport.objects.filter(host__name=host_name).update(checked=LONG_AGO)


# --- looking -----------------------------------------------------------------------------------------------------


def journal_of(host: Host, *, after: int = 0, limit: int = 100, timeout: float = 5.0) -> dict[str, Any]:
    """What was applied on the host, when and by which operation: ``{"last": n, "entries": […]}``, oldest first.

    Raises operations.errors.StepError when it cannot be asked.
    """
    return channel.call(host, "journal", {"after": after, "limit": limit}, timeout=timeout).result()


def ping_all(timeout: float = 5.0) -> dict[str, bool]:
    """Ask every host whether it is there, all at once, and write it down; name to whether it answered."""
    hosts = list(Host.objects.all())
    began, took = time.monotonic(), {}
    futures = {host.name: channel.call(host, "ping", timeout=timeout) for host in hosts}
    for name, future in futures.items():
        future.add_done_callback(lambda _future, name=name: took.setdefault(name, time.monotonic() - began))  # type: ignore[misc]
    answered = {}
    deadline = time.monotonic() + timeout + 1
    for name, future in futures.items():
        try:
            future.result(max(0.0, deadline - time.monotonic()))
            answered[name] = True
        except (StepError, TimeoutError) as error:
            answered[name] = False
            if not isinstance(error, HostAway):  # it was there when the line was opened, and is silent now
                contacts.note_away(name)
    contacts.note_all()
    for host in hosts:
        host.ping_ms = took[host.name] * 1000 if answered[host.name] and host.name in took else None
    Host.objects.bulk_update(hosts, ["ping_ms"])
    return answered
