"""The page that finds things."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from .. import search


@never_cache
@login_required
@require_GET
def search_page(request: HttpRequest) -> HttpResponse:
    """All that whoever asks may see and that is called so, by kind."""
    q = request.GET.get("q", "").strip()[: search.LONGEST]
    groups = search.find(request.user, q)
    return render(request, "hosting/search.html", {"q": q, "groups": groups})
