"""Numbers for Prometheus."""

from collections.abc import Iterable

from django.db.models import Count, Min
from django.utils import timezone

from controlpanel.metrics import Gauge, source

from .choices import DeliveryState
from .models import Delivery, Webhook


@source
def deliveries() -> Iterable[Gauge]:
    waiting = Delivery.objects.filter(state=DeliveryState.WAITING).aggregate(number=Count("pk"), first=Min("created"))
    age = (timezone.now() - waiting["first"]).total_seconds() if waiting["first"] else 0.0
    failing = Webhook.objects.filter(active=True).exclude(failing_since=None).count()
    yield Gauge("deliveries_waiting", "Messages to webhooks that have not arrived.", float(waiting["number"]))
    yield Gauge("deliveries_oldest_seconds", "Age of the oldest of them.", age)
    yield Gauge("webhooks_failing", "Webhooks at which nothing arrives.", float(failing))
