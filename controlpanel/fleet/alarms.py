"""Hosts about which a person has to say something: silent for too long, or back although they were given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from .choices import HostState
from .models import Host


@dataclass(frozen=True)
class Alarms:
    #: Not answering for longer than ALARM_AFTER. The panel asks what to do, and does nothing by itself.
    silent: Sequence[Host]
    #: Fenced off, and answering again: to be readmitted once they have been restarted.
    returned: Sequence[Host]


def alarms() -> Alarms:
    """As the database knows it now; one query."""
    since = timezone.now() - timedelta(seconds=settings.ALARM_AFTER)
    silent = Q(reachable=False, last_seen__lt=since) & ~Q(state=HostState.FENCED)
    hosts = list(Host.objects.filter(silent | Q(reachable=True, state=HostState.FENCED)).order_by("name"))
    return Alarms(
        silent=[host for host in hosts if not host.reachable],
        returned=[host for host in hosts if host.reachable],
    )
