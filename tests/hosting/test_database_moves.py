"""A database's move against hosts that answer as told: the order of things, and what becomes of trouble."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from controlpanel.fleet import channel
from controlpanel.fleet.models import Host
from controlpanel.operations import runner
from controlpanel.operations import services as operations
from controlpanel.operations.errors import AnswerLost, HostAway, Refused
from controlpanel.operations.models import Operation
from hosting import services
from hosting.databases.errors import TooLargeToHold
from hosting.models import Database
from members.models import Login
from tests.factories import DatabaseFactory, HostFactory, SiteFactory, StaffFactory

pytestmark = pytest.mark.django_db(transaction=True)

Answer = Callable[[str, dict[str, Any]], dict[str, Any]]
GOOD: dict[str, dict[str, Any]] = {
    "database.precheck": {"method": "replicate", "reasons": []},
    "database.lag": {"ready": True, "error": "", "seconds": 0.0, "bytes": 0},
    "database.lock": {"position": {"file": "binlog.000001", "position": 4, "lock": "a"}, "ended": 0},
    "database.compare": {"complete": True, "structure": "s", "tables": {"t": {"rows": 3, "checksum": "1"}}},
}


class Hosts:
    """All hosts, behind ``channel.call``: notes what it is asked, in order, and answers well unless told otherwise."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.routes: dict[str, dict[str, Any]] = {}
        #: (host, call) to what it raises, each once unless it is in ``always``.
        self.trouble: dict[tuple[str, str], list[Exception]] = {}
        self.always: dict[str, Exception] = {}

    def call(self, host: Host | str, name: str, args: dict[str, Any] | None = None, **options: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        where = host if isinstance(host, str) else host.name
        try:
            answer = self._answer(where, name, args or {})
            check = options.get("check")
            future.set_result(check(answer) if check else answer)
        except Exception as error:
            future.set_exception(error)
        return future

    def _answer(self, host: str, name: str, args: dict[str, Any]) -> dict[str, Any]:
        if host in self.always:
            raise self.always[host]
        items = args.get("items", [])
        told = name
        for item in items:
            if item["kind"] == "database_route":
                told = "hold" if item["spec"].get("hold") else "route"
                self.routes[host] = item["spec"]
            elif item["kind"] == "database":
                told = item["spec"]["state"]
        self.asked.append((host, told))
        waiting = self.trouble.get((host, told))
        if waiting:
            raise waiting.pop(0)
        if name == "apply":
            return {"items": [{"kind": item["kind"], "id": item["id"], "status": "ok"} for item in items]}
        return dict(GOOD.get(name, {}))

    def when(self, host: str, told: str) -> int:
        """When it was last asked that."""
        return max(number for number, asked in enumerate(self.asked) if asked == (host, told))


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    hosts = Hosts()
    monkeypatch.setattr(channel, "call", hosts.call)
    return hosts


@pytest.fixture
def staff() -> Login:
    return StaffFactory()


@pytest.fixture
def database() -> Database:
    db1 = HostFactory(name="db1", roles=["database"])
    HostFactory(name="db2", roles=["database"])
    database = DatabaseFactory(host=db1)
    SiteFactory(order=database.order, host=HostFactory(name="web1"))
    HostFactory(name="web2")
    return database


def move(staff: Login, database: Database) -> Operation:
    _database, operation = services.move_database(staff, database, "db2")
    runner.run(operation.pk)
    operation.refresh_from_db()
    database.refresh_from_db()
    return operation


def go_on(operation: Operation, database: Database) -> None:
    Operation.objects.filter(pk=operation.pk).update(wake_at=None)
    runner.run(operation.pk)
    operation.refresh_from_db()
    database.refresh_from_db()


def test_nobody_writes_on_the_source_before_the_target_is_opened(
    hosts: Hosts, staff: Login, database: Database
) -> None:
    operation = move(staff, database)
    assert (operation.state, operation.error) == ("succeeded", {})
    assert (database.host.name, database.copy_host.name, database.state) == ("db2", "db1", "active")
    assert (database.moving_to, database.frozen) == (None, False)
    assert database.copy_until is not None
    order = [
        *(hosts.when(web, "hold") for web in ("web1", "web2")),
        hosts.when("db1", "database.lock"),
        hosts.when("db2", "database.catch_up"),
        hosts.when("db2", "database.unlock"),
        *(hosts.when(web, "route") for web in ("web1", "web2")),
        hosts.when("db1", "copy"),
    ]
    assert order == sorted(order)
    assert ("db1", "database.unlock") not in hosts.asked
    assert {route["host"] for route in hosts.routes.values()} == {database.host.address}


def test_a_copy_that_cannot_catch_up_lets_everybody_go_at_once_and_the_source_serves(
    hosts: Hosts, staff: Login, database: Database
) -> None:
    source = database.host
    hosts.trouble["db2", "database.catch_up"] = [AnswerLost("db2", "too late")]
    operation = move(staff, database)
    assert operation.state == "failed"
    assert (database.host, database.state, database.moving_to, database.frozen) == (source, "active", None, False)
    assert hosts.when("db1", "database.unlock") < hosts.when("db2", "database.abort")
    assert ("db2", "database.unlock") not in hosts.asked
    assert {(route["host"], route["hold"]) for route in hosts.routes.values()} == {(source.address, 0)}


def test_a_gate_that_does_not_hold_is_tried_again(hosts: Hosts, staff: Login, database: Database) -> None:
    hosts.trouble["web1", "hold"] = [AnswerLost("web1", "cut")]
    operation = move(staff, database)
    assert operation.state == "waiting"
    assert ("db1", "database.lock") not in hosts.asked
    assert not any(route["hold"] for route in hosts.routes.values())
    go_on(operation, database)
    assert (operation.state, database.host.name) == ("succeeded", "db2")


def test_a_gate_that_is_away_keeps_nobody_waiting_unless_a_site_there_needs_it(
    hosts: Hosts, staff: Login, database: Database
) -> None:
    hosts.always["web2"] = HostAway("web2")
    assert move(staff, database).state == "succeeded"
    assert Host.objects.get(name="web2").needs_resync


def test_the_site_of_a_gate_that_is_away_is_waited_for(hosts: Hosts, staff: Login, database: Database) -> None:
    hosts.always["web1"] = HostAway("web1")
    operation = move(staff, database)
    assert operation.state == "waiting"
    assert ("db1", "database.lock") not in hosts.asked
    operations.cancel(operation, staff)
    del hosts.always["web1"]
    go_on(operation, database)
    assert (operation.state, database.host.name, database.frozen) == ("cancelled", "db1", False)


def test_once_the_target_may_be_open_there_is_no_way_back(hosts: Hosts, staff: Login, database: Database) -> None:
    hosts.trouble["db2", "database.unlock"] = [AnswerLost("db2", "cut"), Refused("failed", {"host": "db2"})]
    operation = move(staff, database)
    assert (operation.state, database.frozen) == ("waiting", True)
    with pytest.raises(operations.NotPossible):
        operations.cancel(operation, staff)
    go_on(operation, database)
    assert operation.state == "waiting"
    go_on(operation, database)
    assert (operation.state, database.host.name) == ("succeeded", "db2")
    assert ("db1", "database.unlock") not in hosts.asked


def test_a_difference_is_told_and_the_old_copy_stays(
    hosts: Hosts, staff: Login, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"complete": True, "structure": "s", "tables": {"t": {"rows": 2, "checksum": "9"}}}
    answers = iter([GOOD["database.compare"], other])
    usual = hosts._answer
    monkeypatch.setattr(
        hosts,
        "_answer",
        lambda host, name, args: next(answers) if name == "database.compare" else usual(host, name, args),
    )
    operation = move(staff, database)
    assert (operation.state, operation.error["code"]) == ("failed", "copy_differs")
    assert (database.host.name, database.copy_host.name, database.copy_until) == ("db2", "db1", None)
    assert database.state == "active"


def test_what_cannot_be_copied_while_it_serves_is_not_moved(
    hosts: Hosts, staff: Login, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GOOD, "database.precheck", {"method": "locked", "reasons": ["t is not transactional"]})
    operation = move(staff, database)
    assert (operation.state, operation.error["code"]) == ("failed", "cannot_move")
    assert (database.host.name, database.state, database.moving_to) == ("db1", "active", None)


# --- what no copy can follow -----------------------------------------------------------------------------------------

LOCKED = {"method": "locked", "reasons": ["t is not transactional"]}


def move_held(staff: Login, database: Database) -> Operation:
    _database, operation = services.move_database(staff, database, "db2", held=True)
    runner.run(operation.pk)
    operation.refresh_from_db()
    database.refresh_from_db()
    return operation


def test_what_no_copy_can_follow_is_copied_and_compared_while_its_connections_wait(
    hosts: Hosts, staff: Login, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GOOD, "database.precheck", LOCKED)
    operation = move_held(staff, database)
    assert (operation.state, operation.error) == ("succeeded", {})
    assert (database.host.name, database.copy_host.name, database.frozen) == ("db2", "db1", False)
    assert database.copy_until is not None
    order = [
        hosts.when("web1", "hold"),
        hosts.when("db1", "database.lock"),
        hosts.when("db2", "database.seed"),
        hosts.when("db2", "database.compare"),
        hosts.when("db2", "database.unlock"),
        hosts.when("web1", "route"),
        hosts.when("db1", "copy"),
    ]
    assert order == sorted(order)
    assert ("db1", "database.unlock") not in hosts.asked


def test_a_held_copy_that_differs_is_never_opened(
    hosts: Hosts, staff: Login, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GOOD, "database.compare", {**GOOD["database.compare"], "complete": False})
    operation = move_held(staff, database)
    assert (operation.state, operation.error["code"]) == ("failed", "copy_differs_held")
    assert (database.host.name, database.state, database.frozen) == ("db1", "active", False)
    assert ("db2", "database.unlock") not in hosts.asked
    assert not any(route["hold"] for route in hosts.routes.values())


def test_a_held_copy_that_fails_lets_everybody_go_and_is_made_anew(
    hosts: Hosts, staff: Login, database: Database
) -> None:
    hosts.trouble["db2", "database.seed"] = [AnswerLost("db2", "cut")]
    operation = move_held(staff, database)
    assert operation.state == "waiting"
    assert hosts.when("db1", "database.unlock") < hosts.when("web1", "route")
    go_on(operation, database)
    assert (operation.state, database.host.name) == ("succeeded", "db2")
    assert [asked for asked in hosts.asked if asked == ("db2", "database.seed")] != []


def test_a_hold_that_would_take_too_long_is_refused(staff: Login, database: Database) -> None:
    Database.objects.filter(pk=database.pk).update(size_bytes=2**40)
    Host.objects.update(facts={"disk_mb": 2**22, "disk_free_mb": 2**22})
    with pytest.raises(TooLargeToHold):
        services.move_database(staff, database, "db2", held=True)


def test_staff_are_told_what_stands_in_the_way_of_a_move(
    hosts: Hosts, staff: Login, database: Database, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GOOD, "database.precheck", LOCKED)
    client.force_login(staff)
    page = client.get(reverse("admin:hosting_database_move", args=[database.pk])).content.decode()
    assert "t is not transactional" in page
    assert 'name="held"' in page
