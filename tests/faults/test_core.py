"""PostgreSQL and Redis are restarted under load: nothing accepted is lost, and the panel needs nobody's help."""

import json
import threading
import time
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from websockets import Origin
from websockets.sync.client import ClientConnection, connect

from tests.panel import ENDED, Panel, fresh_name, on_host, wait_until

from . import places
from .conftest import Create

pytestmark = [pytest.mark.lab, pytest.mark.alone, pytest.mark.usefixtures("hosts_as_found")]

#: An event reaches whoever watches within this time, seconds; a page asks by itself only every ten.
LIVE = 4.0


def test_postgresql_restarted_under_load(panel: Panel, create: Create) -> None:
    """Clients repeat a request that got no good answer, with its key: each gets one site."""
    order, load = panel.member.first_order(), []
    answers: dict[str, dict[str, Any]] = {}
    statuses: list[int] = []

    def order_site() -> None:
        api, name, key = panel.member, fresh_name("load"), uuid.uuid4().hex
        while name not in answers:
            try:
                answer = api.request(
                    "POST",
                    "sites/",
                    json={"order": order, "kind": "static", "domains": [name]},
                    headers={"Idempotency-Key": key},
                )
            except requests.RequestException:
                continue
            statuses.append(answer.status_code)
            if answer.status_code == 202:
                answers[name] = answer.json()
            else:
                time.sleep(0.2)

    for _ in range(6):
        load.append(threading.Thread(target=order_site))
        load[-1].start()
        time.sleep(0.2)
        if len(load) == 3:
            on_host("core1", "systemctl", "restart", "postgresql.service")
    for thread in load:
        thread.join(90)

    assert len(answers) == 6
    assert set(statuses) <= {202, 503}
    try:
        for name, answer in answers.items():
            panel.member.wait(answer, seconds=90)
            assert name in panel.fetch(panel.edges[0], name).text
        assert len({answer["site"]["id"] for answer in answers.values()}) == 6
    finally:
        for deletion in [panel.member.delete(f"sites/{answer['site']['id']}/") for answer in answers.values()]:
            panel.member.wait(deletion, seconds=90)


def test_connections_to_postgresql_cut_again_and_again(panel: Panel, create: Create) -> None:
    """Each cut hits steps in the middle, and the next connection is there at once: no step may fail for it."""
    names = [fresh_name("cut") for _ in range(4)]
    answers = [create(name, kind="static", wait=False) for name in names]
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'controlpanel'"
    for _ in range(6):
        on_host("core1", "runuser", "-u", "postgres", "--", "psql", "-qc", cut)
        time.sleep(0.1)
    for answer, name in zip(answers, names, strict=True):
        wait_until(lambda answer=answer: ended(panel, answer), 90)
        panel.member.wait(answer)
        assert name in panel.fetch(panel.edges[0], name).text


def ended(panel: Panel, answer: dict[str, Any]) -> bool:
    """Whether the operation has; not while the panel says that its database is away."""
    now = panel.member.request("GET", f"operations/{answer['operation']['id']}/")
    assert now.status_code in (200, 503)
    return now.status_code == 200 and now.json()["state"] in ENDED


def test_live_progress_survives_redis(panel: Panel, create: Create) -> None:
    """A socket that is open while Redis is restarted, and one that is opened afterwards, go on telling at once."""
    with ExitStack() as sockets:
        with places.held("store1"):
            answer = create(wait=False)
            before = sockets.enter_context(watch(panel, answer))
            assert json.loads(before.recv(timeout=10))["seq"] == 1
            on_host("core1", "systemctl", "restart", "redis-server.service")
            time.sleep(2)  # what was connected notices, and connects again
            after = sockets.enter_context(watch(panel, answer))
        for socket in (before, after):
            while True:
                event = json.loads(socket.recv(timeout=30))
                delay = (datetime.now(UTC) - datetime.fromisoformat(event["time"])).total_seconds()
                if event["operation"]["finished"]:
                    break
            assert delay < LIVE


def test_the_first_who_watches_after_a_restart_of_redis_gets_in(panel: Panel, create: Create) -> None:
    """Nobody watched meanwhile, so nobody noticed that the connection of before had ended."""
    answer = create()
    with watch(panel, answer) as socket:
        socket.recv(timeout=10)
    on_host("core1", "systemctl", "restart", "redis-server.service")
    with watch(panel, answer) as socket:
        assert json.loads(socket.recv(timeout=10))["seq"] == 1


def test_sites_are_created_without_redis(panel: Panel, create: Create) -> None:
    """It carries news only."""
    name = fresh_name("redis")
    with places.stopped("core1", "redis-server.service"):
        create(name)
        for edge in panel.edges:
            assert name in panel.fetch(edge, name).text


def watch(panel: Panel, answer: dict[str, Any]) -> ClientConnection:
    """The operation's events, as a script gets them."""
    return connect(
        f"{panel.url.replace('http', 'ws', 1)}ws/operations/{answer['operation']['id']}/",
        additional_headers={"Authorization": str(panel.member.session.headers["Authorization"])},
        origin=Origin(panel.url.rstrip("/")),
    )
