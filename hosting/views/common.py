"""What pages of hosting share: looking up what is asked for (others' things are 404) and asking for confirmation."""

from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from controlpanel.operations.choices import UNFINISHED, StepState
from controlpanel.operations.models import Operation

from .. import selectors
from ..errors import HostingError
from ..forms import ConfirmForm, QuarantineForm, RestoreSiteForm, ServiceForm
from ..models import Database, HostingOrder, Site

page = require_http_methods(["GET", "HEAD", "POST"])


def order_or_404(request: HttpRequest, pk: int) -> HostingOrder:
    """The order, when whoever asks may see it."""
    try:
        return selectors.order_for(request.user, pk)
    except HostingOrder.DoesNotExist:
        raise Http404 from None


def site_or_404(request: HttpRequest, pk: int) -> Site:
    """The site, when whoever asks may see it."""
    try:
        return selectors.site_for(request.user, pk)
    except Site.DoesNotExist:
        raise Http404 from None


@never_cache
@login_required
@page
def confirmed(
    request: HttpRequest,
    pk: int,
    change: Callable[..., tuple[Site, Operation]],
    *,
    heading: str,
    button: str,
    consequences: list[str],
    dangerous: bool = False,
    form_class: "type[RestoreSiteForm] | type[QuarantineForm] | None" = None,
) -> HttpResponse:
    """A page that says what will happen, and does it when it is confirmed."""
    site = site_or_404(request, pk)
    data = request.POST or None
    form: ServiceForm = form_class(data, site=site) if form_class else ConfirmForm(data)
    if request.method == "POST" and form.is_valid():
        try:
            _site, operation = change(
                request.user,
                site,
                **form.cleaned_data,
                requested_from=request.META.get("REMOTE_ADDR"),
            )
            return redirect(operation)
        except HostingError as error:
            form.add_problems(error)
    return ask(request, site, form, heading % {"site": site.name}, button, consequences, dangerous)


def ask(
    request: HttpRequest,
    thing: Site | Database,
    form: ServiceForm,
    heading: str,
    button: str,
    consequences: list[str],
    dangerous: bool = False,
) -> HttpResponse:
    """The page of a question about a site or a database, with what the form lacked the last time."""
    context = {
        "thing": thing,
        "form": form,
        "heading": heading,
        "button": button,
        "consequences": consequences,
        "dangerous": dangerous,
    }
    return render(request, "hosting/confirm.html", context, status=422 if form.errors else 200)


def under_way(operations: QuerySet[Operation]) -> QuerySet[Operation]:
    """Those of the operations that are not finished, oldest first, with how far they are."""
    done = Q(steps__state__in=(StepState.SUCCEEDED, StepState.SKIPPED))
    progress = {"all_steps": Count("steps"), "done_steps": Count("steps", filter=done)}
    return operations.filter(state__in=UNFINISHED).annotate(**progress).order_by("id")


def now(request: HttpRequest, operations: QuerySet[Operation]) -> HttpResponse:
    """What is happening with a thing, for its page to poll; when nothing is any more, the page is asked to reload."""
    running = under_way(operations)
    if running:
        return render(request, "hosting/now.html", {"now": request.path, "running": running})
    response = HttpResponse()
    response["HX-Refresh"] = "true"
    return response
