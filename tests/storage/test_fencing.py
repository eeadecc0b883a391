"""What a fence changes in the database, and what a host gets back when it returns."""

import pytest

from controlpanel.fleet.choices import HostState
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import plan_for
from storage import desired, services
from storage.choices import VolumeState
from storage.errors import Held
from storage.models import Attachment
from tests.factories import AttachmentFactory, HostFactory, PoolFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool():
    return PoolFactory()


@pytest.fixture
def host():
    return HostFactory()


def attached(pool, host, **values) -> Attachment:
    return AttachmentFactory(volume__pool=pool, host=host, **values)


def test_from_the_first_moment_the_host_takes_no_work_and_its_volumes_go_to_nobody(pool, host):
    attachment = attached(pool, host)
    operation = services.fence_host(host)
    host.refresh_from_db()
    attachment.volume.refresh_from_db()
    assert (host.state, attachment.volume.state) == (HostState.FENCED, VolumeState.FENCING)
    with pytest.raises(Held):
        services.begin_attach(attachment.volume, HostFactory(), "/srv/sites/9")
    assert [step.action for step in operation.steps.all()] == ["storage.fence_host", "storage.withdraw"]


def test_a_fence_waits_for_nothing_that_the_host_has_to_do(pool, host):
    plan = plan_for("storage.fence_host")
    steps = [step for stage in plan.stages({"host": host.name}) for step in stage]
    assert {step.host for step in steps} == {pool.host.name}
    assert [reserve.resource for reserve in plan.reservations({"host": host.name})] == [f"fence:{host.name}"]


def test_once_the_storage_has_confirmed_others_may_have_its_volumes(pool, host):
    attachment = attached(pool, host)
    services.fence_host(host)
    services.mark_host_fenced(pool, host)
    attachment.volume.refresh_from_db()
    assert attachment.volume.state == VolumeState.FREE
    other = HostFactory()
    services.begin_attach(attachment.volume, other, "/srv/sites/9")
    assert [row.host for row in attachment.volume.attachments.all()] == [other]


def test_only_the_confirming_pool_is_given_free(pool, host):
    here, elsewhere = attached(pool, host), attached(PoolFactory(), host)
    services.fence_host(host)
    services.mark_host_fenced(pool, host)
    here.volume.refresh_from_db()
    elsewhere.volume.refresh_from_db()
    assert (here.volume.state, elsewhere.volume.state) == (VolumeState.FREE, VolumeState.FENCING)


def test_a_fenced_host_keeps_no_key_and_is_to_mount_nothing(pool, host):
    attachment = attached(pool, host)
    services.fence_host(host)
    services.mark_host_fenced(pool, host)
    attachment.refresh_from_db()
    assert attachment.credential == ""
    assert list(desired.attachments_of(host)) == []
    [resource] = desired.volumes_of(pool.host)
    assert resource.spec["access"] == []


def test_a_host_that_returns_gets_back_what_nobody_else_was_given(pool, host):
    kept, moved = attached(pool, host), attached(pool, host)
    services.fence_host(host)
    services.mark_host_fenced(pool, host)
    services.begin_attach(moved.volume, HostFactory(), moved.path)
    services.mark_host_unfenced(pool, host)
    assert [row.volume for row in host.attachments.all()] == [kept.volume]
    kept.volume.refresh_from_db()
    kept.refresh_from_db()
    assert (kept.volume.state, kept.epoch, kept.fenced) == (VolumeState.GRANTING, kept.volume.epoch, None)


def test_what_was_being_taken_from_it_is_not_given_back(pool, host):
    attachment = attached(pool, host)
    services.begin_detach(attachment.volume, host)
    services.fence_host(host)
    services.mark_host_fenced(pool, host)
    services.mark_host_unfenced(pool, host)
    attachment.volume.refresh_from_db()
    assert attachment.volume.state == VolumeState.FREE and not host.attachments.exists()


def test_readmission_asks_the_host_then_the_storage_then_mounts(pool, host):
    stages = plan_for("storage.unfence_host").stages({"host": host.name})
    assert [[step.action for step in stage] for stage in stages] == [
        ["storage.host_proof"],
        ["storage.unfence_host"],
        ["storage.regrant"],
        ["storage.reattach"],
    ]


def test_a_readmission_that_waits_for_its_host_does_not_hold_up_another_fence(host):
    fence = plan_for("storage.fence_host").reservations({"host": host.name})
    readmission = plan_for("storage.unfence_host").reservations({"host": host.name})
    assert not {one.resource for one in fence} & {one.resource for one in readmission}


def test_one_volume_can_be_fenced_alone(pool, host):
    fenced, other = attached(pool, host), attached(pool, host)
    services.begin_fence(fenced.volume, host)
    assert desired.volume_resource(fenced.volume).spec["access"] == []
    services.mark_revoked(fenced.volume)
    other.volume.refresh_from_db()
    assert (fenced.volume.state, other.volume.state) == (VolumeState.FREE, VolumeState.ATTACHED)
    assert Operation.objects.count() == 0
