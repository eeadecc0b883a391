"""Pages of a site's files: what has changed since a snapshot, and bringing files back from it."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from members.reauthentication import recently_authenticated

from .. import services
from ..errors import HostingError
from ..forms import RestoreFilesForm
from .common import confirmed, page, site_or_404


def snapshot_take(request: HttpRequest, pk: int) -> HttpResponse:
    return confirmed(
        request,
        pk,
        services.take_snapshot,
        heading=_("Take a snapshot of %(site)s?"),
        button=_("Take a snapshot"),
        consequences=[_("The files as they are now can be compared with, and brought back, later on.")],
    )


@never_cache
@login_required
@recently_authenticated
@page
def site_changes(request: HttpRequest, pk: int, snapshot_pk: int) -> HttpResponse:
    """What was added, removed or changed since the snapshot; the chosen files are made as they were in it."""
    site = site_or_404(request, pk)
    form = RestoreFilesForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _site, operation = services.restore_files(
                request.user,
                site,
                snapshot_pk,
                paths=request.POST.getlist("path"),
                everything="everything" in request.POST,
                idempotency_key=form.cleaned_data["idempotency_key"],
                requested_from=request.META.get("REMOTE_ADDR"),
            )
            return redirect(operation)
        except HostingError as error:
            form.add_problems(error)
    found, problem, snapshot = {"differences": [], "next": ""}, "", None
    try:
        snapshot = services.snapshot_of(site, snapshot_pk)
        found = services.compare(request.user, site, snapshot_pk, after=request.GET.get("after", "")[:4096])
    except HostingError as error:
        problem = error.text
    context = {"site": site, "snapshot": snapshot, "found": found, "problem": problem, "form": form}
    return render(request, "hosting/changes.html", context, status=422 if form.errors else 200)
