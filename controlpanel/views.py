"""The way in, and the pages for what went wrong."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers


def home(request: HttpRequest) -> HttpResponse:
    """Where a person lands: their hosting orders (which sends to the login page who is not logged in)."""
    response = redirect("hosting:orders")
    patch_vary_headers(response, ["Cookie"])
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "400.html", status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "403.html", status=403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Also the answer for what exists but is somebody else's: whether it exists is nobody's business."""
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    return render(request, "500.html", status=500)
