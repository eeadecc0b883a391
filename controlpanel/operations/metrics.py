"""Numbers for Prometheus."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Count, Min
from django.utils import timezone
from django_q.models import OrmQ

from controlpanel.metrics import Gauge, source

from .choices import FINISHED, UNFINISHED, OperationState
from .models import Operation


@source
def operations() -> Iterable[Gauge]:
    now = timezone.now()
    recent = Operation.objects.filter(state__in=FINISHED, created__gt=now - timedelta(days=1))
    for name, about, rows in (
        ("operations_unfinished", "Operations that have not ended.", Operation.objects.filter(state__in=UNFINISHED)),
        ("operations_ended_day", "Operations that have ended, of those asked for in the last 24 hours.", recent),
    ):
        counted = rows.order_by().values_list("kind", "state").annotate(Count("pk"))
        values = [({"kind": kind, "state": state}, float(number)) for kind, state, number in counted]
        yield Gauge(name, about, values, ("kind", "state"))
    queued = Operation.objects.filter(state=OperationState.QUEUED).aggregate(first=Min("created"))["first"]
    age = (now - queued).total_seconds() if queued else 0.0
    yield Gauge("operations_oldest_queued_seconds", "Age of the oldest operation that nobody has begun.", age)
    yield Gauge("queue_length", "Wake-ups that no worker has taken.", float(OrmQ.objects.count()))
