"""Pages of a site's WordPress: how to log in, shown once, and another password."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from controlpanel.operations.models import Operation

from .. import services
from ..errors import HostingError
from ..forms import ConfirmForm
from ..models import Site
from ..services import Credentials
from .common import ask, page, site_or_404


def credentials_page(request: HttpRequest, site: Site, operation: Operation, credentials: Credentials) -> HttpResponse:
    """The password, in the answer to the click that made it and nowhere else; for a repeated click the operation."""
    if not credentials.password:
        return redirect(operation)
    context = {"site": site, "operation": operation, "credentials": credentials}
    return render(request, "hosting/credentials.html", context)


@never_cache
@login_required
@page
def new_password(request: HttpRequest, pk: int) -> HttpResponse:
    """Another password for WordPress' administrator, when it is confirmed."""
    site = site_or_404(request, pk)
    application = getattr(site, "application", None)
    if application is None:
        raise Http404
    form = ConfirmForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.new_wordpress_password(
                request.user,
                site,
                idempotency_key=form.cleaned_data["idempotency_key"],
                requested_from=request.META.get("REMOTE_ADDR"),
            )
            return credentials_page(request, *made)
        except HostingError as error:
            form.add_problems(error)
    heading = _("New password for WordPress of %(site)s?") % {"site": site.name}
    consequences = [
        _("“%(user)s” gets a new password, which you see once.") % {"user": application.username},
        _("Whoever is logged in to WordPress by that name is logged out."),
    ]
    return ask(request, site, form, heading, _("New password"), consequences)
