"""Live progress: ``/ws/operations/<id>/?after=SEQ``."""

import asyncio
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.utils import translation

from . import events, selectors

#: WebSocket close codes of ours (4000 to 4999 are free for applications, RFC 6455 section 7.4.2).
NOT_FOUND = 4404


class OperationConsumer(AsyncJsonWebsocketConsumer):
    """Sends every event of one operation in order, first those after ``SEQ``, then as they happen.

    Messages only say "there is something new": what is sent is always read from the rows, so a lost or doubled
    message loses and doubles nothing.
    """

    async def connect(self) -> None:
        self.operation_id = int(self.scope["url_route"]["kwargs"]["operation_id"])
        self.last = self._after()
        self.finished = False
        self._sending = asyncio.Lock()
        if not await self._may_see():
            await self.accept()  # a close code only reaches the browser on an accepted socket
            await self.close(NOT_FOUND)
            return
        await self.channel_layer.group_add(events.group_name(self.operation_id), self.channel_name)
        await self.accept()
        await self._send_new()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(events.group_name(self.operation_id), self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Whatever the browser says is a nudge (it sends one now and then, in case a message was lost)."""
        await self._send_new()

    async def operation_changed(self, message: dict[str, Any]) -> None:
        await self._send_new()

    def _after(self) -> int:
        value = parse_qs(self.scope.get("query_string", b"").decode("latin-1")).get("after", ["0"])[0]
        return int(value) if value.isdecimal() and len(value) < 10 else 0

    async def _send_new(self) -> None:
        async with self._sending:
            for payload in await self._new_events():
                await self.send_json(payload)
                self.last = payload["seq"]

    @database_sync_to_async
    def _may_see(self) -> bool:
        user = self.scope.get("user")
        return selectors.operations_for(user).filter(pk=self.operation_id).exists()

    @database_sync_to_async
    def _new_events(self) -> list[dict[str, Any]]:
        # Asked afresh each time: access that was taken away ends what is seen.
        user = self.scope["user"]
        if not selectors.operations_for(user).filter(pk=self.operation_id).exists():
            return []
        with translation.override(self._language()):
            return [
                events.render(event, staff=user.is_staff)
                for event in selectors.events_after(self.operation_id, self.last)
            ]

    def _language(self) -> str:
        chosen = self.scope.get("cookies", {}).get(settings.LANGUAGE_COOKIE_NAME) or getattr(
            self.scope["user"], "language", ""
        )
        if not chosen:
            headers = dict(self.scope.get("headers", []))
            chosen = headers.get(b"accept-language", b"").decode("latin-1")[:2]
        return chosen if chosen in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
