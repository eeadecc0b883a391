"""Which state of a volume may follow which, who raises the epoch, and that nothing else is possible."""

import pytest

from controlpanel.fleet.choices import HostState
from storage import services
from storage.choices import SHARED, TRANSITIONS, VolumeState
from storage.errors import Held, HostIsFenced, IllegalTransition
from storage.models import Attachment, Volume
from storage.transitions import RAISES_EPOCH, transition
from tests.factories import AttachmentFactory, HostFactory, VolumeFactory

pytestmark = pytest.mark.django_db


def volume_in(state: VolumeState, **values) -> Volume:
    return VolumeFactory(state=state, **values)


@pytest.mark.parametrize("name", TRANSITIONS)
@pytest.mark.parametrize("state", VolumeState)
def test_only_the_listed_transitions_are_possible(name, state):
    volume = volume_in(state)
    sources, target = TRANSITIONS[name]
    if state in sources:
        assert transition(volume, name).state == target
    else:
        with pytest.raises(IllegalTransition):
            transition(volume, name)
        volume.refresh_from_db()
        assert (volume.state, volume.epoch) == (state, 1)


@pytest.mark.parametrize("name", TRANSITIONS)
def test_what_changes_who_may_use_it_raises_the_epoch(name):
    volume = volume_in(next(iter(TRANSITIONS[name][0])))
    assert transition(volume, name).epoch == (2 if name in RAISES_EPOCH else 1)


@pytest.mark.parametrize("state", sorted(SHARED))
def test_a_shared_volume_is_granted_while_others_have_it(state):
    assert transition(volume_in(state, shared=True), "grant").state == VolumeState.GRANTING


def test_the_whole_life_of_a_volume():
    host = HostFactory()
    volume = services.create_volume(pool=VolumeFactory().pool, size_bytes=1024**3, uid=200_001, gid=33, scope="order:1")
    epochs = [volume.epoch]

    def check(state: VolumeState) -> None:
        volume.refresh_from_db()
        assert volume.state == state
        epochs.append(volume.epoch)

    attachment = services.begin_attach(volume, host, "/srv/sites/1")
    check(VolumeState.GRANTING)
    services.mark_provisioned(volume, {host.name: {"client": "x", "key": "secret"}})
    attachment.refresh_from_db()
    assert attachment.granted and "secret" in attachment.credential
    services.mark_attached(volume, host)
    check(VolumeState.ATTACHED)
    services.begin_detach(volume, host)
    check(VolumeState.DETACHING)
    services.mark_detached(volume, host)
    services.mark_revoked(volume)
    check(VolumeState.FREE)
    assert not volume.attachments.exists()
    services.mark_trashed(volume)
    check(VolumeState.TRASHED)
    assert volume.purge_after is not None
    services.mark_purged(volume)
    check(VolumeState.ABSENT)
    assert epochs == sorted(epochs)


def test_confirmations_may_be_told_twice():
    attachment = AttachmentFactory(volume__state=VolumeState.GRANTING, mounted=False)
    volume, host = attachment.volume, attachment.host
    for _twice in range(2):
        services.mark_attached(volume, host)
    epoch = volume.epoch
    services.begin_detach(volume, host)
    services.begin_detach(volume, host)
    for _twice in range(2):
        services.mark_detached(volume, host)
    assert volume.epoch == epoch + 2
    for _twice in range(2):
        services.mark_revoked(volume)
    for _twice in range(2):
        services.mark_trashed(volume)
    for _twice in range(2):
        services.mark_purged(volume)
    assert volume.state == VolumeState.ABSENT


def test_a_late_confirmation_of_an_attach_that_was_given_up_is_refused():
    attachment = AttachmentFactory(volume__state=VolumeState.GRANTING, mounted=False)
    services.begin_detach(attachment.volume, attachment.host)
    with pytest.raises(IllegalTransition):
        services.mark_attached(attachment.volume, attachment.host)


# --- one holder ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [VolumeState.GRANTING, VolumeState.ATTACHED, VolumeState.DETACHING])
def test_a_volume_that_a_host_has_or_may_have_is_given_to_no_other(state):
    attachment = AttachmentFactory(volume__state=state)
    with pytest.raises(Held) as refusal:
        services.begin_attach(attachment.volume, HostFactory(), "/srv/sites/9")
    assert refusal.value.holder == attachment.host.name


def test_not_before_the_old_host_is_gone_from_the_storage():
    attachment = AttachmentFactory()
    volume, other = attachment.volume, HostFactory()
    services.begin_detach(volume, attachment.host)
    services.mark_detached(volume, attachment.host)  # the host says so itself, which is not enough
    with pytest.raises(Held):
        services.begin_attach(volume, other, "/srv/sites/9")
    services.mark_revoked(volume)
    assert services.begin_attach(volume, other, "/srv/sites/9").host == other


def test_the_same_attach_again_is_the_same_attachment():
    volume, host = volume_in(VolumeState.FREE), HostFactory()
    first = services.begin_attach(volume, host, "/srv/sites/9")
    again = services.begin_attach(volume, host, "/srv/sites/9")
    assert (first.pk, volume.epoch) == (again.pk, 2)


def test_two_holders_are_impossible_in_the_database_itself():
    from django.db import IntegrityError

    attachment = AttachmentFactory()
    with pytest.raises(IntegrityError):
        Attachment.objects.create(volume=attachment.volume, host=HostFactory(), path="/srv/sites/9")


def test_a_shared_volume_has_several_holders_and_is_free_after_the_last():
    volume, hosts = volume_in(VolumeState.FREE, shared=True), [HostFactory(), HostFactory()]
    for host in hosts:
        services.begin_attach(volume, host, "/srv/sites/9")
        services.mark_attached(volume, host)
    assert volume.attachments.count() == 2
    for host, state in zip(hosts, (VolumeState.ATTACHED, VolumeState.FREE), strict=True):
        services.begin_detach(volume, host)
        services.mark_detached(volume, host)
        services.mark_revoked(volume)
        assert volume.state == state


def test_a_fenced_host_is_granted_nothing():
    with pytest.raises(HostIsFenced):
        services.begin_attach(volume_in(VolumeState.FREE), HostFactory(state=HostState.FENCED), "/srv/sites/9")


def test_a_volume_comes_back_from_the_trash():
    volume = volume_in(VolumeState.FREE)
    services.mark_trashed(volume)
    services.begin_attach(volume, HostFactory(), "/srv/sites/9")
    assert (volume.state, volume.purge_after) == (VolumeState.GRANTING, None)
