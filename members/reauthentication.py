"""The password once more, or a second factor, before something dangerous.

``@recently_authenticated`` stands before a view; ``RecentlyAuthenticatedMixin`` before a class of views. In the admin a
deed says ``sensitive=True`` (controlpanel.admin). All send a session whose password is older than ten minutes to
``views/confirm.py`` first, and from there back.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from controlpanel import reauthentication

View = Callable[..., HttpResponseBase]


def recently_authenticated(view: View) -> View:
    """Decorator, below ``login_required``: the view is reached only by who gave the password not long ago."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not reauthentication.is_recent(request):
            return reauthentication.ask(request)
        return view(request, *args, **kwargs)

    return guarded


class RecentlyAuthenticatedMixin:
    """The same for a class of views."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not reauthentication.is_recent(request):
            return reauthentication.ask(request)
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return answer
