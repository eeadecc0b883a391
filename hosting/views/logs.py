"""Pages of a site's logs: the last lines, live, and days to download."""

import re
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from .. import site_logs
from ..errors import HostingError
from ..models import Site
from .common import site_or_404

_DAY = re.compile(r"\A20[0-9]{2}-[01][0-9]-[0-3][0-9]\Z")
_CURSOR = re.compile(r"\A[0-9]{1,20}-[0-9]{1,20}\Z")
LINES = 200
#: A page that nobody looks at any more stops asking after so many times (two seconds each).
MOST_ASKED = 900


def _asked(request: HttpRequest, pk: int) -> tuple[Site, dict[str, Any]]:
    """The site and what is asked of its logs. Raises Http404."""
    site = site_or_404(request, pk)
    names = site_logs.logs_of(site)
    log = request.GET.get("log", "access")
    if log not in names:
        raise Http404
    find = request.GET.get("find", "")[: site_logs.LONGEST_SEARCH]
    return site, {"site": site, "names": names, "log": log, "name": names[log], "find": find}


@never_cache
@login_required
@require_GET
def site_logs_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The last lines of one log, going on live, and what can be downloaded."""
    site, context = _asked(request, pk)
    try:
        found = site_logs.lines(site, context["log"], count=LINES, find=context["find"])
        context |= {"lines": found.lines, "cursor": found.cursor, "asked": 0}
        context["days"] = [day for day in site_logs.days(site) if day.log == context["log"]]
    except HostingError as error:
        context["problem"] = error.text
    return render(request, "hosting/logs.html", context)


@never_cache
@login_required
@require_GET
def site_log_lines(request: HttpRequest, pk: int) -> HttpResponse:
    """The lines since the page last asked."""
    site, context = _asked(request, pk)
    after = request.GET.get("after", "")
    asked = request.GET.get("asked", "0")
    if not _CURSOR.match(after):
        after = ""
    context["asked"] = int(asked) + 1 if asked.isdigit() and len(asked) < 6 else 1
    context["ended"] = context["asked"] > MOST_ASKED
    try:
        found = site_logs.lines(site, context["log"], count=site_logs.MOST_LINES, find=context["find"], after=after)
        context |= {"lines": found.lines, "cursor": found.cursor, "skipped": found.skipped}
    except HostingError as error:
        context |= {"problem": error.text, "cursor": after}
    return render(request, "hosting/log_lines.html", context)


@never_cache
@login_required
@require_GET
def site_log_download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A day of a log, as text. What it streams is asynchronous; this itself is not."""
    site, context = _asked(request, pk)
    day = request.GET.get("day", "")
    if not _DAY.match(day):
        raise Http404
    return download(site, context["log"], day)


def download(site: Site, log: str, day: str) -> StreamingHttpResponse:
    """The answer that hands out a day of a log. Raises NoLogs."""
    site_logs.check(site)
    name = f"{site.identity}-{log}-{day}.log"
    response = StreamingHttpResponse(site_logs.text_of(site, log, day), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
