"""Isolating a compromised site: who may, what is written, in which order it is done, and the way back."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from controlpanel.fleet.desired import desired_state
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import action_for, plan_for
from controlpanel.operations.services import preview
from hosting import errors, evidence, services
from hosting.choices import SiteState
from hosting.models import Evidence, Quarantine, Site
from members import blocks
from members.choices import Role
from members.directory.compare import person_of
from members.models import Access, Login
from members.tokens import authenticate_token, create_token
from routing.models import Backend
from storage import snapshots
from storage.choices import SnapshotCause, SnapshotState
from storage.models import Snapshot
from tests.factories import LoginFactory, SiteFactory, VolumeFactory
from tests.hosting.conftest import Place


@pytest.fixture
def site(place: Place) -> Site:
    return SiteFactory(order=place.order, host=place.web[0], domain="a.test", placed=True, kind="php")


def isolate(place: Place, site: Site, **options: Any) -> tuple[Site, Operation]:
    return services.quarantine_site(place.staff, site, options.pop("reason", "It sends spam."), **options)


def end(operation: Operation, how: str = "on_success") -> Site:
    """As if it had ended so."""
    Operation.objects.filter(pk=operation.pk).update(state="succeeded")
    getattr(plan_for(operation.kind), how)(operation)
    return Site.objects.get(pk=operation.params["site"])


def outline(operation: Operation) -> list[list[str]]:
    return [
        [f"{step.action}@{step.host}" if step.host else step.action for step in stage]
        for stage in preview(operation.kind, operation.params)
    ]


# --- isolate -----------------------------------------------------------------------------------------------------


def test_the_intent_is_written_whole(place: Place, site: Site) -> None:
    isolated, operation = isolate(place, site)
    assert (isolated.quarantined, isolated.state) == (True, "updating")
    assert Backend.objects.get(site_id=site.pk).mode == "quarantine"
    quarantine = Quarantine.objects.get(site=site)
    assert (quarantine.reason, quarantine.began_by, quarantine.ended) == ("It sends spam.", place.staff, None)
    assert (quarantine.snapshot.cause, quarantine.snapshot.state) == (SnapshotCause.QUARANTINE, SnapshotState.PLANNED)
    assert isolated.volume.snapshots_held
    assert operation.scopes == site.scopes  # its owners see it
    assert end(operation).state == SiteState.QUARANTINED


def test_harm_ends_first_and_evidence_is_kept_before_processes_end(place: Place, site: Site) -> None:
    operation = isolate(place, site, block_logins=True)[1]
    assert outline(operation) == [
        ["hosting.close_on_edge@edge1", "hosting.close_on_edge@edge2", "hosting.cut_off@web1"],
        ["hosting.collect_evidence@web1"],
        ["hosting.stop_on_web@web1"],
        [f"storage.snapshot@{site.volume.pool.host.name}", "members.ensure_login"],
    ]


def test_a_host_is_told_so_at_every_resync(place: Place, site: Site) -> None:
    isolate(place, site)
    spec = next(one.spec for one in desired_state(place.web[0]) if one.kind == "site")
    assert (spec["quarantined"], spec["room"]) == (True, False)


def test_a_site_that_is_busy_is_cut_off_at_once_all_the_same(place: Place, site: Site) -> None:
    services.edit_site(place.actor, site, php_workers=3)
    isolate(place, site)
    hurried = Operation.objects.get(kind="hosting.cut_site")
    assert [row.resource for row in hurried.reservations.all()] == [f"cut:{site.pk}"]
    assert outline(hurried) == outline(Operation.objects.get(kind="hosting.quarantine_site"))[:1]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 2001])
def test_a_reason_is_asked_for(place: Place, site: Site, reason: str) -> None:
    with pytest.raises(errors.InvalidReason):
        isolate(place, site, reason=reason)


def test_only_staff_isolate_and_release(place: Place, site: Site) -> None:
    with pytest.raises(PermissionDenied):
        services.quarantine_site(place.actor, site, "x")
    with pytest.raises(Site.DoesNotExist):
        services.quarantine_site(place.stranger, site, "x")
    isolate(place, site)
    with pytest.raises(PermissionDenied):
        services.release_site(place.actor, site)
    with pytest.raises(errors.AlreadyQuarantined):
        isolate(place, site)


def test_a_change_of_its_owner_leaves_it_isolated(place: Place, site: Site) -> None:
    end(isolate(place, site)[1])
    operation = services.edit_site(place.actor, site, php_workers=3)[1]
    assert Backend.objects.get(site_id=site.pk).mode == "quarantine"
    assert not [step for stage in preview(operation.kind, operation.params) for step in stage if "probe" in step.action]
    assert end(operation).state == SiteState.QUARANTINED
    services.disable_site(place.actor, site)
    assert Backend.objects.get(site_id=site.pk).mode == "quarantine"


# --- release -----------------------------------------------------------------------------------------------------


def test_a_release_brings_everything_back_its_host_first(place: Place, site: Site) -> None:
    end(isolate(place, site, block_logins=True)[1])
    released, operation = services.release_site(place.staff, site)
    assert outline(operation) == [
        ["hosting.free_on_web@web1"],
        ["hosting.open_on_edge@edge1", "hosting.open_on_edge@edge2", "members.ensure_login"],
        ["hosting.probe@edge1", "hosting.probe@edge2"],
    ]
    assert not released.quarantined
    assert Backend.objects.get(site_id=site.pk).mode == "normal"
    assert Quarantine.objects.get(site=site).ended_by == place.staff
    assert not released.volume.snapshots_held
    assert end(operation).state == SiteState.ACTIVE
    with pytest.raises(errors.NotQuarantined):
        services.release_site(place.staff, site)


def test_a_cancelled_quarantine_is_taken_back_by_a_release(place: Place, site: Site) -> None:
    operation = isolate(place, site)[1]
    assert not end(operation, "on_cancel").quarantined
    assert Operation.objects.filter(kind="hosting.release_site").count() == 1


def test_a_cancelled_release_isolates_again(place: Place, site: Site) -> None:
    end(isolate(place, site)[1])
    assert end(services.release_site(place.staff, site)[1], "on_cancel").quarantined
    assert services.open_quarantine(site) is not None


# --- logins ------------------------------------------------------------------------------------------------------


def test_keys_and_tokens_of_those_concerned_are_blocked_until_the_release(place: Place, site: Site) -> None:
    order_admin = LoginFactory(administers_order=place.order, ssh_keys="ssh-ed25519 AAAA")
    Access.objects.create(login=place.staff, role=Role.ORDER_ADMIN, order_id=place.order.pk)
    texts = {login: create_token(login=login, name="x")[1] for login in (place.actor, order_admin, place.stranger)}
    end(isolate(place, site, block_logins=True)[1])
    assert {login: bool(authenticate_token(text)) for login, text in texts.items()} == {
        place.actor: False,
        order_admin: False,
        place.stranger: True,
    }
    assert person_of(order_admin, 1).ssh_keys == ()
    assert not Login.objects.get(pk=place.staff.pk).blocks.exists()  # staff lock themselves out of nothing
    services.release_site(place.staff, site)
    assert all(authenticate_token(text) for text in texts.values())
    assert person_of(order_admin, 1).ssh_keys == ("ssh-ed25519 AAAA",)


def test_two_reasons_to_block_are_taken_away_one_by_one(place: Place) -> None:
    blocks.block([place.actor], "quarantine:1")
    blocks.block([place.actor], "quarantine:2")
    assert blocks.unblock("quarantine:1") == [place.actor]
    assert place.actor.blocks.count() == 1


# --- evidence ----------------------------------------------------------------------------------------------------

FOUND = {
    "at": 1_790_000_000.5,
    "processes": [{"pid": 7, "command": "evil --password=hunter2 \x00\u202e", "environment": ["DB_PASSWORD"]}],
    "connections": [{"remote": "192.0.2.1:80"}],
    "logs": [{"name": "access.log", "text": "GET /?token=abcdef123456 HTTP/1.1\nCookie: PHPSESSID=secret-cookie"}],
    "packets_stopped": 3,
}


def test_evidence_is_kept_encrypted_and_leaves_only_numbers_behind(place: Place, site: Site) -> None:
    operation = isolate(place, site)[1]
    quarantine = Quarantine.objects.get()
    step = Step(operation=operation, host="web1", args={"site": site.pk, "quarantine": quarantine.pk})
    answer: dict[str, Any] = {"evidence": dict(FOUND)}
    action_for("hosting.collect_evidence").confirm(step, answer)
    assert answer == {"processes": 1, "connections": 1, "logs": 1, "packets_stopped": 3}
    row = Evidence.objects.get()
    assert "hunter2" in row.content
    shown = json.dumps(evidence.shown(row))
    for secret in ("hunter2", "abcdef123456", "secret-cookie"):
        assert secret not in shown
    assert "\\u202e" not in shown
    assert "DB_PASSWORD" in shown


# --- the clean room ----------------------------------------------------------------------------------------------


def test_owners_open_a_room_with_a_new_secret_each_time(place: Place, site: Site) -> None:
    with pytest.raises(errors.NotQuarantined):
        services.open_room(place.actor, site)
    end(isolate(place, site)[1])
    operation = services.open_room(place.actor, site)[1]
    assert outline(operation) == [
        ["hosting.room_on_web@web1"],
        ["hosting.room_on_edge@edge1", "hosting.room_on_edge@edge2"],
    ]
    end(operation)
    first = Quarantine.objects.get()
    address = services.address_of(site, first)
    assert address.startswith("https://a.test/.well-known/controlpanel-room/")
    assert len(first.room_secret) >= 43
    assert first.room_secret not in json.dumps([operation.params, list(operation.steps.values("args"))])
    room = next(one for one in desired_state(place.edges[0]) if one.kind == "room")
    assert first.room_secret not in json.dumps(room.wire())
    end(services.open_room(place.staff, site)[1])
    assert services.address_of(site, Quarantine.objects.get()) != address
    with pytest.raises(Site.DoesNotExist):
        services.open_room(place.stranger, site)


def test_a_room_closes_when_its_time_is_over(place: Place, site: Site) -> None:
    end(isolate(place, site)[1])
    end(services.open_room(place.actor, site)[1])
    Quarantine.objects.update(room_until=timezone.now() - timedelta(seconds=1))
    assert not [one for one in desired_state(place.edges[0]) if one.kind == "room"]
    assert [operation.kind for operation in services.close_due()] == ["hosting.close_room"]
    assert not Site.objects.get(pk=site.pk).room_open
    assert services.close_due() == []


# --- snapshots ---------------------------------------------------------------------------------------------------


def test_regular_snapshots_are_taken_kept_and_dropped(place: Place, settings: Any) -> None:
    settings.SNAPSHOT_EVERY, settings.SNAPSHOT_KEEP = 24, 2
    now = timezone.now()
    volume = VolumeFactory()
    volume.__class__.objects.update(created=now - timedelta(days=9))
    for days in (3, 2, 1):
        row = Snapshot.objects.create(volume=volume, state=SnapshotState.READY, taken=now - timedelta(days=days))
        Snapshot.objects.filter(pk=row.pk).update(created=now - timedelta(days=days, minutes=1))
    [operation] = snapshots.rotate_due()
    assert len(operation.params["take"]) == 1
    assert len(operation.params["drop"]) == 2  # with the new one, two are left
    assert snapshots.rotate_due() == []  # one at a time


def test_a_quarantine_keeps_the_snapshots_of_before(place: Place, site: Site) -> None:
    site.volume.__class__.objects.update(created=timezone.now() - timedelta(days=9))
    good = Snapshot.objects.create(volume=site.volume, state=SnapshotState.READY, taken=timezone.now())
    end(isolate(place, site)[1])
    later = Snapshot.objects.create(volume=site.volume, state=SnapshotState.READY, taken=timezone.now())
    assert services.last_good(Site.objects.get(pk=site.pk)) == good
    assert later in services.snapshots_of(site)
    assert not snapshots.due_volumes().filter(pk=site.volume_id).exists()


@pytest.mark.parametrize("paths", [[], ["../x"], ["/"], ["a//b"], [".snap/x"], ["a\x00b"], ["x"] * 1001])
def test_only_plain_paths_are_restored(place: Place, site: Site, paths: list[str]) -> None:
    snapshot = Snapshot.objects.create(volume=site.volume, state=SnapshotState.READY, taken=timezone.now())
    with pytest.raises(errors.NothingToRestore):
        services.restore_files(place.actor, site, snapshot.pk, paths=paths)


def test_a_restoration_takes_a_snapshot_first_and_anothers_snapshot_is_none(place: Place, site: Site) -> None:
    snapshot = Snapshot.objects.create(volume=site.volume, state=SnapshotState.READY, taken=timezone.now())
    operation = services.restore_files(place.actor, site, snapshot.pk, paths=["web/index.php"])[1]
    assert [len(stage) for stage in outline(operation)] == [1, 1]
    assert outline(operation)[1] == ["hosting.restore_files@web1"]
    other = Snapshot.objects.create(volume=VolumeFactory(), state=SnapshotState.READY, taken=timezone.now())
    with pytest.raises(errors.NoSuchSnapshot):
        services.restore_files(place.actor, site, other.pk, paths=["x"])
