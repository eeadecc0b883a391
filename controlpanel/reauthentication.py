"""How long ago whoever sits at this session showed that it is them: what is dangerous asks again.

Only the session is looked at here, so every app may; who asks for the password is ``members.reauthentication``. Tokens
of the REST API have no session, and are exempt.
"""

import time
from urllib.parse import urlencode

from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

#: Seconds for which a password counts.
FRESH_FOR = 600
KEY = "authenticated_at"


def note(request: HttpRequest) -> None:
    """The password has just been given, and was right."""
    request.session[KEY] = int(time.time())


def is_recent(request: HttpRequest) -> bool:
    """Whether that was not long ago."""
    at = request.session.get(KEY)
    return isinstance(at, int) and 0 <= time.time() - at < FRESH_FOR


def ask(request: HttpRequest) -> HttpResponseRedirect:
    """To the page that asks for the password, and back to this one afterwards (what was posted is not repeated)."""
    return HttpResponseRedirect(f"{reverse('members:confirm_password')}?{urlencode({'next': request.get_full_path()})}")


def _logged_in(sender: object, request: HttpRequest | None, **kwargs: object) -> None:
    if request is not None and hasattr(request, "session"):
        note(request)


user_logged_in.connect(_logged_in, dispatch_uid="controlpanel.reauthentication")
