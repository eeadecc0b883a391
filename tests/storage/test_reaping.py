"""Which hosts are looked after once they have booted again."""

import pytest

from controlpanel.fleet.choices import HostState
from storage import reaping, services
from storage.choices import VolumeState
from tests.factories import AttachmentFactory, HostFactory

pytestmark = pytest.mark.django_db


def test_a_mount_is_noted_with_the_boot_that_it_was_made_in():
    host = HostFactory(boot_id="first")
    attachment = AttachmentFactory(host=host, volume__state=VolumeState.GRANTING, mounted=False)
    services.mark_attached(attachment.volume, host)
    attachment.refresh_from_db()
    assert attachment.boot_id == "first"


@pytest.mark.parametrize(
    ("changes", "looked_after"),
    [
        ({}, True),
        ({"boot_id": "first"}, False),  # it is the same boot
        ({"boot_id": ""}, False),  # it has not said so far
        ({"reachable": False}, False),
        ({"state": HostState.FENCED}, False),  # that is for readmission
    ],
)
def test_a_host_that_booted_since_its_volumes_were_mounted(changes, looked_after):
    host = HostFactory(**{"boot_id": "second", **changes})
    AttachmentFactory(host=host, boot_id="first")
    assert (host in reaping._returned()) is looked_after


def test_a_host_that_mounts_nothing_is_left_alone():
    AttachmentFactory(host=HostFactory(boot_id="second"), boot_id="first", mounted=False)
    assert reaping._returned() == []
