"""The WebSocket's door: a script comes in with its token and no Origin; a page of another site does not come in."""

from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async

from controlpanel.asgi import application
from members.services import create_token
from tests.factories import OperationFactory, StaffFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


@pytest.fixture(autouse=True)
def in_memory_layer(settings) -> None:  # type: ignore[no-untyped-def]
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


async def answers(path: str, **headers: str) -> list[dict[str, Any]]:
    """What the door says first, and next if it opened."""
    scope = {
        "type": "websocket",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    browser = ApplicationCommunicator(application, scope)
    await browser.send_input({"type": "websocket.connect"})
    said = [await browser.receive_output(timeout=5)]
    if said[0]["type"] == "websocket.accept" and not await browser.receive_nothing(timeout=0.3):
        said.append(await browser.receive_output(timeout=5))
    await browser.send_input({"type": "websocket.disconnect", "code": 1000})
    await browser.wait(timeout=5)
    return said


async def test_a_token_needs_no_origin() -> None:
    operation = await database_sync_to_async(OperationFactory)()
    login = await database_sync_to_async(StaffFactory)()
    _token, text = await database_sync_to_async(create_token)(login=login, name="script")
    said = await answers(f"/ws/operations/{operation.pk}/", authorization=f"Bearer {text}")
    assert [one["type"] for one in said] == ["websocket.accept"]


async def test_a_wrong_token_sees_nothing() -> None:
    operation = await database_sync_to_async(OperationFactory)()
    said = await answers(f"/ws/operations/{operation.pk}/", authorization="Bearer cp_wrong")
    assert said[-1]["code"] == 4404


async def test_a_page_of_another_site_does_not_come_in() -> None:
    operation = await database_sync_to_async(OperationFactory)()
    said = await answers(f"/ws/operations/{operation.pk}/", origin="https://evil.example", host="127.0.0.1")
    assert said[0]["type"] == "websocket.close"
