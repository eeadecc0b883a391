"""A receiver hears from the running worker that an operation has ended, also when it was away at first."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.faults import places
from tests.hosting.live import LiveSite
from tests.panel import Api, Panel, wait_until
from webhooks import signing

from .receiver import Receiver, receiver

pytestmark = pytest.mark.lab


@pytest.fixture
def here() -> Iterator[Receiver]:
    """On this machine's address in the lab's network, which the lab lets receivers have."""
    with receiver(places.panel_setting("WEBHOOK_ALLOWED_NETWORKS").partition("/")[0]) as one:
        yield one


@pytest.fixture
def hook(panel: Panel, here: Receiver) -> Iterator[dict[str, Any]]:
    api = panel.member
    data = {"name": f"lab {uuid4().hex[:6]}", "url": here.url, "order": api.first_order()}
    made = api.post("webhooks/", {**data, "kinds": ["hosting.edit_site"]}, expect=201)
    yield made
    api.request("DELETE", f"webhooks/{made['id']}/", 204)


def test_the_end_of_an_operation_is_told_and_signed(panel: Panel, here: Receiver, hook: dict[str, Any]) -> None:
    site = LiveSite.create(panel)
    here.status = 503
    operation = site.edit(php_workers=2)
    wait_until(lambda: here.seen, 20, what="the first try")
    here.status = 204
    wait_until(lambda: deliveries(panel.member, hook)[0]["state"] == "delivered", 60, what="it is delivered")

    headers, body = here.seen[-1]
    assert json.loads(body)["data"]["id"] == operation["id"]
    sent = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert headers["webhook-signature"] == signing.signature(hook["secret"], headers["webhook-id"], sent, body)
    assert {seen["webhook-id"] for seen, _body in here.seen} == {headers["webhook-id"]}
    site.delete()


def deliveries(api: Api, hook: dict[str, Any]) -> list[dict[str, Any]]:
    return api.get(f"webhooks/{hook['id']}/deliveries/")["results"]  # type: ignore[no-any-return]
