"""Every request's writes are those of whoever it comes from."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from . import context


class AuditMiddleware:
    """Asked when something is written, not before: by then the session, or the REST token, has said who it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with context.acting(lambda: context.of_request(request)):
            return self.get_response(request)
