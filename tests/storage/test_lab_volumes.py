"""Volumes on a real storage host, mounted on real web hosts."""

import shlex

import pytest

from tests.panel import wait_until

from .lab import MIB, LabVolume, apply, ask, is_refused, shell

pytestmark = pytest.mark.lab


def test_owner_mode_and_marks_are_right_and_nothing_can_be_run_with_other_rights(volume, host):
    volume.mount(host)
    assert shell(host, f"stat -c '%u %g %a' {volume.path}") == f"{volume.uid} 33 750"
    assert volume.read(host, ".volume-id") == volume.name
    options = shell(host, f"findmnt -n -o OPTIONS,SOURCE,FSTYPE {volume.path}")
    assert "nosuid" in options and "nodev" in options and f"controlpanel-{volume.name} fuse.ceph" in options


def test_the_quota_stops_a_writer_and_usage_is_read_back(volume, host, store):
    volume.mount(host)
    told = shell(host, f"dd if=/dev/zero of={volume.path}/big bs=1M count=200")
    assert "Disk quota exceeded" in told or "No space left" in told
    size = int(shell(host, f"stat -c %s {volume.path}/big"))
    # The client enforces it, in steps: it may stop a little before or after.
    assert volume.size - 4 * MIB <= size <= volume.size + 8 * MIB

    def used() -> bool:
        return ask(store, "storage.usage")["volumes"][volume.name]["used"] >= size

    wait_until(used, 15, what="usage")
    assert volume.is_attached(host)  # a full volume is full, not broken
    shell(host, f"rm {volume.path}/big")
    wait_until(lambda: volume.write(host, "small", "room again") == "", 15)


def test_a_larger_size_takes_effect_while_it_is_mounted_and_a_smaller_than_used_is_refused(volume, host):
    volume.mount(host)
    volume.size = 96 * MIB
    volume.give(host)
    wait_until(lambda: "96M" in shell(host, f"df -h {volume.path}"), 15)
    shell(host, f"head -c 40M /dev/zero > {volume.path}/big; sync {volume.path}/big")

    def refused() -> bool:
        volume.size = 16 * MIB
        item = volume.give(host)
        return item["status"] == "failed" and item["code"] == "invalid"

    wait_until(refused, 15)
    volume.size = 96 * MIB


# --- a host reaches only what it was granted -----------------------------------------------------------------------


def test_a_host_that_was_not_granted_a_volume_cannot_mount_it(volume, host, other, store):
    volume.mount(other)
    own = LabVolume(store)
    own.mount(host)
    try:
        stolen = {"client": volume.credentials[other.name]["client"]}  # the name is no secret; the key is
        mine = own.credentials[host.name]
        attempts = [
            {**mine, "client": f"{volume.name}.{host.name}", "subvolume_path": path(volume, other)},
            {**mine, **stolen, "subvolume_path": path(volume, other)},
        ]
        for attempt in attempts:
            item = volume.attach(host, **attempt)
            assert item["status"] == "failed", item
            assert shell(host, f"findmnt {volume.path}") == ""
        # Its own key, another's path: the metadata server refuses.
        item = own_attach(own, host, path(volume, other))
        assert "could not be mounted" in item["reason"] and "not permitted" in item["output"]
    finally:
        own.throw_away()


def path(volume: LabVolume, host) -> str:
    return str(volume.credentials[host.name]["subvolume_path"])


def own_attach(own: LabVolume, host, subvolume_path: str):
    own.detach(host)
    own.epoch += 1
    return own.attach(host, subvolume_path=subvolume_path)


def test_a_key_does_not_open_another_volumes_objects_past_the_metadata_servers(volume, host, store):
    volume.mount(host)
    secret = LabVolume(store)
    secret.give(host)
    try:
        who = volume.credentials[host.name]
        base = f"rados --id {who['client']} --key {who['key']} --no-mon-config --mon-host {who['monitors'][0]}"
        pool = shell(
            store,
            "ceph fs ls -f json | python3 -c 'import json,sys; print(json.load(sys.stdin)[0][\"data_pools\"][0])'",
        )
        meta = shell(
            store,
            "ceph fs ls -f json | python3 -c 'import json,sys; print(json.load(sys.stdin)[0][\"metadata_pool\"])'",
        )
        listing = f"{base} -p {pool} -N fsvolumens_{{}} ls; echo rc=$?"
        assert "rc=0" in shell(store, listing.format(volume.name))
        assert "not permitted" in shell(store, listing.format(secret.name))
        assert "not permitted" in shell(store, f"{base} -p {meta} -N controlpanel ls")
        assert "not permitted" in shell(store, f"{base} -p {pool} ls")
    finally:
        secret.throw_away()


def test_an_empty_mount_point_cannot_be_written_even_by_root(volume, host):
    volume.give(host)
    volume.credentials[host.name]["key"] = "AQBNcANrJ5c9KhAAs6Occ0OnU1YtJeIhnNbwPQ=="
    assert volume.attach(host)["status"] == "failed"
    assert "not permitted" in shell(host, f"touch {volume.path}/lost")


def test_something_else_in_its_place_is_noticed_and_left_alone(volume, host):
    volume.give(host)
    shell(host, f"mkdir -p {volume.path} && mount -t tmpfs elsewhere {volume.path} && touch {volume.path}/theirs")
    try:
        item = volume.attach(host)
        assert (item["status"], item["code"]) == ("failed", "wrong_volume")
        assert shell(host, f"ls {volume.path}") == "theirs"
    finally:
        shell(host, f"umount {volume.path}")
    assert volume.is_attached(host)


# --- who has it ----------------------------------------------------------------------------------------------------


def test_a_planned_move_loses_nothing(volume, host, other):
    volume.mount(host)
    shell(host, f"echo written just before > {volume.path}/late")  # still in the client's memory
    assert volume.detach(host)["status"] == "ok"
    assert volume.who_has()["holders"] == []
    volume.mount(other)
    assert volume.read(other, "late") == "written just before"
    assert [holder["host"] for holder in volume.who_has()["holders"]] == [other.name]


def test_what_still_works_in_it_is_ended_before_it_is_unmounted(volume, host):
    volume.mount(host)
    shell(host, f"systemd-run --quiet --unit=stay-{volume.number} --working-directory={volume.path} sleep 600")
    assert "busy" in shell(host, f"umount {volume.path}")
    assert volume.detach(host)["status"] == "ok"
    assert shell(host, f"findmnt {volume.path}; pgrep -f {volume.name}[.]conf; ls -d {volume.path} 2>/dev/null") == ""


def test_taking_access_away_stops_an_open_session_too(volume, host, other):
    volume.mount(host)
    assert volume.write(host, "data", "first") == ""
    volume.give(other)
    assert "shutdown" in volume.write(host, "data", "second")
    volume.attach(other)
    assert volume.read(other, "data") == "first"


def test_a_stale_worker_is_refused_by_host_and_by_storage(volume, host, other, store):
    volume.give(host)
    volume.give(other)
    [item] = apply(store, volume.resource(host, epoch=1))
    assert (item["status"], item["code"]) == ("refused", "stale_revision")
    # A storage host that was set up anew has forgotten its own revisions; the storage itself has not.
    assert is_refused(lambda: ask(store, "storage.purge", volume=volume.name, epoch=1), "stale_revision")
    assert is_refused(
        lambda: ask(store, "storage.fence_volume", volume=volume.name, host=other.name, epoch=2), "stale_revision"
    )
    assert volume.who_has()["access"] == [other.name]


def test_a_daemon_that_died_is_found_by_drift_and_mended(volume, host):
    volume.mount(host)
    volume.write(host, "data", "kept")
    shell(host, f"pkill -9 -f {volume.name}[.]conf")
    [difference] = ask(host, "apply", operation=None, items=[volume.attachment(host)], check=True)["differences"][:1]
    assert difference["id"] != "" and difference["kind"] == "attachment"
    assert volume.is_attached(host)
    # Not read here: the dead client's session keeps what it had cached for itself until the server gives it up (60 s).


def test_its_owner_cannot_forge_or_lose_what_a_volume_is_known_by(volume, host):
    volume.mount(host)
    forge = (
        f"import os; os.chdir({volume.path!r}); os.unlink('.volume-id'); os.symlink('/etc/shadow', '.volume-id');"
        "os.setxattr('.', 'trusted.controlpanel.volume', b'v1')"
    )
    as_owner = f"setpriv --reuid {volume.uid} --regid 33 --clear-groups"
    assert "not permitted" in shell(host, f"{as_owner} python3 -c {shlex.quote(forge)}")
    assert volume.is_attached(host)
    assert volume.read(host, ".volume-id") == volume.name


def test_many_at_once(store, host):
    volumes = [LabVolume(store) for _ in range(12)]
    try:
        items = apply(store, *[volume.resource(host, epoch=1) for volume in volumes])
        for volume, item in zip(volumes, items, strict=True):
            volume.epoch, volume.users = 1, {host.name: host}
            volume.credentials = item["answer"]["credentials"]
        # One of them may fail alone.
        volumes[3].credentials[host.name]["key"] = "AQBNcANrJ5c9KhAAs6Occ0OnU1YtJeIhnNbwPQ=="
        answers = apply(host, *[volume.attachment(host) for volume in volumes])
        assert [item["status"] for item in answers] == ["ok"] * 3 + ["failed"] + ["ok"] * 8
        absent = [{**volume.attachment(host), "state": "absent", "spec": {}} for volume in volumes]
        assert {item["status"] for item in apply(host, *absent)} <= {"ok", "unchanged"}
    finally:
        for volume in volumes:
            volume.throw_away()


# --- snapshots, trash ----------------------------------------------------------------------------------------------


def test_a_snapshot_outlives_what_was_deleted_and_becomes_a_volume_of_its_own(volume, host, store):
    volume.mount(host)
    volume.write(host, "page", "as it was")
    ask(store, "storage.snapshot", volume=volume.name, name="before")
    shell(host, f"rm {volume.path}/page")
    assert [one["name"] for one in ask(store, "storage.list_snapshots", volume=volume.name)["snapshots"]] == ["before"]
    copy = LabVolume(store)
    try:
        wanted = {"volume": volume.name, "name": "before", "target": copy.name, "epoch": 1}
        wait_until(lambda: ask(store, "storage.clone", **wanted)["state"] == "complete", 30)
        copy.epoch = 1
        copy.mount(host)
        assert copy.read(host, "page") == "as it was"
        assert copy.read(host, ".volume-id") == copy.name
    finally:
        copy.throw_away()
    ask(store, "storage.drop_snapshot", volume=volume.name, name="before")


def test_trash_can_be_taken_back_until_it_is_purged(volume, host, store):
    volume.mount(host)
    volume.write(host, "page", "kept")
    assert is_refused(lambda: ask(store, "storage.purge", volume=volume.name, epoch=99), "busy")
    volume.detach(host)
    volume.give(trashed=True)
    assert ask(store, "storage.list")["volumes"][volume.name]["trashed"] is True
    volume.mount(host)
    assert volume.read(host, "page") == "kept"
