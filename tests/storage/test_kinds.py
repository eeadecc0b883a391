"""Specs of volumes and attachments as the hosts check them: everything that comes over the wire is hostile."""

import pytest

from controlpanel.agent.ceph.records import VolumeRecord
from controlpanel.agent.ceph.volumes import _check_epoch
from controlpanel.agent.errors import Invalid, Stale
from controlpanel.agent.kinds.attachment import Attachment
from controlpanel.agent.kinds.volume import Volume
from controlpanel.agent.mounts import cephfuse

VOLUME = {"size": 1024**3, "uid": 20_007, "gid": 33, "access": ["web1"], "epoch": 3, "trashed": False}
ATTACHMENT = {
    "driver": "cephfs",
    "path": "/srv/sites/12",
    "epoch": 3,
    "uid": 20_007,
    "gid": 33,
    "client": "v7.web1",
    "key": "AQBNcANrJ5c9KhAAs6Occ0OnU1YtJeIhnNbwPQ==",
    "monitors": ["10.77.0.31"],
    "fs": "web",
    "subvolume_path": "/volumes/sites/v7/60f390d3-c82e-457f-8b12-4a4175a7be73",
}


def test_a_good_spec_is_taken_as_it_is():
    assert Volume().validate("v7", VOLUME) == VOLUME
    assert Attachment().validate("v7", ATTACHMENT) == ATTACHMENT


@pytest.mark.parametrize(
    "change",
    [
        {"size": 0},
        {"size": 2**60},
        {"size": "1G"},
        {"uid": 0},  # never root's
        {"gid": 0},
        {"access": "web1"},
        {"access": ["web1", "web1 caps mds 'allow *'"]},
        {"access": ["../web1"]},
        {"epoch": 0},
        {"trashed": True},  # and given to somebody
        {"caps": "allow *"},
    ],
)
def test_a_bad_volume_is_refused(change):
    with pytest.raises(Invalid):
        Volume().validate("v7", {**VOLUME, **change})


@pytest.mark.parametrize("id", ["v7.web1", "../v7", "v7/x", "V7", ""])
def test_a_bad_name_is_refused(id):
    with pytest.raises(Invalid):
        Volume().validate(id, VOLUME)


@pytest.mark.parametrize(
    "change",
    [
        {"path": "/etc"},
        {"path": "/srv/sites/../../etc"},
        {"path": "/srv/sites"},
        {"path": "/srv/sites/12/web"},
        {"path": "/srv/sites/12\nMOUNT=/etc"},
        {"client": "v8.web1"},  # another volume's identity
        {"client": "admin"},
        {"key": "AQB\nlog_file = /etc/passwd"},
        {"key": ""},
        {"monitors": []},
        {"monitors": ["10.77.0.31,10.0.0.1"]},
        {"fs": "web\nclient_mountpoint = /"},
        {"subvolume_path": "/"},
        {"subvolume_path": "/volumes/sites/v7/../v8"},
        {"driver": "nfs"},
        {"options": "suid"},
    ],
)
def test_a_bad_attachment_is_refused(change):
    with pytest.raises(Invalid):
        Attachment().validate("v7", {**ATTACHMENT, **change})


def test_the_key_is_in_a_file_of_root_alone():
    for file in Attachment().files("v7", ATTACHMENT):
        assert file.mode == 0o600
    assert ATTACHMENT["key"] in cephfuse.files("v7", ATTACHMENT)[0].content.decode()
    assert ATTACHMENT["key"] not in cephfuse.unit_file().content.decode()


def test_volumes_are_mounted_without_devices_or_setuid_and_never_restarted_behind_our_back():
    unit = cephfuse.unit_file().content.decode()
    assert "nosuid,nodev" in unit and "Restart=no" in unit


@pytest.mark.parametrize(
    ("record", "epoch", "access"),
    [
        (VolumeRecord("v7", epoch=5, access=["web1"]), 4, ["web1"]),  # older
        (VolumeRecord("v7", epoch=5, access=["web1"]), 5, ["web2"]),  # the same epoch gave it to another
        (VolumeRecord("v7", epoch=5, access=[]), 5, ["web1"]),
    ],
)
def test_a_stale_worker_gives_nobody_anything(record, epoch, access):
    with pytest.raises(Stale):
        _check_epoch(record, {**VOLUME, "epoch": epoch, "trashed": False}, access)
