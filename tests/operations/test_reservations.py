"""Two operations that would touch the same thing never run at once."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from controlpanel.operations import runner, services
from controlpanel.operations.lease import Lease
from controlpanel.operations.models import Operation

from .plans import World

pytestmark = pytest.mark.django_db(transaction=True)
Start = Callable[..., Operation]


def test_the_earlier_goes_first(start: Start) -> None:
    first, second = start(), start()
    assert Lease(second.pk).claim() is None
    runner.run(first.pk)
    assert Lease(second.pk).claim()


def test_strangers_do_not_wait_for_each_other(start: Start) -> None:
    start(reserve=["thing:1"])
    assert Lease(start(reserve=["thing:2"]).pk).claim()


def test_shared_reservations_live_together_but_not_with_an_exclusive_one(start: Start) -> None:
    readers = [start(reserve=[], share=["thing:1"]) for _ in range(2)]
    writer = start(reserve=["thing:1"])
    assert all(Lease(reader.pk).claim() for reader in readers)
    assert Lease(writer.pk).claim() is None


def test_a_waiting_operation_keeps_its_reservation(start: Start, world: World) -> None:
    world.trouble("a", "away")
    first, second = start(), start()
    runner.run(first.pk)
    assert Lease(second.pk).claim() is None


def test_a_retried_operation_does_not_overtake_one_that_runs(start: Start, world: World) -> None:
    world.trouble("a", "refuse")
    first = start("test.staying")
    runner.run(first.pk)
    second = start()
    assert Lease(second.pk).claim()
    services.retry(first)
    assert Lease(first.pk).claim() is None


def test_two_that_wait_do_not_block_each_other_for_ever(start: Start, world: World) -> None:
    world.trouble("a", "refuse")
    first = start("test.staying")
    runner.run(first.pk)
    world.trouble("a")
    second = start()
    services.retry(first)
    runner.drain()
    assert set(Operation.objects.values_list("state", flat=True)) == {"succeeded"}
    assert second.pk > first.pk


def test_start_outside_a_transaction_is_refused(world: World) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        services.start("test.undoing", {"world": str(world.path)}, scopes=[])


def test_nothing_is_left_when_the_intent_rolls_back(world: World) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        services.start("test.undoing", {"world": str(world.path)}, scopes=[])
        raise IntegrityError
    assert not Operation.objects.exists()
