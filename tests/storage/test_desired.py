"""What storage and web hosts are told to hold."""

import json

import pytest

from controlpanel.fleet.desired import tell
from storage import desired, services
from storage.choices import VolumeState
from tests.factories import AttachmentFactory, HostFactory, VolumeFactory

pytestmark = pytest.mark.django_db

CREDENTIAL = {"client": "v1.web1", "key": "AQsecret", "monitors": ["10.77.0.31"], "fs": "web", "subvolume_path": "/v/1"}


def test_storage_is_told_the_full_list_of_hosts_under_the_epoch():
    attachment = AttachmentFactory(volume__epoch=7)
    [resource] = desired.volumes_of(attachment.volume.pool.host)
    volume = attachment.volume
    assert resource.wire() == {
        "kind": "volume",
        "id": volume.name,
        "revision": 7,
        "state": "present",
        "spec": {
            "size": volume.size_bytes,
            "uid": volume.uid,
            "gid": volume.gid,
            "access": [attachment.host.name],
            "epoch": 7,
            "trashed": False,
        },
    }


def test_a_host_keeps_access_until_it_has_let_go():
    attachment = AttachmentFactory()
    volume, host = attachment.volume, attachment.host
    services.begin_detach(volume, host)
    assert desired.volume_resource(volume).spec["access"] == [host.name]  # it still has things to write
    services.mark_detached(volume, host)
    assert desired.volume_resource(volume).spec["access"] == []


def test_trash_is_kept_and_used_by_nobody():
    volume = VolumeFactory(state=VolumeState.FREE)
    services.mark_trashed(volume)
    [resource] = desired.volumes_of(volume.pool.host)
    assert (resource.spec["trashed"], resource.spec["access"]) == (True, [])


@pytest.mark.parametrize("state", [VolumeState.CREATING, VolumeState.ABSENT])
def test_what_was_never_made_or_is_gone_is_not_mentioned(state):
    volume = VolumeFactory(state=state)
    assert list(desired.volumes_of(volume.pool.host)) == []


def test_a_web_host_is_told_what_it_mounts_with():
    attachment = AttachmentFactory(credential=json.dumps(CREDENTIAL), epoch=3)
    [resource] = desired.attachments_of(attachment.host)
    assert (resource.kind, resource.id, resource.revision) == ("attachment", attachment.volume.name, 3)
    assert resource.spec == {
        "driver": "cephfs",
        "path": attachment.path,
        "epoch": 3,
        "uid": attachment.volume.uid,
        "gid": attachment.volume.gid,
        **CREDENTIAL,
    }


def test_detaching_needs_no_credential():
    attachment = AttachmentFactory(credential="")
    assert desired.attachment_resource(attachment, present=False).wire()["state"] == "absent"
    with pytest.raises(ValueError, match="has not let"):
        desired.attachment_resource(attachment)


def test_what_is_not_granted_yet_is_not_mentioned_to_the_host():
    attachment = AttachmentFactory(granted=False)
    assert list(desired.attachments_of(attachment.host)) == []


def test_a_resize_does_not_make_the_host_differ():
    attachment = AttachmentFactory(credential=json.dumps(CREDENTIAL))
    before = list(desired.attachments_of(attachment.host))
    services.resize(attachment.volume, 2 * 1024**3)
    assert list(desired.attachments_of(attachment.host)) == before


def test_the_credential_is_not_readable_in_the_database():
    from django.db import connection

    attachment = AttachmentFactory(credential=json.dumps(CREDENTIAL))
    with connection.cursor() as cursor:
        cursor.execute("SELECT credential FROM storage_attachment WHERE id = %s", [attachment.pk])
        assert "AQsecret" not in cursor.fetchone()[0]


def test_the_pool_with_the_most_room_is_chosen():
    from tests.factories import PoolFactory

    PoolFactory(capacity_bytes=100, used_bytes=90)
    roomy = PoolFactory(capacity_bytes=100, used_bytes=10)
    PoolFactory(capacity_bytes=10**6, host=HostFactory(roles=["storage"], state="draining"))
    assert services.choose_pool() == roomy


def test_each_storage_host_gets_a_pool():
    host = HostFactory(roles=["storage"])
    HostFactory()
    services.ensure_pools()
    services.ensure_pools()
    assert [pool.name for pool in host.pools.all()] == [host.name]


def test_a_key_that_storage_had_to_make_anew_reaches_its_web_host():
    attachment = AttachmentFactory(credential=json.dumps(CREDENTIAL))
    fresh = {**CREDENTIAL, "key": "AQfresh"}
    item = {
        "kind": "volume",
        "id": attachment.volume.name,
        "answer": {"credentials": {attachment.host.name: fresh, "elsewhere": CREDENTIAL}},
    }
    tell(attachment.volume.pool.host, [item])
    [resource] = desired.attachments_of(attachment.host)
    assert resource.spec["key"] == "AQfresh"
    tell(HostFactory(), [{**item, "answer": {"credentials": {attachment.host.name: CREDENTIAL}}}])  # not its storage
    [resource] = desired.attachments_of(attachment.host)
    assert resource.spec["key"] == "AQfresh"
