"""What browsers may load on the admin's pages: no script and no style but files of ours, there too.

The theme evaluates Alpine's expressions, which browsers count as eval; and two of its templates hold a style sheet,
which get the page's nonce here. Everything else is the policy of all pages (settings.CONTENT_SECURITY_POLICY).
"""

from collections.abc import Callable

from csp.constants import NONCE, UNSAFE_EVAL
from django.http import HttpRequest, HttpResponse

#: How the theme's own style sheets begin, word for word: what somebody managed to write into a page is not among them.
STYLES = (
    b'<style id="unfold-theme-colors">',
    b"<style>\n            #changelist table thead th:first-child {width: inherit}",
)


class AdminPolicyMiddleware:
    """Behind django-csp's, which writes the header afterwards."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path_info.startswith("/admin/") and not response.streaming:
            nonce = f'<style nonce="{request.csp_nonce}"'.encode()  # type: ignore[attr-defined]
            for style in STYLES:
                response.content = response.content.replace(style, style.replace(b"<style", nonce, 1), 1)
            if response.has_header("Content-Length"):
                response["Content-Length"] = str(len(response.content))
            response._csp_update = {"script-src": ["'self'", UNSAFE_EVAL], "style-src": ["'self'", NONCE]}  # type: ignore[attr-defined]
        return response
