"""Numbers for Prometheus."""

from collections.abc import Iterable

from django.db.models import Count, Min
from django.utils import timezone

from controlpanel.metrics import Gauge, source

from .models import Mail


@source
def mails() -> Iterable[Gauge]:
    waiting = Mail.objects.filter(sent=None, given_up=False).aggregate(number=Count("pk"), first=Min("created"))
    age = (timezone.now() - waiting["first"]).total_seconds() if waiting["first"] else 0.0
    yield Gauge("mails_waiting", "Messages in the outbox.", float(waiting["number"]))
    yield Gauge("mails_oldest_seconds", "Age of the oldest message in the outbox.", age)
