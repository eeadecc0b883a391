"""What visitors of a site get at this moment, as its edges see it. Asked when somebody looks at the site's page."""

import time
from dataclasses import dataclass

from django.core.cache import cache
from django.utils.translation import gettext as _

from controlpanel.fleet import channel
from controlpanel.operations.errors import StepError
from routing import selectors as routing

from .choices import SiteState
from .health import Reason
from .models import Site

#: Seconds for which an answer stands, so that a page that is reloaded in anger asks no more of the site.
FRESH = 20
#: Seconds that a site may take to answer.
PATIENCE = 8.0


@dataclass(frozen=True)
class Seen:
    """What one edge got from a site's start page."""

    edge: str
    #: HTTP status; None when there was no answer.
    status: int | None
    seconds: float


def is_askable(site: Site) -> bool:
    """Whether visitors are to get the site itself, so that there is something to ask for."""
    return bool(
        site.placed and site.answers and not site.maintenance and site.primary and site.state != SiteState.DELETED
    )


def look(site: Site) -> list[Seen]:
    """What each edge gets from the site, all asked at once; an edge that is away itself is left out."""
    key = f"probe:{site.pk}"
    kept: list[Seen] | None = cache.get(key)
    if kept is not None:
        return kept
    edges = list(routing.edges().filter(reachable=True))
    begun = time.monotonic()
    asked = {}
    for edge in edges:
        asked[edge.name] = channel.call(edge, "edge.visit", {"name": site.primary}, timeout=PATIENCE, quick=True)
    found = []
    for name, future in asked.items():
        try:
            answer = future.result(max(0.0, begun + PATIENCE + 1 - time.monotonic()))
        except (StepError, TimeoutError):
            continue
        found.append(Seen(name, answer["status"], float(answer["seconds"])))
    cache.set(key, found, FRESH)
    return found


def judge(found: list[Seen]) -> Reason | None:
    """In words; None when no edge could be asked. The worst answer counts: some visitor gets it."""
    if not found:
        return None
    worst = max(found, key=lambda one: one.status or 600)
    if worst.status is None:
        return Reason("bad", _("Its start page did not answer when we just asked for it."))
    values = {"status": worst.status, "seconds": f"{worst.seconds:.1f}"}
    if worst.status >= 500:
        return Reason("bad", _("Its start page answers with an error (%(status)s). Its logs say more.") % values)
    if worst.status in (401, 403):
        return Reason("good", _("It answers, and lets in only who may (%(status)s).") % values)
    if worst.status >= 400:
        return Reason("warning", _("It answers, but has no start page (%(status)s).") % values)
    return Reason("good", _("We just asked: it answered in %(seconds)s s.") % values)
