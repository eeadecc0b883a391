"""Live progress replays what was missed, in order, to those who may see it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser

from controlpanel.operations import runner
from controlpanel.operations.models import Operation
from controlpanel.operations.routing import websocket_urlpatterns
from tests.factories import LoginFactory, StaffFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]
Start = Callable[..., Operation]


@pytest.fixture(autouse=True)
def in_memory_layer(settings) -> None:  # type: ignore[no-untyped-def]
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


class Socket(ApplicationCommunicator):
    """A browser's end of the WebSocket."""

    def __init__(self, operation: Operation, user: object, after: int = 0) -> None:
        scope = {
            "type": "websocket",
            "path": f"/ws/operations/{operation.pk}/",
            "query_string": f"after={after}".encode(),
            "headers": [],
            "user": user,
        }
        super().__init__(URLRouter(websocket_urlpatterns), scope)

    async def open(self) -> "Socket":
        await self.send_input({"type": "websocket.connect"})
        assert (await self.receive_output())["type"] == "websocket.accept"
        return self

    async def read(self) -> dict[str, Any]:
        return json.loads((await self.receive_output(timeout=5))["text"])

    async def read_to_the_end(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        while not events or not (events[-1]["kind"] == "operation" and events[-1]["data"]["state"] == "succeeded"):
            events.append(await self.read())
        return events

    async def leave(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait()


@database_sync_to_async
def staff() -> object:
    return StaffFactory()


async def test_who_comes_late_gets_everything(start: Start) -> None:
    operation = await database_sync_to_async(start)()
    await database_sync_to_async(runner.run)(operation.pk)
    browser = await Socket(operation, await staff()).open()
    events = await browser.read_to_the_end()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["operation"]["finished"] is True
    await browser.leave()


async def test_who_reconnects_gets_the_rest(start: Start) -> None:
    operation = await database_sync_to_async(start)()
    await database_sync_to_async(runner.run)(operation.pk)
    browser = await Socket(operation, await staff(), after=5).open()
    assert (await browser.read_to_the_end())[0]["seq"] == 6
    await browser.leave()


async def test_a_stranger_is_told_there_is_no_such_operation(start: Start) -> None:
    operation = await database_sync_to_async(start)(scopes=["member:1"])
    for user in (AnonymousUser(), await database_sync_to_async(LoginFactory)()):
        browser = await Socket(operation, user).open()
        assert (await browser.receive_output())["code"] == 4404
        await browser.leave()
