"""Lets scripts open WebSockets with the token that they use for REST."""

from typing import Any

from channels.db import database_sync_to_async
from django.contrib.auth.models import AnonymousUser

from members.models import Login
from members.tokens import authenticate_token


class TokenMiddleware:
    """``Authorization: Bearer TOKEN`` says who asks; who sends no such header goes to ``otherwise`` (the session).

    A browser cannot be made to send that header by another site's page, so the Origin, which scripts do not send, is
    only asked for on the session's way.
    """

    def __init__(self, app: Any, otherwise: Any) -> None:
        self.app = app
        self.otherwise = otherwise

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        header = dict(scope.get("headers", [])).get(b"authorization", b"").decode("latin-1")
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer":
            return await self.otherwise(scope, receive, send)
        user = await self._login(text.strip()) or AnonymousUser()
        return await self.app({**scope, "user": user}, receive, send)

    @database_sync_to_async
    def _login(self, text: str) -> Login | None:
        token = authenticate_token(text)
        return token.login if token else None
