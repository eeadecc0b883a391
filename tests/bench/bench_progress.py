"""Progress: from the moment an event is stored until a browser has it over the WebSocket."""

import asyncio
import json
from datetime import UTC, datetime

import websockets

from tests.bench import results
from tests.panel import Panel, fresh_name

SITES = 10


async def watch(panel: Panel, operation: int) -> list[float]:
    """Seconds between each event's own time (one clock: all runs on this machine) and its arrival."""
    url = panel.url.replace("http", "ws", 1).rstrip("/") + f"/ws/operations/{operation}/"
    headers = {"Authorization": f"Bearer {panel.staff['token']}"}
    delays = []
    opened = datetime.now(UTC)
    async with websockets.connect(url, additional_headers=headers) as socket:
        async for text in socket:
            event = json.loads(text)
            time = datetime.fromisoformat(event["time"])
            if time > opened:  # older ones are replayed
                delays.append((datetime.now(UTC) - time).total_seconds())
            if event["operation"]["finished"]:
                return delays
    return delays


def main() -> None:
    panel = Panel.running()
    panel.make_room()
    delays: list[float] = []
    for _ in range(SITES):
        answer = panel.member.create_site(fresh_name("progress"), wait=False)
        delays += asyncio.run(asyncio.wait_for(watch(panel, answer["operation"]["id"]), 60))
        panel.member.wait(panel.member.delete(f"sites/{answer['site']['id']}/"))
    ours = results.summary(delays)
    results.record(
        "progress",
        numbers={"row_to_browser_s": ours},
        rivals={"a page that polls every 2 s": {"row_to_browser_s": {"median": 1.0}}},
        ratios={"median": round(1.0 / ours["median"], 1)},
        notes="from the moment an event's row is made until a WebSocket client has it; the rival's figure is computed",
    )


if __name__ == "__main__":
    main()
