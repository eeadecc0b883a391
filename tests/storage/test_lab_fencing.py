"""Fences, against a writer that does not want to stop. What the other host has written must stay."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from controlpanel.fleet import channel
from controlpanel.fleet.choices import HostState
from controlpanel.fleet.contacts import note_contact
from controlpanel.fleet.models import Host
from controlpanel.operations import runner
from controlpanel.operations.choices import OperationState
from controlpanel.operations.errors import AnswerLost, HostAway
from controlpanel.operations.models import Operation
from storage import reaping, services
from storage.choices import VolumeState
from storage.desired import attachment_resource, volume_resource
from storage.models import Pool, Volume
from tests.panel import ROOT, lab, wait_until

from .lab import MIB, LabVolume, Writer, apply, ask, is_refused, shell

pytestmark = pytest.mark.lab


@contextmanager
def cut(host: Host, volume: LabVolume) -> Iterator[None]:
    lab("cut", host.name)
    try:
        yield
    finally:
        lab("rejoin", host.name)


@contextmanager
def frozen(host: Host, volume: LabVolume) -> Iterator[None]:
    """The client process stands still, with what it has not written yet in its memory."""
    daemon = f"pgrep -f {volume.name}[.]conf"
    shell(host, f"kill -STOP $({daemon})")
    try:
        yield
    finally:
        shell(host, f"kill -CONT $({daemon})")


@contextmanager
def running_on(host: Host, volume: LabVolume) -> Iterator[None]:
    yield


@pytest.mark.parametrize("state", [running_on, cut, frozen])
def test_a_fenced_volume_takes_nothing_more_from_the_old_host(state, volume, host, other):
    volume.mount(host)
    writer = Writer(volume, host)
    try:
        with state(host, volume):
            assert volume.fence(host)["confirmed"] is True
            assert volume.who_has()["holders"] == []
            volume.mount(other)
            assert volume.write(other, "data", "acknowledged") == ""
            lines = volume.read(other, "lines")
        assert writer.is_running()  # it lives, it tries, it is connected
        shell(host, "sleep 3")
        assert volume.read(other, "data") == "acknowledged"
        assert volume.read(other, "lines") == lines
    finally:
        writer.stop()
    assert volume.detach(host)["status"] == "ok"  # the dead mount goes without a trace


# --- a whole host, through the panel's own operations --------------------------------------------------------------


class World:
    """The two web hosts and the storage host in the test's database, with two volumes on the first."""

    def __init__(self, store: Host, host: Host, other: Host) -> None:
        self.store, self.host, self.other = store, host, other
        for row in (store, host, other):
            row.pk = None
            row.save(force_insert=True)
            self.say_hello(row)
        self.pool = Pool.objects.create(name="lab", host=store)
        self.mirrors = [LabVolume(store), LabVolume(store)]
        self.volumes = [self.attach(mirror, host) for mirror in self.mirrors]

    @staticmethod
    def say_hello(row: Host) -> None:
        note_contact(row, ask(row, "hello"))
        row.refresh_from_db()

    def attach(self, mirror: LabVolume, host: Host) -> Volume:
        """What a plan of another app does, step by step."""
        volume = Volume.objects.filter(pk=mirror.number).first() or Volume.objects.create(
            pk=mirror.number, pool=self.pool, size_bytes=64 * MIB, uid=mirror.uid, gid=33, state=VolumeState.CREATING
        )
        services.begin_attach(volume, host, mirror.path)
        self.provision(volume)
        attachment = volume.attachments.get(host=host)
        [item] = apply(host, attachment_resource(attachment).wire())
        assert item["status"] == "ok", item
        mirror.users[host.name] = host
        services.mark_attached(volume, host)
        return volume

    def provision(self, volume: Volume) -> None:
        [item] = apply(self.store, volume_resource(Volume.objects.get(pk=volume.pk)).wire())
        assert item["status"] == "ok", item
        services.mark_provisioned(volume, item["answer"].get("credentials", {}))

    def run(self, operation: Operation) -> str:
        """Only this one: a resync from this database would take away all that the real panel has put there."""
        runner.run(operation.pk)
        operation.refresh_from_db()
        return str(operation.state)

    def clean(self) -> None:
        for mirror, volume in zip(self.mirrors, self.volumes, strict=True):
            volume.refresh_from_db()
            mirror.epoch = volume.epoch + 10
            mirror.throw_away()


@pytest.fixture
def world(transactional_db, store, host, other):
    world = World(store, host, other)
    yield world
    try:
        if Host.objects.filter(pk=host.pk, state=HostState.FENCED).exists():
            restart(world)
            readmit = {"host": host.name, "boot_id": host.boot_id, "mounts": []}
            ask(store, "storage.unfence_host", **readmit)
        world.clean()
    finally:
        bring_the_panels_own_back(host)


def restart(world: World) -> None:
    lab("power-off", world.host.name)
    lab("power-on", world.host.name)
    channel.close(world.host.name)
    wait_until(lambda: answers(world.host), 60, every=0.5)
    wait_until(lambda: shell(world.host, "systemctl is-active controlpanel-boot") != "activating", 90, every=0.5)
    world.say_hello(world.host)


def answers(host: Host) -> bool:
    try:
        ask(host, "ping")
    except (HostAway, AnswerLost):  # a cut is often noticed only by the first who speaks after it
        return False
    return True


def bring_the_panels_own_back(host: Host) -> None:
    """The panel's own volumes on this host were cut off with ours: mount them again, as staff would."""
    command = [sys.executable, "manage.py", "resync", host.name]
    subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_a_host_is_fenced_stays_fenced_and_comes_back_only_restarted_and_empty(world):
    host, other, store = world.host, world.other, world.store
    moved, kept = world.mirrors
    writer = Writer(moved, host)
    kept.write(host, "page", "kept")

    lab("cut", host.name)
    try:
        operation = services.fence_host(host)
        assert world.run(operation) == OperationState.SUCCEEDED
        assert not is_refused(lambda: ask(store, "storage.probe"), "")
        assert host.name in ask(store, "storage.probe")["fenced"]
        for volume in world.volumes:
            volume.refresh_from_db()
            assert volume.state == VolumeState.FREE
        # While it is away, another host gets the one volume and writes to it.
        world.attach(moved, other)
        assert moved.write(other, "data", "acknowledged") == ""
        lines = moved.read(other, "lines")
    finally:
        lab("rejoin", host.name)

    wait_until(lambda: answers(host), 30)
    assert writer.is_running()
    shell(host, "sleep 2")
    assert (moved.read(other, "data"), moved.read(other, "lines")) == ("acknowledged", lines)

    # It is back and alive, and that is not enough: what it has in memory is from before.
    host.refresh_from_db()
    readmission = services.unfence_host(host)
    assert world.run(readmission) == OperationState.FAILED
    assert readmission.error["code"] == "not_ready"
    host.refresh_from_db()
    assert host.state == HostState.FENCED

    restart(world)
    assert ask(host, "attachment.list")["mounts"] == []  # it tried, from its own state, and was refused
    assert shell(host, f"ls {moved.path} {kept.path} | grep -v :") == ""
    assert "not permitted" in shell(host, f"touch {kept.path}/x")
    assert (moved.read(other, "data"), moved.read(other, "lines")) == ("acknowledged", lines)

    readmission = services.unfence_host(host)
    assert world.run(readmission) == OperationState.SUCCEEDED, json.dumps(readmission.error)
    host.refresh_from_db()
    assert (host.state, host.needs_resync) == (HostState.ACTIVE, True)
    assert kept.read(host, "page") == "kept"
    assert shell(host, f"findmnt {moved.path}") == ""
    assert host.name not in ask(store, "storage.probe")["fenced"]


def test_a_restarted_host_mounts_what_it_had_and_need_not_wait_for_its_own_dead_sessions(world):
    for mirror in world.mirrors:
        mirror.write(world.host, "page", mirror.name)
    time.sleep(2)  # a host of the lab boots in a second: quicker than two hosts can be asked how old things are
    restart(world)
    for mirror in world.mirrors:
        assert f"controlpanel-{mirror.name}" in shell(world.host, f"findmnt -n -o SOURCE {mirror.path}")
    assert reaping.reap_due() == 1
    assert reaping.reap_due() == 0
    begun = time.monotonic()
    for mirror in world.mirrors:
        assert mirror.read(world.host, "page") == mirror.name
    assert time.monotonic() - begun < 20  # the servers' own patience is 60
    assert [len(mirror.who_has()["holders"]) for mirror in world.mirrors] == [1, 1]


def test_storage_says_no_to_a_fenced_host_whoever_asks(world):
    host, store = world.host, world.store
    assert ask(store, "storage.fence_host", host=host.name, addresses=[host.address], boot_id=host.boot_id)["confirmed"]
    try:
        mirror = world.mirrors[0]
        world.volumes[0].refresh_from_db()
        [item] = apply(store, mirror.resource(host, epoch=world.volumes[0].epoch + 1))
        assert (item["status"], item["code"]) == ("failed", "host_fenced")
        for proof in ({"boot_id": host.boot_id, "mounts": []}, {"boot_id": "another", "mounts": ["a volume"]}):
            assert is_refused(
                lambda proof=proof: ask(store, "storage.unfence_host", host=host.name, **proof), "not_ready"
            )
    finally:
        restart(world)
        ask(store, "storage.unfence_host", host=host.name, boot_id=host.boot_id, mounts=[])
