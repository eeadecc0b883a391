"""``/metrics`` for Prometheus.

What concerns the house as a whole (operations, hosts, mail…) is read from the database when it is asked for, so it is
right whichever process answers, and however many there are. Apps add theirs in a ``metrics.py`` with ``@source``.
Requests are counted by each web process for itself: where several run, give each its own port and scrape them all.
"""

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Gauge:
    """One number or several by label; its name gets ``controlpanel_`` before it."""

    name: str
    about: str
    values: "float | Iterable[tuple[Labels, float]]"
    #: Names of the labels, so that the metric is there also while it has no value.
    labels: tuple[str, ...] = ()


Source = Callable[[], Iterable[Gauge]]
_sources: list[Source] = []


def source(function: Source) -> Source:
    """Decorator for an app's ``metrics.py``. A few short queries: it is asked several times a minute."""
    _sources.append(function)
    return function


class _FromDatabase(Collector):
    def collect(self) -> Iterator[Metric]:
        with transaction.atomic():  # all from one moment, nearly, and on one connection
            for function in _sources:
                for gauge in function():
                    yield _family(gauge)


def _family(gauge: Gauge) -> GaugeMetricFamily:
    name = f"controlpanel_{gauge.name}"
    if isinstance(gauge.values, (int, float)):
        return GaugeMetricFamily(name, gauge.about, value=gauge.values)
    family = GaugeMetricFamily(name, gauge.about, labels=gauge.labels)
    for labels, value in gauge.values:
        family.add_metric([labels[label] for label in gauge.labels], value)
    return family


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For METRICS_TOKEN as bearer, or from METRICS_ALLOWED_NETWORKS; 401 for everybody else."""
    if not _may_read(request):
        answer = HttpResponse("not for you\n", status=401, content_type="text/plain")
        answer["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return answer
    registry = CollectorRegistry()
    registry.register(_FromDatabase())
    return HttpResponse(generate_latest(registry) + generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    token = settings.METRICS_TOKEN
    if token and scheme.lower() == "bearer" and hmac.compare_digest(text.strip().encode(), token.encode()):
        return True
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in ip_network(network) for network in settings.METRICS_ALLOWED_NETWORKS)
