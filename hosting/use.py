"""What a site uses, over the last day, for pages: by metric, points that ``{% plot %}`` draws."""

from datetime import timedelta

from django.utils import timezone

from controlpanel.fleet import samples

from .models import Site

METRICS = ("requests", "memory", "cpu")
SINCE = timedelta(days=1)


def use_of(site: Site) -> dict[str, list[samples.Point]]:
    """Requests a second, memory (bytes) and CPU (percent of one processor) of all its hosts; empty at first."""
    since = timezone.now() - SINCE
    lines = samples.several([f"site:{site.pk}"], METRICS, since)
    found = {metric: points for (_subject, metric), points in lines.items()}
    return found if any(found.values()) else {}
