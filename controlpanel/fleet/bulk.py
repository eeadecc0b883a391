"""What staff do to several hosts at once."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controlpanel.bulk import BulkDeed
from controlpanel.operations.models import Operation

from . import services
from .models import Host


def _drain(actor: Any, host: Host) -> str:
    services.drain(host, actor=actor)
    return _("It takes no new work.")


def _undrain(actor: Any, host: Host) -> str:
    services.undrain(host, actor=actor)
    return _("It takes new work again.")


def _compare(actor: Any, host: Host) -> str:
    services.forget_drift(host.name)
    return _("It is compared within a few seconds. What differs is shown here then.")


def _resync(actor: Any, hosts: Sequence[Host]) -> Operation:
    return services.resync(list(hosts), actor=actor)


OF_HOSTS = (
    BulkDeed(
        "drain",
        gettext_lazy("Drain"),
        gettext_lazy("Let these hosts take no new work?"),
        gettext_lazy("What is on them stays there."),
        _drain,
    ),
    BulkDeed(
        "undrain",
        gettext_lazy("End draining"),
        gettext_lazy("Let these hosts take new work again?"),
        gettext_lazy("New sites may be placed on them."),
        _undrain,
    ),
    BulkDeed(
        "compare",
        gettext_lazy("Compare now"),
        gettext_lazy("Compare these hosts with what they should hold?"),
        gettext_lazy("Nothing on them is changed."),
        _compare,
    ),
    BulkDeed(
        "resync",
        gettext_lazy("Resync"),
        gettext_lazy("Send these hosts everything that they should hold?"),
        gettext_lazy("What should not be there is removed. One operation does it, host by host."),
        lambda actor, host: _resync(actor, [host]),
        all_at_once=_resync,
    ),
)
