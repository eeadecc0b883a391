"""Steps as they are sent: what they refuse before anything is sent, and what their answers change."""

from datetime import timedelta

import pytest
from django.utils import timezone

from controlpanel.operations.errors import NotNow, Refused
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import action_for
from storage import services, usage
from storage.choices import VolumeState
from storage.drivers.base import Answer, Outcome
from storage.models import Volume
from tests.factories import AttachmentFactory, HostFactory, OperationFactory, VolumeFactory

pytestmark = pytest.mark.django_db


def step_of(action: str, volume: Volume, **args) -> Step:
    operation = OperationFactory(step_count=0)
    host = volume.pool.host.name
    return Step.objects.create(
        operation=operation, stage=0, position=0, action=action, host=host, args={"volume": volume.pk, **args}
    )


def answer_for(volume: Volume, **credentials) -> dict:
    answer = {"credentials": credentials} if credentials else {}
    return {"items": [{"kind": "volume", "id": volume.name, "status": "ok", "answer": answer}]}


def granted_volume() -> tuple[Volume, str]:
    volume, host = VolumeFactory(state=VolumeState.CREATING), HostFactory()
    services.begin_attach(volume, host, "/srv/sites/9")
    return volume, host.name


def test_provision_stores_the_credential():
    volume, host = granted_volume()
    action, step = action_for("storage.provision"), step_of("storage.provision", volume, grant=host)
    [resource] = action.resources(step)
    assert (resource.spec["access"], resource.revision) == ([host], 2)
    action.confirm(step, answer_for(volume, **{host: {"client": "c", "key": "k"}}))
    assert '"key": "k"' in volume.attachments.get().credential


def test_provision_without_anybody_leaves_it_free():
    volume = VolumeFactory(state=VolumeState.CREATING)
    action_for("storage.provision").confirm(step_of("storage.provision", volume), answer_for(volume))
    volume.refresh_from_db()
    assert volume.state == VolumeState.FREE


def test_a_creation_taken_back_ends_in_the_trash():
    volume, host = granted_volume()
    action, step = action_for("storage.provision"), step_of("storage.provision", volume, grant=host)
    [resource] = action.undo_resources(step)
    assert (resource.revision, resource.spec["access"], resource.spec["trashed"]) == (3, [], True)
    action.confirm_undo(step, answer_for(volume))
    volume.refresh_from_db()
    assert (volume.state, volume.epoch, volume.attachments.count()) == (VolumeState.TRASHED, 3, 0)
    [again] = action.undo_resources(step)  # its answer was lost: the very same is asked again
    assert again == resource


def test_a_grant_taken_back_leaves_the_volume_free():
    volume, host = granted_volume()
    step = step_of("storage.provision", volume, grant=host, undo="revoke")
    action = action_for("storage.provision")
    [resource] = action.undo_resources(step)
    assert (resource.revision, resource.spec["access"], resource.spec["trashed"]) == (3, [], False)
    action.confirm_undo(step, answer_for(volume))
    volume.refresh_from_db()
    assert (volume.state, volume.epoch, volume.attachments.count()) == (VolumeState.FREE, 3, 0)


@pytest.mark.parametrize("name", ["storage.revoke", "storage.trash"])
def test_nothing_is_taken_from_a_host_that_may_still_have_something_to_write(name):
    attachment = AttachmentFactory()
    services.begin_detach(attachment.volume, attachment.host)
    with pytest.raises(Refused) as refusal:
        action_for(name).resources(step_of(name, attachment.volume))
    assert refusal.value.as_trouble()["code"] == "still_mounted"


def test_a_volume_in_use_is_not_trashed():
    attachment = AttachmentFactory()
    with pytest.raises(Refused):
        action_for("storage.trash").resources(step_of("storage.trash", attachment.volume))


def test_revoke_after_the_host_let_go():
    attachment = AttachmentFactory()
    volume = attachment.volume
    services.begin_detach(volume, attachment.host)
    services.mark_detached(volume, attachment.host)
    step = step_of("storage.revoke", volume)
    [resource] = action_for("storage.revoke").resources(step)
    assert resource.spec["access"] == []
    action_for("storage.revoke").confirm(step, answer_for(volume))
    volume.refresh_from_db()
    assert volume.state == VolumeState.FREE


def test_only_trash_is_purged():
    volume = VolumeFactory(state=VolumeState.FREE)
    with pytest.raises(Refused):
        action_for("storage.purge").request(step_of("storage.purge", volume))


def test_storage_that_is_away_lets_the_step_wait():
    volume = VolumeFactory(state=VolumeState.FREE)
    item = {"kind": "volume", "id": volume.name, "status": "failed", "code": "storage_away", "reason": "no answer"}
    with pytest.raises(NotNow):
        action_for("storage.provision").check({"items": [item]}, "store1")
    with pytest.raises(Refused):
        action_for("storage.provision").check({"items": [{**item, "code": "busy"}]}, "store1")


def test_a_fence_that_is_not_confirmed_is_no_fence():
    action = action_for("storage.fence_host")
    for answer in ({}, {"confirmed": False}, {"confirmed": "yes"}):
        with pytest.raises(Refused) as refusal:
            action.check(answer, "store1")
        assert refusal.value.code == "fence_unconfirmed"


def test_a_lost_answer_is_pending_not_failed():
    from controlpanel.operations.errors import AnswerLost

    assert Answer.of_error(AnswerLost("store1")).outcome == Outcome.PENDING
    assert Answer.of_error(Refused("storage_away")).outcome == Outcome.PENDING
    assert Answer.of_error(Refused("stale_revision")).outcome == Outcome.REFUSED
    assert Answer.of_error(Refused("busy", {"reason": "web1"})).holder == "web1"
    assert Answer.of_error(Refused("failed")).outcome == Outcome.FAILED


# --- by the clock --------------------------------------------------------------------------------------------------


def test_a_volume_is_purged_once_when_its_time_is_over():
    volume = VolumeFactory(state=VolumeState.FREE)
    services.mark_trashed(volume)
    assert services.purge_due() == []
    later = timezone.now() + timedelta(days=60)
    [operation] = services.purge_due(later)
    assert (operation.kind, operation.params) == ("storage.purge", {"volume": volume.pk})
    assert services.purge_due(later) == []
    services.purge_later(volume.pk)
    assert len(services.purge_due(later)) == 1
    assert Operation.objects.filter(kind="storage.purge").count() == 2


def test_usage_is_written_for_the_volumes_of_the_pool_only():
    volume, stranger = VolumeFactory(), VolumeFactory()
    told = {volume.name: {"used": 7}, stranger.name: {"used": 8}, "v0": {"used": 9}}
    assert usage.note_usage(volume.pool, told) == 1
    volume.refresh_from_db()
    stranger.refresh_from_db()
    assert (volume.used_bytes, stranger.used_bytes) == (7, 0) and volume.used_at
