"""An operation ends as its plan says, whatever hosts do meanwhile."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from controlpanel.operations import runner, services
from controlpanel.operations.lease import Lease, LeaseLost
from controlpanel.operations.models import Operation, Step
from tests.factories import LoginFactory, StaffFactory

from .plans import World, Write

pytestmark = pytest.mark.django_db(transaction=True)

ALL = {"a/one", "b/one", "c/two", "a/three", "b/three"}
Start = Callable[..., Operation]


def states(operation: Operation) -> list[str]:
    return list(operation.steps.values_list("state", flat=True))


def due_now(operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(wake_at=timezone.now())


def test_every_step_is_done_in_order_and_the_end_comes_once(start: Start, world: World) -> None:
    operation = start()
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "succeeded" and operation.finished
    assert states(operation) == ["succeeded"] * 5
    lines = world.lines()
    assert set(lines[:2]) == {"do a/one", "do b/one"} and lines[2] == "do c/two"
    assert lines[5:] == [f"do end/succeeded-{operation.pk}"]


def test_running_it_again_changes_nothing(start: Start, world: World) -> None:
    operation = start()
    runner.run(operation.pk)
    before = world.lines()
    runner.run(operation.pk)
    assert world.lines() == before


def test_events_are_numbered_without_gap(start: Start) -> None:
    operation = start()
    runner.run(operation.pk)
    numbers = list(operation.events.values_list("seq", flat=True))
    operation.refresh_from_db()
    assert numbers == list(range(1, operation.last_seq + 1))
    assert operation.events.last().data["state"] == "succeeded"


def test_answers_are_kept_without_secrets(start: Start, world: World) -> None:
    operation = start()
    runner.run(operation.pk)
    assert all(step.answer["password"] == "•••" for step in operation.steps.all())


@pytest.mark.parametrize("trouble", ["away", "lost"])
def test_a_host_that_is_away_makes_it_wait_then_go_on(start: Start, world: World, trouble: str) -> None:
    world.trouble("b", trouble)
    operation = start()
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "waiting" and operation.wake_at and not operation.lease_holder
    assert states(operation) == ["succeeded", "waiting", "planned", "planned", "planned"]
    assert "b" in operation.steps.get(position=1).detail
    world.trouble("b")
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "waiting", "not before its time"
    due_now(operation)
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "succeeded"
    assert world.lines().count("do a/one") == 1, "what was confirmed is not done again"


def test_a_database_that_was_away_for_a_moment_fails_no_step(
    start: Start, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL was restarted just when an answer was to be stored."""

    def confirm(self: Write, step: Step, answer: dict[str, Any]) -> None:
        if step.host == "c" and step.attempts == 1:
            raise OperationalError("terminating connection due to administrator command")

    monkeypatch.setattr(Write, "confirm", confirm)
    operation = start()
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "waiting" and "database" in operation.steps.get(position=2).detail
    due_now(operation)
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "succeeded" and world.applied() >= ALL


def test_back_off_grows_and_is_bounded() -> None:
    waits = [runner.back_off(attempts).total_seconds() for attempts in range(1, 50)]
    assert waits == sorted(waits) and waits[0] <= 1 and waits[-1] <= 30


def test_a_refusal_takes_everything_back_where_the_plan_says_so(start: Start, world: World) -> None:
    world.trouble("c", "refuse")
    operation = start()
    runner.run(operation.pk)
    operation.refresh_from_db()
    # "c" still refuses its undo, which is for people to look at; everything later and earlier is told apart.
    assert operation.state == "failed" and operation.error["code"] == "invalid"
    world.trouble("c")
    services.retry(operation)
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "succeeded" and world.applied() >= ALL


def test_a_refusal_leaves_things_for_a_retry_where_the_plan_says_so(start: Start, world: World) -> None:
    world.trouble("c", "refuse")
    operation = start("test.staying")
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "failed" and world.applied() == {"a/one", "b/one"}
    assert "hunter2" in operation.error["params"]["reason"]  # a reason is text for people…
    assert "AQ" not in str(operation.steps.get(position=2).trouble)  # …but keys never get through
    world.trouble("c")
    services.retry(operation)
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "succeeded"
    assert world.lines().count("do a/one") == 1


def test_cancel_takes_back_what_was_done(start: Start, world: World) -> None:
    world.trouble("c", "away")
    operation = start()
    runner.run(operation.pk)
    services.cancel(operation)
    world.trouble("c")
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "cancelled" and world.applied() == set()
    assert states(operation)[:2] == ["undone", "undone"] and states(operation)[3:] == ["planned", "planned"]


def test_what_never_reached_a_host_need_not_be_taken_back_there(start: Start, world: World) -> None:
    world.trouble("c", "away")
    operation = start()
    runner.run(operation.pk)
    services.cancel(operation)
    runner.run(operation.pk)  # c is still away
    operation.refresh_from_db()
    assert operation.state == "cancelled"


def test_nor_when_it_was_tried_often(start: Start, world: World) -> None:
    world.trouble("c", "away")
    operation = start()
    for _ in range(3):
        runner.run(operation.pk)
        due_now(operation)
    services.cancel(operation)
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "cancelled"


def test_what_may_have_reached_a_host_is_taken_back_there(start: Start, world: World) -> None:
    world.trouble("c", "lost")
    operation = start()
    runner.run(operation.pk)
    world.trouble("c", "away")
    due_now(operation)
    runner.run(operation.pk)
    services.cancel(operation)
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "waiting"
    world.trouble("c")
    due_now(operation)
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "cancelled" and "undo c/two" in world.lines()


def test_taking_back_goes_on_without_a_host_that_staff_skip(start: Start, world: World) -> None:
    world.trouble("c", "lost")
    operation = start()
    runner.run(operation.pk)
    services.cancel(operation)
    runner.run(operation.pk)
    services.skip(operation.steps.get(position=2), StaffFactory())
    due_now(operation)
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "cancelled" and world.applied() == set()
    assert states(operation)[:3] == ["undone", "undone", "skipped"]


def test_cancel_of_what_cannot_be_taken_back_is_refused_to_members(start: Start, world: World) -> None:
    world.trouble("c", "away")
    operation = start("test.staying")
    runner.run(operation.pk)
    with pytest.raises(services.NotPossible):
        services.cancel(operation)


def test_an_ended_operation_can_be_neither_cancelled_nor_retried(start: Start) -> None:
    operation = start()
    runner.run(operation.pk)
    for verb in (services.cancel, services.retry):
        with pytest.raises(services.NotPossible):
            verb(operation)


def test_who_lost_the_lease_writes_nothing(start: Start) -> None:
    operation = start()
    slow = Lease(operation.pk)
    assert slow.claim()
    Operation.objects.filter(pk=operation.pk).update(lease_expires=timezone.now() - timedelta(seconds=1))
    quick = Lease(operation.pk)
    assert quick.claim()
    for write in (slow.renew, slow.release):
        with pytest.raises(LeaseLost):
            write()


def test_a_held_lease_keeps_others_out(start: Start) -> None:
    operation = start()
    assert Lease(operation.pk).claim()
    assert Lease(operation.pk).claim() is None


# --- intents, and steps that are passed over ---------------------------------------------------------------------


def test_an_intent_is_written_before_the_step_is_tried(start: Start, world: World) -> None:
    operation = start()
    world.trouble("c", "away")
    runner.run(operation.pk)
    assert operation.steps.get(host="c").answer == {"intended": True}


def test_an_intent_that_cannot_be_written_fails_the_step_and_nothing_is_sent(start: Start, world: World) -> None:
    operation = start()
    world.trouble("intend-c", "refuse")
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "failed" and operation.error["code"] == "invalid"
    assert "do c/two" not in world.lines() and not world.applied()


def test_a_step_that_is_passed_over_counts_as_skipped_and_is_told(start: Start, world: World) -> None:
    operation = start()
    world.trouble("b", "pass")
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "succeeded"
    skipped = operation.steps.filter(state="skipped")
    assert {(step.host, step.trouble["code"], step.answer["skipped"]) for step in skipped} == {("b", "host_away", True)}
    assert world.applied() == {"a/one", "a/three", "c/two", f"end/succeeded-{operation.pk}"}


# --- who steers --------------------------------------------------------------------------------------------------


def test_what_staff_steer_nobody_else_cancels(start: Start) -> None:
    operation = start("test.steered")
    with pytest.raises(services.NotPossible):
        services.cancel(operation, LoginFactory())
    assert services.cancel(operation, StaffFactory()).cancel_requested
