"""Who calls the REST API: ``Authorization: Bearer TOKEN``."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from controlpanel import reauthentication

from ..choices import TokenScope
from ..models import Login, Token
from ..tokens import authenticate_token


class TokenAuthentication(BaseAuthentication):
    """A token stands for its login, with all that the login may do or what the token is narrowed to. A bad one is 401,
    never "as nobody".

    What a token that only reads may not do is refused here, before any endpoint is asked, so that none can forget to.
    """

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[Login, Token] | None:
        """The login and its token; None when the request carries no bearer token."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != self.keyword.lower().encode():
            return None
        token = authenticate_token(words[1].decode("latin-1")) if len(words) == 2 else None
        if token is None:
            raise AuthenticationFailed(_("This token is not valid, has expired, or was revoked."), code="invalid_token")
        if token.scope != TokenScope.WRITE and request.method not in SAFE_METHODS:
            raise PermissionDenied(_("This token only reads. Make one that may change things."), code="read_only_token")
        return token.login, token

    def authenticate_header(self, request: Request) -> str:
        return f'{self.keyword} realm="api"'


class RecentSessionAuthentication(SessionAuthentication):
    """A browser's session. It reads; it writes only shortly after its owner has shown who they are, for this is the
    way around every page that asks for the password."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        found = super().authenticate(request)
        if found and request.method not in SAFE_METHODS and not reauthentication.is_recent(request._request):
            detail = _("Give your password again at /account/confirm/, or use a token.")
            raise PermissionDenied(detail, code="reauthentication_required")
        return found


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes it."""

    target_class = "members.api.authentication.RecentSessionAuthentication"
    name = "cookieAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes it."""

    target_class = "members.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return build_bearer_security_scheme_object(header_name="Authorization", token_prefix="Bearer")  # noqa: S106
