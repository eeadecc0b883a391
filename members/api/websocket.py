"""Lets scripts open WebSockets with the token that they use for REST."""

from typing import Any

from channels.db import database_sync_to_async
from django.contrib.auth.models import AnonymousUser

from members import factors
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


class SecondFactorMiddleware:
    """Inside the session's middleware: staff whose session has shown no second factor are nobody yet."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        if not await self._may(scope["user"], scope["session"]):
            scope = {**scope, "user": AnonymousUser()}
        return await self.app(scope, receive, send)

    @database_sync_to_async
    def _may(self, user: Any, session: Any) -> bool:
        return not (user.is_authenticated and factors.required_of(user)) or factors.passed(session)
