"""The databases of a lost host, as rows and plans: no host is spoken to."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import Host
from controlpanel.operations.choices import StepState
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import action_for, plan_for
from hosting import recovering, services
from hosting.choices import DatabaseState
from hosting.databases import desired
from hosting.models import Database
from hosting.services.database_recovery import newest_kept
from members.models import Login
from tests.factories import DatabaseDumpFactory, DatabaseFactory, HostFactory, StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Login:
    return StaffFactory()


@pytest.fixture
def lost() -> Host:
    return HostFactory(name="db1", roles=["database"], address="10.9.0.1")


@pytest.fixture
def other() -> Host:
    HostFactory(name="web1")
    return HostFactory(name="db2", roles=["database"], address="10.9.0.2")


def kept_on(other: Host, lost: Host, **fields: Any) -> Database:
    database: Database = DatabaseFactory(host=lost, **fields)
    DatabaseDumpFactory(database=database, host=other)
    return database


def stages(operation: Operation) -> list[list[tuple[str, str]]]:
    found: dict[int, list[tuple[str, str]]] = {}
    for step in operation.steps.all():
        found.setdefault(step.stage, []).append((step.action.removeprefix("hosting."), step.host))
    return list(found.values())


def under_way(operation: Operation, *touched: str) -> Operation:
    Operation.objects.filter(pk=operation.pk).update(state="waiting", started=timezone.now())
    operation.steps.filter(action__in=touched).update(state=StepState.SUCCEEDED, touched=True)
    return operation


def dies(host: Host) -> None:
    Host.objects.filter(pk=host.pk).update(state=HostState.FENCED, reachable=False)


def test_ways_lead_away_from_the_lost_host_before_it_is_opened_elsewhere(staff: Login, lost: Host, other: Host) -> None:
    kept_on(other, lost)
    dies(lost)
    (operation,) = services.recover_database_host(staff, lost).started
    assert stages(operation) == [
        [("open_gate", "web1"), ("put_for_restore", "db2")],
        [("restore_dump", "db2")],
        [("serve_restored", "db2")],
    ]


def test_a_move_to_the_lost_host_is_taken_back_and_its_source_serves_on(staff: Login, lost: Host, other: Host) -> None:
    database = DatabaseFactory(host=other)
    _database, move = services.move_database(staff, database, "db1")
    under_way(move, "hosting.put_copy")
    dies(lost)
    recovery = services.recover_database_host(staff, lost)
    move.refresh_from_db()
    assert move.cancel_requested and recovery.started == []


def test_a_move_away_from_it_ends_and_its_half_copy_goes_before_the_dump_comes(
    staff: Login, lost: Host, other: Host
) -> None:
    database = kept_on(other, lost)
    _database, move = services.move_database(staff, database, "db2")
    under_way(move, "hosting.put_copy", "hosting.freeze_database")
    Database.objects.filter(pk=database.pk).update(frozen=True)
    dies(lost)
    (operation,) = services.recover_database_host(staff, lost).started
    move.refresh_from_db()
    database.refresh_from_db()
    assert (move.state, move.error["code"]) == ("failed", "database_host_died")
    assert (database.host, database.copy_host, database.state) == (other, lost, DatabaseState.RESTORING)
    assert (database.frozen, database.moving_to) == (False, None)
    assert stages(operation)[0] == [("drop_half_copy", "db2")]
    step = operation.steps.get(action="hosting.drop_half_copy")
    assert action_for(step.action).request(step).args["move"] == f"move{move.pk}"


def test_a_move_that_has_opened_the_target_goes_on_without_its_source(staff: Login, lost: Host, other: Host) -> None:
    database = kept_on(other, lost)
    _database, move = services.move_database(staff, database, "db2")
    under_way(move, "hosting.put_copy", "hosting.freeze_database", "hosting.open_database")
    dies(lost)
    recovery = services.recover_database_host(staff, lost)
    move.refresh_from_db()
    assert (move.state, recovery.started) == ("waiting", [])
    assert [one for one, _why in recovery.left] == [database]


def test_a_creation_begins_again_on_another_host(staff: Login, lost: Host, other: Host) -> None:
    dump = HostFactory(name="db3", roles=["database"])
    Host.objects.filter(pk__in=(other.pk, dump.pk)).update(state=HostState.DRAINING)
    order = DatabaseFactory(host=lost).order
    database, creation, _password = services.create_database(staff, order, "mariadb")
    Host.objects.filter(pk=other.pk).update(state=HostState.ACTIVE)
    dies(lost)
    recovery = services.recover_database_host(staff, lost)
    database.refresh_from_db()
    assert [one.pk for one in recovery.anew] == [creation.pk]
    assert (database.host, database.state) == (other, DatabaseState.CREATING)


def test_a_dump_that_was_to_lie_on_it_holds_nothing_up(staff: Login, lost: Host, other: Host) -> None:
    database = DatabaseFactory(host=other)
    _database, dump = services.dump_database(staff, database)
    assert dump.steps.filter(host="db1").exists()
    dies(lost)
    services.recover_database_host(staff, lost)
    dump.refresh_from_db()
    assert dump.state == "failed"


def moved(database: Database, source: Host, ago: timedelta) -> None:
    """As if it had come from there at that time."""
    params = {"database": database.pk, "source": source.name, "host": database.host.name if database.host else ""}
    move = Operation.objects.create(kind="hosting.move_database", params=params, scopes=[], state="succeeded")
    at = timezone.now() - ago
    move.steps.create(
        stage=0, position=0, action="hosting.freeze_database", host=params["host"], args={}, state="succeeded",
        finished=at,
    )  # fmt: skip
    Database.objects.filter(pk=database.pk).update(copy_host=source)
    database.refresh_from_db()


@pytest.mark.parametrize(("hours", "from_copy"), [(1, True), (9, False)])
def test_the_newer_of_a_dump_and_of_what_a_move_has_left_is_taken(
    staff: Login, lost: Host, other: Host, hours: int, from_copy: bool
) -> None:
    database = DatabaseFactory(host=lost)
    DatabaseDumpFactory(database=database, host=other, made=timezone.now() - timedelta(hours=5))
    moved(database, other, timedelta(hours=hours))
    dies(lost)
    kept = newest_kept(database)
    assert kept is not None and (kept.dump is None) == from_copy
    (operation,) = services.recover_database_host(staff, lost).started
    actions = [action for stage in stages(operation) for action, _host in stage]
    assert ("restore_dump" in actions) != from_copy
    database.refresh_from_db()
    assert desired.state_on(database, lost.pk) == "copy"
    assert desired.state_on(database, other.pk) == "locked"  # until it is opened


def test_the_preview_and_the_report_say_of_each_what_is_lost(staff: Login, lost: Host, other: Host) -> None:
    bare, kept = DatabaseFactory(host=lost), kept_on(other, lost)
    Host.objects.filter(pk=lost.pk).update(reachable=False)
    lost.refresh_from_db()
    (part,) = recovering.preview(lost).parts
    assert part.lines[1].startswith(f"{bare.name}: nothing of it")
    assert part.lines[2].startswith(f"{kept.name}: dump of ")

    operation = services.recover_host(staff, lost)
    for step in operation.steps.exclude(action="hosting.recovery_report"):
        answer: dict[str, Any] = {}
        action_for(step.action).confirm(step, answer)
        step.state, step.answer = StepState.SUCCEEDED, answer
        step.save()
    page = str(plan_for(operation.kind).report(operation))
    assert f">{kept.name}</a>" in page and f">{bare.name}</a>" in page
    assert page.index(bare.name) < page.index(kept.name)  # what is down comes first
    assert "What was written later is lost." in page
