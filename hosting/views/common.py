"""What pages of hosting share: looking up what is asked for (others' things are 404) and asking for confirmation."""

from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from controlpanel.operations.models import Operation

from .. import selectors
from ..errors import HostingError
from ..forms import ConfirmForm, QuarantineForm, RestoreSiteForm, ServiceForm
from ..models import HostingOrder, Site

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
    context = {
        "site": site,
        "form": form,
        "heading": heading % {"site": site.name},
        "button": button,
        "consequences": consequences,
        "dangerous": dangerous,
    }
    return render(request, "hosting/confirm.html", context, status=422 if form.errors else 200)
