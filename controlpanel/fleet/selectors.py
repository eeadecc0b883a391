"""Reading hosts."""

from collections.abc import Sequence

from django.db.models import QuerySet

from controlpanel.operations.access import Asker

from .choices import HostState
from .models import Host


class UnknownHost(Exception):
    """No host of that name; ``str()`` says which there are."""


def hosts_for(actor: Asker) -> QuerySet[Host]:
    """The hosts that the asker may see: staff all, everybody else none (members never choose or see a server)."""
    if actor is None or not getattr(actor, "is_staff", False) or not getattr(actor, "is_active", False):
        return Host.objects.none()
    return Host.objects.all()


def hosts_named(names: Sequence[str]) -> list[Host]:
    """Those hosts, in that order. Raises UnknownHost."""
    found = {host.name: host for host in Host.objects.filter(name__in=names)}
    unknown = [name for name in names if name not in found]
    if unknown:
        known = ", ".join(Host.objects.values_list("name", flat=True)) or "none; enrol one with manage.py enroll"
        raise UnknownHost(f"There is no host {', '.join(unknown)}. There are: {known}.")
    return [found[name] for name in dict.fromkeys(names)]


def unfenced() -> list[Host]:
    """All hosts but those that are fenced off."""
    return list(Host.objects.exclude(state=HostState.FENCED))
