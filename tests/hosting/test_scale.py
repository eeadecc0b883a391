"""A site gets another size: who may, what is refused, what the operation does in which order, and how it ends."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from controlpanel.fleet.desired import desired_state
from controlpanel.fleet.models import Host
from controlpanel.operations.errors import NotNow
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import action_for
from hosting import placement, places, services
from hosting.choices import SiteState
from hosting.errors import ChangeUnderWay, HostingError, NoCapacity
from hosting.models import Placement, Site
from hosting.scaling import Size
from routing.models import Backend
from storage import services as storage
from storage.models import Volume
from tests.factories import HostFactory, SiteFactory
from tests.hosting.conftest import Place
from tests.hosting.test_plans import PUBLISH, create, end, outline, running

PROBE = ["hosting.probe@edge1", "hosting.probe@edge2"]
SPREAD = ["hosting.spread@edge1", "hosting.spread@edge2"]
DRAIN = ["hosting.drain_edge@edge1", "hosting.drain_edge@edge2"]
CREDENTIAL = '{"client": "c", "key": "k", "mon": []}'


@pytest.fixture
def site(place: Place) -> Site:
    return running(create(place)[0])


def scale(place: Place, site: Site, **changes: Any) -> Operation:
    return services.scale_site(place.staff, site, **changes)[1]


def step(operation: Operation, action: str, host: str = "") -> Any:
    steps = operation.steps.filter(action=action)
    return (steps.filter(host=host) if host else steps).first()


def granted(site: Site, operation: Operation) -> None:
    """As far as every new host has the site."""
    action_for("hosting.grant_hosts").intend(step(operation, "hosting.grant_hosts"))
    site.volume.attachments.update(granted=True, credential=CREDENTIAL)
    for name in operation.params["adding"]:
        action_for("hosting.place_further").confirm(step(operation, "hosting.place_further", name), {})


def switched(operation: Operation) -> None:
    action_for("hosting.spread").intend(step(operation, "hosting.spread"))


def carried_out(place: Place, site: Site, **changes: Any) -> Site:
    """The whole operation, as if every host had answered."""
    operation = scale(place, site, **changes)
    if operation.params["adding"]:
        granted(site, operation)
    if step(operation, "hosting.spread"):
        switched(operation)
    leaves = operation.steps.filter(action="hosting.leave_host")
    for leave in leaves:
        action_for("hosting.leave_host").intend(leave)
    for leave in leaves:
        action_for("hosting.leave_host").confirm(leave, {})
    if leaves:
        storage.mark_revoked(Volume.objects.get(pk=site.volume_id))
    ended = end(operation, "on_success")
    Operation.objects.update(state="succeeded")
    return ended


def names(hosts: Any) -> list[str]:
    return [host.name for host in hosts]


def backend(site: Site) -> tuple[str, list[str]]:
    row = Backend.objects.get(site_id=site.pk)
    return row.host.name, row.more


# --- who, and what is refused ------------------------------------------------------------------------------------


def test_members_scale_nothing_and_strangers_see_nothing(place: Place, site: Site) -> None:
    with pytest.raises(PermissionDenied):
        services.scale_site(place.actor, site, memory_mb=2048)
    with pytest.raises(Site.DoesNotExist):
        services.scale_site(place.stranger, site, memory_mb=2048)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"php_workers": 0}, "invalid_limit"),
        ({"php_workers": 129}, "invalid_limit"),
        ({"memory_mb": 64}, "invalid_limit"),
        ({"cpu_weight": 10_001}, "invalid_limit"),
        ({"tasks": 3}, "invalid_limit"),
        ({"hosts": 0}, "invalid_hosts"),
        ({"hosts": 9}, "invalid_hosts"),
        ({"hosts": []}, "invalid_hosts"),
        ({"hosts": ["web1", "web9"]}, "unknown_host"),
        ({"hosts": ["web1", "edge1"]}, "unknown_host"),
        ({"hosts": 3}, "no_capacity"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(place: Place, site: Site, changes: Any, code: str) -> None:
    before = Site.objects.values().get(pk=site.pk)
    with pytest.raises(HostingError) as caught:
        scale(place, site, **changes)
    assert caught.value.problems[0].code == code
    assert Site.objects.values().get(pk=site.pk) == before
    assert not Placement.objects.exists()


@pytest.mark.parametrize("state", ["draining", "fenced"])
def test_no_host_that_takes_no_new_sites(place: Place, site: Site, state: str) -> None:
    Host.objects.filter(name="web2").update(state=state)
    for hosts in (2, ["web1", "web2"]):
        with pytest.raises(HostingError):
            scale(place, site, hosts=hosts)


def test_one_change_at_a_time(place: Place, site: Site) -> None:
    scale(place, site, memory_mb=2048)
    with pytest.raises(ChangeUnderWay):
        scale(place, site, memory_mb=4096)


def test_a_compromised_site_is_not_spread(place: Place, site: Site) -> None:
    Site.objects.update(quarantined=True)
    with pytest.raises(HostingError) as caught:
        scale(place, site, hosts=2)
    assert caught.value.code == "in_quarantine"


# --- limits ------------------------------------------------------------------------------------------------------


def test_limits_are_set_on_its_host_and_nothing_else_happens(place: Place, site: Site) -> None:
    operation = scale(place, site, memory_mb=4096, cpu_weight=400, php_workers=64, tasks=512)
    assert outline(operation) == [["hosting.limit_on_web@web1"]]
    spec = {resource.kind: resource for resource in desired_state(place.web[0])}["site"].spec
    assert (spec["memory_mb"], spec["cpu_weight"], spec["tasks"], spec["php_workers"]) == (4096, 400, 512, 64)
    assert end(operation, "on_success").state == SiteState.ACTIVE


def test_limits_that_fail_are_what_they_were(place: Place, site: Site) -> None:
    operation = scale(place, site, memory_mb=4096)
    limit = step(operation, "hosting.limit_on_web")
    [undo] = action_for("hosting.limit_on_web").undo_resources(limit)
    assert undo.spec["memory_mb"] == 1024
    site = end(operation, "on_failure")
    assert (site.memory_mb, site.state) == (1024, SiteState.ACTIVE)
    plan = outline(operation)
    action = Site.objects.filter(pk=site.pk)
    end(operation, "on_retry")
    assert (action.get().memory_mb, action.get().state, outline(operation)) == (4096, SiteState.UPDATING, plan)


def test_a_member_may_still_edit_a_site_with_more_workers_than_members_can_choose(place: Place, site: Site) -> None:
    carried_out(place, site, php_workers=100)
    services.edit_site(place.actor, site, domains=["b.test"])
    with pytest.raises(HostingError):
        services.edit_site(place.actor, site, php_workers=101)


# --- more hosts, fewer hosts -------------------------------------------------------------------------------------


def test_a_further_host_has_the_site_before_an_edge_sends_anybody(place: Place, site: Site) -> None:
    operation = scale(place, site, hosts=2)
    assert outline(operation) == [
        ["hosting.grant_hosts@store1"],
        ["hosting.place_further@web2", "hosting.limit_on_web@web1"],
        ["hosting.settle_web@web2"],
        SPREAD,
        PROBE,
    ]
    assert backend(site) == ("web1", [])
    granted(site, operation)
    assert backend(site) == ("web1", [])
    switched(operation)
    assert backend(site) == ("web1", ["web2"])


def test_on_two_hosts_its_volume_is_shared_and_both_hold_the_site(place: Place, site: Site) -> None:
    site = carried_out(place, site, hosts=2)
    assert site.state == SiteState.ACTIVE
    assert (site.volume.shared, site.volume.state, site.volume.attachments.count()) == (True, "attached", 2)
    for host in place.web:
        assert {"site", "attachment"} <= {resource.kind for resource in desired_state(host)}
    assert names(places.serving_hosts(site)) == ["web1", "web2"]


def test_back_to_one_nobody_new_is_sent_there_before_it_lets_go(place: Place, site: Site) -> None:
    carried_out(place, site, hosts=2)
    operation = scale(place, site, hosts=1)
    assert outline(operation) == [
        ["hosting.limit_on_web@web1"],
        SPREAD,
        PROBE,
        DRAIN,
        ["hosting.leave_host@web2"],
        ["storage.revoke@store1"],
    ]
    switched(operation)
    assert backend(site) == ("web1", [])
    assert "site" in {resource.kind for resource in desired_state(place.web[1])}  # what is under way may end


def test_back_to_one_its_volume_is_one_hosts_again(place: Place, site: Site) -> None:
    carried_out(place, site, hosts=2)
    site = carried_out(place, site, hosts=1)
    assert not site.placements.exists()
    [attachment] = site.volume.attachments.all()
    assert (site.volume.shared, attachment.exclusive, attachment.host.name) == (False, True, "web1")
    assert "site" not in {resource.kind for resource in desired_state(place.web[1])}


def test_other_hosts_at_once_with_another_main_one(place: Place, site: Site) -> None:
    HostFactory(name="web3")
    carried_out(place, site, hosts=2)
    site = carried_out(place, site, hosts=["web3", "web2"])
    assert (site.host.name, names(places.hosts_of(site))) == ("web2", ["web2", "web3"])
    assert backend(site) == ("web2", ["web3"])
    assert sorted(names(one.host for one in site.volume.attachments.all())) == ["web2", "web3"]


def test_the_first_named_that_has_the_site_becomes_the_main_host(place: Place, site: Site) -> None:
    HostFactory(name="web0")
    carried_out(place, site, hosts=3)
    after = scale(place, site, hosts=["web2", "web0"]).params["after"]
    assert after["hosts"] == ["web2", "web0"]


def test_changes_of_a_scaled_site_reach_all_its_hosts(place: Place, site: Site) -> None:
    site = carried_out(place, site, hosts=2)
    both = ["hosting.update_on_web@web1", "hosting.update_on_web@web2"]
    assert outline(services.edit_site(place.actor, site, domains=["b.test"])[1]) == [both, PUBLISH, PROBE]
    Site.objects.update(state=SiteState.ACTIVE)
    operation = services.delete_site(place.actor, site)[1]
    assert outline(operation)[1] == ["hosting.remove_from_web@web1", "hosting.remove_from_web@web2"]
    for attachment in site.volume.attachments.all():
        storage.mark_detached(site.volume, attachment.host)
    storage.mark_trashed(Volume.objects.get(pk=site.volume_id))
    site = end(operation, "on_success")
    assert (site.placements.count(), site.volume.shared) == (0, False)


def test_a_request_that_is_under_way_is_waited_for(place: Place, site: Site) -> None:
    carried_out(place, site, hosts=2)
    drain = step(scale(place, site, hosts=1), "hosting.drain_edge", "edge1")
    drain.started = timezone.now()
    with pytest.raises(NotNow):
        action_for("hosting.drain_edge").confirm(drain, {"requests": {"web2": 1}})
    action_for("hosting.drain_edge").confirm(drain, {"requests": {"web2": 0}})
    drain.started -= timedelta(minutes=16)
    action_for("hosting.drain_edge").confirm(drain, {"requests": {"web2": 1}})


# --- taken back --------------------------------------------------------------------------------------------------


def test_cancelled_on_the_way_it_is_where_it_was(place: Place, site: Site) -> None:
    operation = scale(place, site, hosts=2, memory_mb=2048)
    granted(site, operation)
    switched(operation)
    spread, further = action_for("hosting.spread"), action_for("hosting.place_further")
    spread.intend_undo(step(operation, "hosting.spread"))
    assert backend(site) == ("web1", [])
    further.confirm_undo(step(operation, "hosting.place_further"), {})
    grant = step(operation, "hosting.grant_hosts")
    [volume] = action_for("hosting.grant_hosts").undo_resources(grant)
    assert volume.spec["access"] == ["web1"]
    action_for("hosting.grant_hosts").confirm_undo(grant, {})
    site = end(operation, "on_cancel")
    assert (site.state, site.memory_mb, site.placements.count()) == (SiteState.ACTIVE, 1024, 0)
    [attachment] = site.volume.attachments.all()
    assert (site.volume.shared, attachment.host.name, site.volume.state) == (False, "web1", "attached")


def test_a_new_main_host_is_taken_back_too(place: Place, site: Site) -> None:
    operation = scale(place, site, hosts=["web2"])
    granted(site, operation)
    switched(operation)
    assert (Site.objects.get().host.name, backend(site)) == ("web2", ("web2", []))
    action_for("hosting.spread").intend_undo(step(operation, "hosting.spread"))
    assert (Site.objects.get().host.name, backend(site)) == ("web1", ("web1", []))


def test_once_a_host_lets_go_there_is_no_way_back(place: Place, site: Site) -> None:
    operation = scale(place, site, hosts=["web2"])
    granted(site, operation)
    switched(operation)
    action_for("hosting.leave_host").intend(step(operation, "hosting.leave_host"))
    operation.refresh_from_db()
    for action in ("hosting.spread", "hosting.place_further", "hosting.grant_hosts"):
        one = step(operation, action)
        action_for(action).intend_undo(one)
        assert action_for(action).submit_undo(one).result() == {"kept": True}
        action_for(action).confirm_undo(one, {"kept": True})
    site = end(operation, "on_failure")
    assert (site.host.name, backend(site), site.state) == ("web2", ("web2", []), SiteState.FAILED)
    assert site.volume.attachments.filter(host__name="web2", leaving=False).exists()


# --- a host is lost ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lost", "left"), [("web2", "web1"), ("web1", "web2")])
def test_losing_one_of_its_hosts_leaves_the_other(place: Place, site: Site, lost: str, left: str) -> None:
    site = carried_out(place, site, hosts=2)
    host = Host.objects.get(name=lost)
    storage.fence_host(host)
    storage.mark_host_fenced(site.volume.pool, host)
    host.refresh_from_db()
    assert services.without_host(site, host)
    site = Site.objects.get(pk=site.pk)
    assert (site.host.name, site.placements.count(), backend(site)) == (left, 0, (left, []))
    [attachment] = site.volume.attachments.all()
    assert (attachment.host.name, attachment.exclusive, site.volume.shared) == (left, True, False)


def test_a_host_that_comes_back_is_not_given_the_site_again(place: Place, site: Site) -> None:
    HostFactory(name="web3")
    site = carried_out(place, site, hosts=3)
    host = Host.objects.get(name="web3")
    assert services.without_host(site, host)  # before the fence is confirmed
    storage.fence_host(host)
    storage.mark_host_fenced(site.volume.pool, host)
    storage.mark_host_unfenced(site.volume.pool, host)
    assert sorted(names(one.host for one in site.volume.attachments.all())) == ["web1", "web2"]


def test_the_only_host_is_not_simply_left(place: Place, site: Site) -> None:
    assert not services.without_host(site, place.web[0])
    with pytest.raises(HostingError):
        services.leave_host(place.staff, site, place.web[0])


# --- hosts for itself --------------------------------------------------------------------------------------------


def test_nothing_is_placed_on_a_dedicated_sites_hosts(place: Place, site: Site) -> None:
    site = carried_out(place, site, hosts=2, dedicated=True)
    HostFactory(name="web3", facts={"memory_mb": 700})
    assert [placement.choose_host("static", 1).name for _time in range(2)] == ["web3", "web3"]
    Host.objects.filter(name="web3").delete()
    with pytest.raises(NoCapacity):
        placement.choose_host("static", 1)
    carried_out(place, site, dedicated=False)
    assert placement.choose_host("static", 1).name in ("web1", "web2")


def test_a_dedicated_site_is_not_put_beside_others(place: Place, site: Site) -> None:
    SiteFactory(host=place.web[1])
    with pytest.raises(NoCapacity):
        scale(place, site, hosts=2, dedicated=True)
    HostFactory(name="web3")
    assert Size.from_params(scale(place, site, hosts=2, dedicated=True).params["after"]).hosts == ("web1", "web3")


def test_others_are_moved_off_a_dedicated_sites_host(place: Place, site: Site) -> None:
    other = SiteFactory(host=place.web[0], placed=True)
    services.scale_site(place.staff, site, dedicated=True)
    [move] = services.move_others(place.staff, Site.objects.get(pk=site.pk))
    assert (move.params["sites"], move.params["host"]) == ([other.pk], "web2")


def test_a_volume_left_shared_by_a_lost_host_is_one_hosts_again(place: Place, site: Site) -> None:
    site = carried_out(place, site, hosts=2)
    lost = Host.objects.get(name="web2")
    services.without_host(site, lost)
    assert (services.unshare_alone(), Volume.objects.get(pk=site.volume_id).shared) == (0, True)
    storage.fence_host(lost)
    storage.mark_host_fenced(site.volume.pool, lost)
    assert (services.unshare_alone(), Volume.objects.get(pk=site.volume_id).shared) == (1, False)


def test_another_dedicated_sites_host_is_refused(place: Place, site: Site) -> None:
    carried_out(place, site, dedicated=True)
    other = running(create(place, "b.test")[0])
    with pytest.raises(HostingError):
        scale(place, other, hosts=["web1", "web2"])


def test_a_larger_site_weighs_more_on_each_of_its_hosts(place: Place, site: Site) -> None:
    carried_out(place, site, hosts=2, memory_mb=3072, php_workers=10)
    used = {one.name: one.used_mb for one in placement.candidates(place.web)}
    assert used == dict.fromkeys(("web1", "web2"), 40 + 10 * 12 + 1024)
