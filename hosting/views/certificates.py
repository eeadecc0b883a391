"""Certificates on a site's page, and the page to bring one's own."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from routing.issuing import NothingToRetry
from routing.models import Certificate

from .. import certificates, services
from ..choices import SiteState
from ..errors import HostingError
from ..models import Site
from ..own_certificates.forms import OwnCertificateForm
from .common import page, site_or_404


def certificates_context(site: Site) -> dict[str, Any]:
    """What ``hosting/site/certificates.html`` shows."""
    gone = site.state in (SiteState.DELETING, SiteState.DELETED, SiteState.PURGING)
    found = [] if gone else certificates.of_site(site)
    return {"certificates": found, "https_names": {each.name for each in found if each.row.is_offered}}


@never_cache
@login_required
@require_POST
def certificate_retry(request: HttpRequest, pk: int, certificate_pk: int) -> HttpResponse:
    """One click: look again now. Back to the site, which shows it happen."""
    return _ask(services.retry_certificate, request, pk, certificate_pk)


@never_cache
@login_required
@require_POST
def certificate_automatic(request: HttpRequest, pk: int, certificate_pk: int) -> HttpResponse:
    """Back to automatic ones; the site's page shows how it goes, and nothing is served without meanwhile."""
    return _ask(services.automatic_certificate, request, pk, certificate_pk)


@sensitive_post_parameters("key")
@never_cache
@login_required
@page
def own_certificate(request: HttpRequest, pk: int) -> HttpResponse:
    """Bring a certificate and its key for names of the site; what was wrong is told beside the fields."""
    site = site_or_404(request, pk)
    form = OwnCertificateForm(request.POST or None, request.FILES or None, site=site)
    if request.method == "POST" and form.is_valid():
        try:
            _site, operation = services.use_own_certificate(
                request.user, site, **form.cleaned_data, requested_from=request.META.get("REMOTE_ADDR")
            )
            return redirect(operation)
        except HostingError as error:
            form.add_problems(error)
    status = 422 if form.errors else 200
    return render(request, "hosting/own_certificate.html", {"site": site, "form": form}, status=status)


def _ask(ask: Callable[..., Any], request: HttpRequest, pk: int, certificate_pk: int) -> HttpResponse:
    site = site_or_404(request, pk)
    back = redirect(f"{site.get_absolute_url()}#certificates")
    try:
        ask(request.user, certificate_pk, requested_from=request.META.get("REMOTE_ADDR"))
    except Certificate.DoesNotExist:
        raise Http404 from None
    except NothingToRetry as error:
        messages.warning(request, str(error))
    return back
