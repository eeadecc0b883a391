"""Staff let a change go on without an edge that is away; the edge is mended by itself when it is back."""

from typing import Any

import pytest

from tests.panel import Panel, cut_off, fresh_name, wait_until

from .conftest import Create

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]


def waiting_steps(panel: Panel, answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for step in panel.member.operation(answer)["steps"] if step["state"] == "waiting"]


def skip_path(answer: dict[str, Any], step: dict[str, Any]) -> str:
    return f"operations/{answer['operation']['id']}/steps/{step['position']}/skip/"


def test_skipped_edge_catches_up(panel: Panel, create: Create) -> None:
    name = fresh_name("skip")
    with cut_off("edge1"):
        answer = create(name, wait=False)
        panel.member.wait(answer, "waiting", seconds=60)
        # First what it was to be told, then the look through it.
        for _step in range(2):
            (step,) = wait_until(lambda: waiting_steps(panel, answer), 60)
            assert step["host"] == "edge1"
            panel.member.request("POST", skip_path(answer, step), expect=403)  # members do not
            wait_until(lambda step=step: panel.api().request("POST", skip_path(answer, step)).status_code == 202, 30)
            wait_until(lambda step=step: step["position"] not in [s["position"] for s in waiting_steps(panel, answer)])
        panel.member.wait(answer, seconds=30)
        assert name in panel.fetch(panel.edges[1], name).text

    wait_until(lambda: name in panel.fetch(panel.edges[0], name).text, 90, every=0.5, what="edge1 serves the new site")
