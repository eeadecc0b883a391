"""Certificates on a site's page."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from routing.issuing import NothingToRetry
from routing.models import Certificate

from .. import certificates, services
from ..choices import SiteState
from ..models import Site
from .common import site_or_404


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
    site = site_or_404(request, pk)
    back = redirect(f"{site.get_absolute_url()}#certificates")
    try:
        services.retry_certificate(request.user, certificate_pk, requested_from=request.META.get("REMOTE_ADDR"))
    except Certificate.DoesNotExist:
        raise Http404 from None
    except NothingToRetry as error:
        messages.warning(request, str(error))
    return back
