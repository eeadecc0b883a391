"""Numbers for Prometheus."""

from collections.abc import Iterable

from controlpanel.metrics import Gauge, source

from .choices import HostState
from .models import DriftReport, Host


@source
def hosts() -> Iterable[Gauge]:
    found = list(Host.objects.values_list("name", "state", "reachable", "ping_ms"))
    up = [({"host": name}, float(reachable)) for name, _state, reachable, _ping in found]
    fenced = [({"host": name}, float(state == HostState.FENCED)) for name, state, _reachable, _ping in found]
    pings = [({"host": name}, ping / 1000) for name, _state, _reachable, ping in found if ping is not None]
    yield Gauge("host_reachable", "Whether the host's agent answers.", up, ("host",))
    yield Gauge("host_fenced", "Whether the host is fenced off.", fenced, ("host",))
    yield Gauge("agent_call_seconds", "How long the host's agent took to answer the last ping.", pings, ("host",))
    drift = DriftReport.objects.values_list("host__name", "differences")
    differences = [({"host": name}, float(len(found))) for name, found in drift]
    yield Gauge("host_drift", "Differences from what the database says, as last compared.", differences, ("host",))
