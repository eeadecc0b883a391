"""Numbers for Prometheus."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone

from controlpanel.metrics import Gauge, source

from . import own_certificates
from .models import Certificate

#: A certificate that ends within this time should have been renewed by now.
SOON = timedelta(days=20)


@source
def certificates() -> Iterable[Gauge]:
    now = timezone.now()
    soon = Count("pk", filter=Q(not_after__lt=now + SOON))
    found = Certificate.objects.aggregate(number=Count("pk"), due=soon, first=Min("not_after"))
    left = (found["first"] - now).total_seconds() if found["first"] else 0.0
    own = float(own_certificates.ending(now).count())
    yield Gauge("certificates", "Certificates of sites.", float(found["number"]))
    yield Gauge("certificates_due", "Certificates that end within 20 days.", float(found["due"]))
    yield Gauge("certificates_own_due", "Uploaded certificates that end within 30 days: nobody renews them.", own)
    yield Gauge("certificates_first_ends_seconds", "Until the first of them ends; 0 when there is none.", left)
