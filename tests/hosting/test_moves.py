"""Moves of sites as plans, services and rows; that hosts do them is test_lab_moves.py's."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation, Reservation, Step
from controlpanel.operations.registry import action_for, plan_for
from controlpanel.operations.services import NotPossible, cancel, preview
from hosting import services
from hosting.choices import SiteState
from hosting.errors import AlreadyThere, Moving, Scaled, TargetUnfit
from hosting.models import Placement, Site
from hosting.services import moves
from routing.models import Backend
from storage import handover
from storage.errors import Held
from storage.models import Attachment, Volume
from tests.factories import HostFactory, HostingOrderFactory, SiteFactory
from tests.hosting.conftest import Place

CREDENTIAL = {"client": "v1.web2", "key": "k" * 30, "monitors": [], "fs": "web", "subvolume_path": "/volumes/x"}


def live(place: Place, host: int = 0, **more: Any) -> Site:
    """A site that runs on a web host."""
    site: Site = SiteFactory(order=place.order, host=place.web[host], placed=True, kind="php", **more)
    site.volume.pool.host = Host.objects.get(name="store1")
    site.volume.pool.save()
    return site


def move(place: Place, site: Site, host: str | None = "web2") -> Operation:
    return services.move_site(place.staff, site, host)[1]


def outline(operation: Operation) -> list[list[str]]:
    return [[f"{step.action}@{step.host}" for step in stage] for stage in preview(operation.kind, operation.params)]


def step_of(operation: Operation, action: str) -> Step:
    step = operation.steps.filter(action=action).first()
    assert step is not None
    return step


# --- what it does ------------------------------------------------------------------------------------------------


def test_a_move_prepares_holds_hands_over_and_switches(place: Place) -> None:
    assert outline(move(place, live(place))) == [
        ["hosting.move_check_target@web2", "hosting.move_check_storage@store1"],
        ["hosting.move_prepare@web2"],
        ["hosting.move_hold@edge1", "hosting.move_hold@edge2"],
        ["hosting.move_drain@edge1", "hosting.move_drain@edge2"],
        ["hosting.move_leave@web1"],
        ["hosting.move_hand_over@store1"],
        ["hosting.move_arrive@web2"],
        ["hosting.move_switch@edge1", "hosting.move_switch@edge2"],
        ["hosting.move_look@edge1", "hosting.move_look@edge2"],
    ]


def test_hosts_that_take_part_are_not_resynced_meanwhile(place: Place) -> None:
    site = live(place)
    reserved = set(Reservation.objects.filter(operation=move(place, site)).values_list("resource", "exclusive"))
    hosts = {("host:web1", False), ("host:web2", False), ("host:store1", False)}
    assert reserved == {(f"site:{site.pk}", True), (f"volume:{site.volume_id}", True), *hosts}


def test_a_disabled_site_is_not_looked_at(place: Place) -> None:
    site = live(place)
    Site.objects.update(enabled=False)
    assert outline(move(place, site))[-1] == []


def test_the_site_says_that_it_is_moved_and_a_member_cannot_stop_it(place: Place) -> None:
    operation = move(place, live(place))
    site = Site.objects.get()
    assert site.state == SiteState.MOVING
    assert set(operation.scopes) == set(site.scopes)
    with pytest.raises(NotPossible):
        cancel(operation, place.actor)


def test_the_opposite_move_queues_behind_and_does_nothing_when_it_is_there_already(place: Place) -> None:
    site = live(place)
    move(place, site)
    back = move(place, site, "web1")
    assert outline(back) == []
    Site.objects.update(host=place.web[1])
    assert outline(back)[4] == ["hosting.move_leave@web2"]


def test_ends_tell_where_the_site_really_is(place: Place) -> None:
    operation = move(place, live(place))
    plan_for(operation.kind).on_failure(operation)
    assert Site.objects.get().state == SiteState.ACTIVE
    Volume.objects.update(state="detaching")
    plan_for(operation.kind).on_failure(operation)
    assert Site.objects.get().state == SiteState.FAILED


@pytest.mark.parametrize(("seconds", "longer"), [(0, 0), (9, 1)])
def test_a_hold_that_will_end_soon_is_begun_anew(place: Place, seconds: int, longer: int) -> None:
    """An edge knows a hold by the revision."""
    site = live(place)
    operation = move(place, site)
    held = operation.steps.filter(action="hosting.move_hold").first()
    assert held is not None
    action_for(held.action).intend(held)
    operation.steps.filter(pk=held.pk).update(started=timezone.now() - timedelta(seconds=seconds))
    before = Backend.objects.get().revision
    arrive = operation.steps.get(action="hosting.move_arrive")
    action_for(arrive.action).intend(arrive)
    assert Backend.objects.get().revision == before + longer


# --- who may, and where to ---------------------------------------------------------------------------------------


def test_members_move_nothing(place: Place) -> None:
    site = live(place)
    with pytest.raises(PermissionDenied):
        services.move_site(place.actor, site, "web2")
    with pytest.raises(Site.DoesNotExist):
        services.move_site(place.stranger, site, "web2")


def test_without_a_host_the_one_with_most_room_is_taken(place: Place) -> None:
    HostFactory(name="web3")
    live(place, host=1)
    assert move(place, live(place), None).params["host"] == "web3"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"state": "draining"}, TargetUnfit.STATE),
        ({"reachable": False}, TargetUnfit.AWAY),
        ({"facts": {"memory_mb": 590}}, TargetUnfit.FULL),
        ({"roles": ["edge"]}, TargetUnfit.UNKNOWN),
    ],
)
def test_a_host_that_cannot_take_it_is_refused_with_why(place: Place, values: dict[str, Any], reason: Any) -> None:
    site = live(place)
    Host.objects.filter(name="web2").update(**values)
    with pytest.raises(TargetUnfit) as refusal:
        move(place, site)
    assert refusal.value.params["reason"] == reason


def test_it_does_not_move_to_where_it_is(place: Place) -> None:
    with pytest.raises(AlreadyThere):
        move(place, live(place), "web1")


def test_a_site_on_several_hosts_is_not_moved_as_if_it_were_on_one(place: Place) -> None:
    site = live(place)
    Placement.objects.create(site=site, host=place.web[1])
    with pytest.raises(Scaled):
        move(place, site)


def test_a_site_on_the_move_is_not_deleted(place: Place) -> None:
    site = live(place)
    move(place, site)
    with pytest.raises(Moving):
        services.delete_site(place.staff, site)


# --- several -----------------------------------------------------------------------------------------------------


def test_many_go_in_batches_that_show_no_member_the_others(place: Place) -> None:
    sites = [live(place, domain=f"s{number}.test") for number in range(moves.BATCH + 2)]
    sites.append(live(place, host=1, domain="other.test"))
    Site.objects.filter(pk=sites[0].pk).update(state=SiteState.DELETED)
    started = services.move_sites(place.staff, sites, "web2")
    assert [len(operation.params["sites"]) for operation in started] == [moves.BATCH, 1]
    assert started[0].scopes == [] and started[1].scopes == sites[moves.BATCH + 1].scopes


def test_each_goes_where_there_is_most_room_then(place: Place) -> None:
    HostFactory(name="web3")
    sites = [live(place, domain=f"s{number}.test") for number in range(4)]
    targets = moves.assign(sites)
    assert sorted(host.name for host in targets.values()) == ["web2", "web2", "web3", "web3"]


# --- rows, step by step ------------------------------------------------------------------------------------------


def walk(operation: Operation, *actions: str, undo: bool = False) -> None:
    """As if hosts had done these steps."""
    for name in actions:
        for step in operation.steps.filter(action=name):
            action = action_for(name)
            answer: dict[str, Any] = {"items": []}
            if name == "hosting.move_hand_over":
                to = step.args["source" if undo else "target"]
                volumes = Volume.objects.filter(site__in=step.args["sites"])
                answer = {"items": [{"id": v.name, "answer": {"credentials": {to: CREDENTIAL}}} for v in volumes]}
            if undo:
                action.intend_undo(step)
                action.confirm_undo(step, answer)
            else:
                action.intend(step)
                action.confirm(step, answer)


FORTH = (
    "hosting.move_hold",
    "hosting.move_leave",
    "hosting.move_hand_over",
    "hosting.move_arrive",
    "hosting.move_switch",
)


def where(site: Site) -> tuple[str, str, str, str, list[str]]:
    """Host, host and mode at the edges, the volume's state, and who may have it."""
    site = Site.objects.select_related("host", "volume").get(pk=site.pk)
    backend = Backend.objects.select_related("host").get(site_id=site.pk)
    holders = [one.host.name for one in site.volume.attachments.select_related("host")]
    return site.host.name, backend.host.name, backend.mode, site.volume.state, holders


HOME = ("web1", "web1", "normal", "attached", ["web1"])


def test_rows_follow_what_hosts_confirmed(place: Place) -> None:
    site = live(place)
    operation = move(place, site)
    walk(operation, FORTH[0])
    assert where(site) == ("web1", "web1", "hold", "attached", ["web1"])
    walk(operation, FORTH[1])
    assert where(site) == ("web1", "web1", "hold", "detaching", ["web1"])
    walk(operation, FORTH[2])
    assert where(site) == ("web1", "web1", "hold", "granting", ["web2"])
    walk(operation, FORTH[3])
    assert where(site) == ("web2", "web1", "hold", "attached", ["web2"])
    walk(operation, FORTH[4])
    assert where(site) == ("web2", "web2", "normal", "attached", ["web2"])


@pytest.mark.parametrize("far", range(1, len(FORTH) + 1))
def test_from_wherever_it_is_taken_back_everything_is_as_before(place: Place, far: int) -> None:
    site = live(place)
    epoch = site.volume.epoch
    operation = move(place, site)
    walk(operation, *FORTH[:far])
    walk(operation, *reversed(FORTH[:far]), undo=True)
    assert where(site) == HOME
    assert Volume.objects.get().epoch >= epoch
    assert Attachment.objects.get().mounted


def test_a_target_that_is_lost_is_cut_off_by_the_storage_before_the_source_has_it_again(place: Place) -> None:
    site = live(place)
    operation = move(place, site)
    walk(operation, *FORTH[:3])
    Operation.objects.filter(pk=operation.pk).update(undoing=True)
    step = step_of(operation, "hosting.move_arrive")
    action_for(step.action).on_skip(step)
    assert where(site)[3] == "fencing"
    assert Host.objects.get(name="web2").needs_resync
    walk(operation, *reversed(FORTH[:3]), undo=True)
    assert where(site) == HOME


def test_a_volume_is_not_handed_over_while_its_host_has_it(place: Place) -> None:
    site = live(place)
    with pytest.raises(Held):
        handover.begin(site.volume, place.web[1])


def test_the_middle_of_a_move_cannot_be_skipped(place: Place) -> None:
    operation = move(place, live(place))
    for name in FORTH[1:4]:
        step = step_of(operation, name)
        with pytest.raises(NotPossible):
            action_for(name).on_skip(step)


def test_an_edit_meanwhile_is_kept(place: Place) -> None:
    """Somebody disables the site while it is moved: its visitors get that page, on the new host."""
    site = live(place)
    operation = move(place, site)
    walk(operation, *FORTH[:4])
    services.disable_site(place.actor, site)
    walk(operation, FORTH[4])
    assert where(site)[1:3] == ("web2", "disabled")
    plan_for(operation.kind).on_success(operation)
    assert Site.objects.get().state == SiteState.UPDATING


def test_what_hosts_are_sent_is_whole(place: Place) -> None:
    site = live(place)
    operation = move(place, site)
    prepare = action_for("hosting.move_prepare").request(step_of(operation, "hosting.move_prepare"))  # type: ignore[attr-defined]
    sent = {item["kind"]: item for item in prepare.args["items"]}
    assert sent["site"]["spec"]["standby"] is True and "attachment" not in sent
    walk(operation, *FORTH[:1])
    hold = step_of(operation, "hosting.move_hold")
    request = action_for(hold.action).request(hold)  # type: ignore[attr-defined]
    route = next(item for item in request.args["items"] if item["kind"] == "site_route")
    assert route["spec"] == {"backend": "web1", "mode": "hold", "hold": route["revision"]}
    assert json.dumps(request.args)


def test_other_orders_sites_are_not_in_a_members_operation(place: Place) -> None:
    other = SiteFactory(order=HostingOrderFactory(), host=place.web[0], placed=True)
    operations = services.move_sites(place.staff, [live(place), other], "web2")
    assert [operation.scopes for operation in operations] == [[]]
