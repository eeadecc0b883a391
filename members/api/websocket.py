"""Lets scripts open WebSockets with the token that they use for REST."""

from typing import Any

from channels.db import database_sync_to_async

from members.models import Login
from members.tokens import authenticate_token


class TokenMiddleware:
    """Sets ``scope["user"]`` from ``Authorization: Bearer TOKEN``; without that header the session's login stays."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        header = dict(scope.get("headers", [])).get(b"authorization", b"").decode("latin-1")
        scheme, _, text = header.partition(" ")
        if scheme.lower() == "bearer" and (login := await self._login(text.strip())):
            scope = {**scope, "user": login}
        return await self.app(scope, receive, send)

    @database_sync_to_async
    def _login(self, text: str) -> Login | None:
        token = authenticate_token(text)
        return token.login if token else None
