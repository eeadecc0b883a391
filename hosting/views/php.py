"""The page of a site's PHP settings."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from .. import services
from ..errors import HostingError, StaleForm
from ..php_forms import PhpSettingsForm
from .common import page, site_or_404


@never_cache
@login_required
@page
def php_settings(request: HttpRequest, pk: int) -> HttpResponse:
    """Change the settings of the site's PHP; they take effect with the operation's end."""
    site = site_or_404(request, pk)
    if not site.runs_php:
        raise Http404
    form = PhpSettingsForm(request.POST or None, site=site)
    stale = False
    if request.method == "POST" and form.is_valid():
        try:
            _site, operation = services.edit_site(
                request.user,
                site,
                php_settings=form.chosen,
                revision=form.cleaned_data["revision"],
                idempotency_key=form.cleaned_data["idempotency_key"],
                requested_from=request.META.get("REMOTE_ADDR"),
            )
            return redirect(operation)
        except HostingError as error:
            form.add_problems(error)
            stale = isinstance(error, StaleForm)
    context = {"form": form, "site": site, "stale": stale}
    return render(request, "hosting/php_settings.html", context, status=422 if form.errors else 200)
