"""Writes down which hosts answered, and what they said of themselves. For threads that may use the database."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from controlpanel.operations import services as operations

from . import channel
from .models import Host

#: ``last_seen`` is not written more often than this while nothing else has changed.
OFTEN = timedelta(seconds=10)

_noted: dict[str, channel.Contact] = {}


def note_contact(host: Host | str, hello: dict[str, Any], at: datetime | None = None) -> None:
    """The host answered; ``hello`` is what it said when the line was opened (or answered to ``hello``)."""
    at = at or timezone.now()
    name = host if isinstance(host, str) else host.name
    said = {
        "boot_id": str(hello.get("boot_id", ""))[:36],
        "agent_version": str(hello.get("version", ""))[:64],
        "facts": hello.get("facts", {}),
    }
    values = {key: value for key, value in said.items() if value}
    fresh = Host.objects.filter(Q(last_seen=None) | Q(last_seen__lt=at), name=name)
    same = Q(reachable=True, last_seen__gt=at - OFTEN) & Q(**{k: v for k, v in values.items() if k != "facts"})
    if fresh.filter(reachable=False).update(reachable=True, last_seen=at, **values):
        operations.wake_waiting(name)
    else:
        fresh.exclude(same).update(last_seen=at, **values)


def note_away(host: Host | str, at: datetime | None = None) -> None:
    """The host did not answer at ``at`` (now)."""
    at = at or timezone.now()
    name = host if isinstance(host, str) else host.name
    Host.objects.filter(Q(last_seen=None) | Q(last_seen__lt=at), name=name, reachable=True).update(reachable=False)


def note_all(name: str | None = None) -> None:
    """Write down what this process's channels (or one of them) have learnt since the last time."""
    for host, contact in channel.contacts().items():
        if (name is None or name == host) and _noted.get(host) is not contact:
            _noted[host] = contact
            if contact.reachable:
                note_contact(host, contact.hello, contact.at)
            else:
                note_away(host, contact.at)


@channel.when_back
def _note_back(name: str) -> None:
    """What waits for the host goes on now, not only when somebody happens to look."""
    try:
        note_all(name)
    finally:
        connection.close()  # this thread's own
