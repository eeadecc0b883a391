"""Two at once: of two transactions that want the same volume, exactly one gets it."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from storage import services
from storage.choices import VolumeState
from storage.errors import StorageError
from storage.models import Attachment, Volume
from tests.factories import HostFactory, VolumeFactory

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works: Callable[[], object]) -> list[object]:
    """What each returns or raises, all begun at the same instant."""
    barrier = threading.Barrier(len(works))
    results: list[object] = [None] * len(works)

    def run(number: int) -> None:
        try:
            barrier.wait()
            results[number] = works[number]()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


@pytest.mark.parametrize("turn", range(5))
def test_many_hosts_want_one_volume(turn):
    volume = VolumeFactory(state=VolumeState.FREE)
    hosts = [HostFactory() for _ in range(6)]
    results = at_once(
        *[lambda host=host: services.begin_attach(Volume.objects.get(pk=volume.pk), host, "/srv/s/1") for host in hosts]
    )
    won = [result for result in results if isinstance(result, Attachment)]
    assert len(won) == 1
    assert all(isinstance(result, (Attachment, StorageError)) for result in results)
    volume.refresh_from_db()
    assert (volume.state, volume.epoch) == (VolumeState.GRANTING, 2)
    assert [row.host_id for row in volume.attachments.all()] == [won[0].host_id]


def test_the_loser_is_refused_although_it_looked_before_the_winner_wrote():
    volume, first, second = VolumeFactory(state=VolumeState.FREE), HostFactory(), HostFactory()
    looked, wrote = threading.Event(), threading.Event()

    def winner() -> object:
        with transaction.atomic():
            looked.wait(10)
            attachment = services.begin_attach(Volume.objects.get(pk=volume.pk), first, "/srv/s/1")
            wrote.set()
            return attachment

    def loser() -> object:
        stale = Volume.objects.get(pk=volume.pk)  # it reads "free"
        looked.set()
        wrote.wait(10)
        return services.begin_attach(stale, second, "/srv/s/1")

    won, lost = at_once(winner, loser)
    assert isinstance(won, Attachment) and isinstance(lost, StorageError)


def test_a_grant_and_the_trash_never_both_win():
    volume, host = VolumeFactory(state=VolumeState.FREE), HostFactory()

    def grant() -> object:
        return services.begin_attach(Volume.objects.get(pk=volume.pk), host, "/srv/s/1")

    def trash() -> object:
        return services.mark_trashed(Volume.objects.get(pk=volume.pk), epoch=2)  # sent when its epoch was 1

    results = at_once(grant, trash)
    assert sum(isinstance(result, StorageError) for result in results) <= 1
    volume.refresh_from_db()
    if volume.state == VolumeState.TRASHED:
        assert not volume.attachments.exists()
    else:
        assert volume.state == VolumeState.GRANTING and volume.attachments.count() == 1


def test_epochs_never_repeat():
    volume = VolumeFactory(state=VolumeState.FREE)
    epochs: list[int] = []

    def raise_it() -> None:
        for _ in range(5):
            services.resize(Volume.objects.get(pk=volume.pk), 2 * 1024**3)
            epochs.append(Volume.objects.get(pk=volume.pk).epoch)

    at_once(*[raise_it] * 4)
    volume.refresh_from_db()
    assert volume.epoch == 21
