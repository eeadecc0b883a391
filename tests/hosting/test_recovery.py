"""The recovery of a dead host and its return, as rows and plans: no host is spoken to."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import Host
from controlpanel.operations import runner
from controlpanel.operations import services as operations
from controlpanel.operations.choices import OperationState, StepState
from controlpanel.operations.errors import PassedOver
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import action_for
from hosting import recovering, services
from hosting.choices import SiteState
from hosting.errors import HostAnswers, HostNotFenced, NothingTakesItsPlace, RecoveryUnderWay, ServerDead
from hosting.models import Site
from routing.models import Backend
from storage import many
from storage.choices import VolumeState
from storage.models import Attachment, Pool
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool() -> Pool:
    return make.PoolFactory(host__name="store1", name="store1")


@pytest.fixture
def edges() -> list[Host]:
    return [make.HostFactory(name=name, roles=["edge"]) for name in ("edge1", "edge2")]


@pytest.fixture
def dead(edges: Any) -> Host:
    return make.HostFactory(name="web1", reachable=False)


@pytest.fixture
def others() -> list[Host]:
    return [make.HostFactory(name=name) for name in ("web2", "web3")]


def site_on(host: Host, pool: Pool, **fields: Any) -> Site:
    fields.setdefault("placed", True)
    site: Site = make.SiteFactory(host=host, volume__pool=pool, **fields)
    return site


def actions(operation: Operation) -> list[tuple[int, str, str]]:
    return [(step.stage, step.action, step.host) for step in operation.steps.all()]


def settle(operation: Operation, action: str, answer: dict[str, Any]) -> dict[str, Any]:
    """As if that step had been done with that answer."""
    for step in operation.steps.filter(action=action):
        action_for(action).confirm(step, answer)
        step.state, step.answer = StepState.SUCCEEDED, answer
        step.save()
    return answer


def cut_off(operation: Operation, pool: Pool, host: Host) -> None:
    many.mark_fenced(pool, host)
    operation.steps.filter(action="storage.fence_host").update(state=StepState.SUCCEEDED, touched=True)


def test_it_is_cut_off_before_anything_starts_elsewhere(dead: Host, others: Any, pool: Pool) -> None:
    for _ in range(4):
        site_on(dead, pool)

    operation = services.recover_host(None, dead)

    assert [(stage, action) for stage, action, _host in actions(operation)] == [
        (0, "hosting.cut_off_at_edge"),
        (0, "hosting.cut_off_at_edge"),
        (1, "storage.fence_host"),
        (2, "hosting.take_over"),
        (3, "storage.provision_many"),
        (4, "hosting.bring_up"),
        (4, "hosting.bring_up"),
        (5, "hosting.recovery_report"),
    ]
    dead.refresh_from_db()
    assert dead.state == HostState.FENCED


def test_from_the_word_on_nobody_is_sent_there_and_its_volumes_are_nobodys(dead: Host, others: Any, pool: Pool) -> None:
    site, disabled = site_on(dead, pool), site_on(dead, pool, enabled=False, state=SiteState.DISABLED)
    Backend.objects.filter(site_id=disabled.pk).update(mode="disabled")

    services.recover_host(None, dead)

    site.refresh_from_db()
    assert site.state == SiteState.UPDATING
    assert site.volume is not None
    assert site.volume.state == VolumeState.FENCING
    assert Backend.objects.get(site_id=site.pk).mode == "maintenance"
    assert Backend.objects.get(site_id=disabled.pk).mode == "disabled"


def test_edges_are_told_to_give_the_host_up(dead: Host, others: Any, pool: Pool) -> None:
    """So that what is under way to it ends; and to send there again when it has been readmitted."""
    site_on(dead, pool)
    step = services.recover_host(None, dead).steps.filter(action="hosting.cut_off_at_edge").first()
    assert step is not None

    def away(request: Any) -> list[str]:
        base = next(item for item in request.args["items"] if item["kind"] == "edge")
        return [backend["name"] for backend in base["spec"]["backends"] if backend.get("away")]

    assert away(action_for(step.action).request(step)) == ["web1"]
    Host.objects.filter(pk=dead.pk).update(state=HostState.ACTIVE)
    step.args = {"returned": "web1"}
    assert away(action_for("hosting.publish_returned").request(step)) == []


def test_nothing_takes_the_place_of_a_storage_server(pool: Pool) -> None:
    with pytest.raises(NothingTakesItsPlace):
        services.recover_host(None, pool.host, force=True)
    pool.host.refresh_from_db()
    assert pool.host.state == HostState.ACTIVE


def test_sites_go_to_others_only_after_the_fence(dead: Host, others: Any, pool: Pool) -> None:
    sites = [site_on(dead, pool) for _ in range(3)]
    disabled = site_on(dead, pool, enabled=False, state=SiteState.DISABLED)
    Backend.objects.filter(site_id=disabled.pk).update(mode="disabled")
    operation = services.recover_host(None, dead)

    # The fence was skipped, or told wrongly: storage has confirmed nothing.
    too_early = settle(operation, "hosting.take_over", {})
    assert too_early["taken"] == 0
    assert len(too_early["held"]) == 4
    assert set(Site.objects.values_list("host__name", flat=True)) == {"web1"}

    cut_off(operation, pool, dead)
    answer = settle(operation, "hosting.take_over", {})

    assert answer["taken"] == 4
    assert answer["held"] == {}
    for site in sites:
        site.refresh_from_db()
        assert site.host in others
        assert site.volume is not None
        assert site.volume.state == VolumeState.GRANTING
        assert [row.host for row in site.volume.attachments.all()] == [site.host]
        backend = Backend.objects.get(site_id=site.pk)
        assert (backend.host, backend.mode, backend.revision) == (site.host, "normal", 3)
    assert Backend.objects.get(site_id=disabled.pk).mode == "disabled"
    assert Backend.objects.get(site_id=disabled.pk).host in others


def test_one_sites_failure_is_told_and_stops_no_other(dead: Host, others: Any, pool: Pool) -> None:
    good, bad = site_on(dead, pool), site_on(dead, pool)
    operation = services.recover_host(None, dead)
    cut_off(operation, pool, dead)
    settle(operation, "hosting.take_over", {})
    for step in operation.steps.filter(action="hosting.bring_up"):
        up = [pk for pk in step.args["sites"] if pk == good.pk]
        down = {str(bad.pk): "its mount hangs"} if bad.pk in step.args["sites"] else {}
        answer: dict[str, Any] = {"up": up, "down": down, "missed": ["edge2"]}
        action_for(step.action).confirm(step, answer)
        step.state, step.answer = StepState.SUCCEEDED, answer
        step.save()

    report = action_for("hosting.recovery_report").submit(operation.steps.last()).result()  # type: ignore[arg-type]

    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.state, good.placed) == (SiteState.ACTIVE, True)
    assert bad.state == SiteState.FAILED
    assert good.volume is not None
    assert good.volume.state == VolumeState.ATTACHED
    assert report["up"] == 1
    assert report["down"] == {str(bad.pk): "its mount hangs"}
    assert report["missed"] == ["edge2"]
    assert Host.objects.get(name="edge2").needs_resync


def test_what_finds_no_room_stays_and_is_told(dead: Host, pool: Pool) -> None:
    make.HostFactory(name="web2", facts={"memory_mb": 512 + 30})
    sites = [site_on(dead, pool), site_on(dead, pool)]

    preview = recovering.preview(dead)
    operation = services.recover_host(None, dead)
    cut_off(operation, pool, dead)
    settle(operation, "hosting.take_over", {})
    report = action_for("hosting.recovery_report").submit(operation.steps.last()).result()  # type: ignore[arg-type]

    assert preview.targets == {"web2": 1}
    assert list(preview.left) == [sites[1].pk]
    assert "no host has room" in report["down"][str(sites[1].pk)]


def test_the_most_important_come_first(dead: Host, pool: Pool) -> None:
    make.HostFactory(name="web2", facts={"memory_mb": 512 + 30})
    site_on(dead, pool)
    vital = site_on(dead, pool, order__importance=3)

    assert recovering.shares_of(dead).targets == {"web2": [vital.pk]}


def test_a_host_that_answers_is_not_dead_unless_staff_insist(pool: Pool, others: Any) -> None:
    alive = make.HostFactory(name="web1")

    with pytest.raises(HostAnswers):
        services.recover_host(None, alive)
    assert services.recover_host(None, alive, force=True).kind == "hosting.recover_host"


def test_only_staff_say_the_word(dead: Host, pool: Pool) -> None:
    for actor in (make.LoginFactory(), make.MemberAdminFactory()):
        with pytest.raises(PermissionError):
            services.recover_host(actor, dead)
        with pytest.raises(PermissionError):
            services.readmit_host(actor, dead)
    dead.refresh_from_db()
    assert dead.state == HostState.ACTIVE


def test_the_opposite_is_refused_meanwhile(dead: Host, others: Any, pool: Pool) -> None:
    services.recover_host(None, dead)

    with pytest.raises(RecoveryUnderWay):
        services.recover_host(None, dead)
    with pytest.raises(RecoveryUnderWay):
        services.readmit_host(None, dead)


def test_what_is_not_fenced_cannot_be_readmitted(dead: Host) -> None:
    with pytest.raises(HostNotFenced):
        services.readmit_host(None, dead)


def test_before_the_fence_it_can_be_cancelled_and_all_is_as_it_was(dead: Host, others: Any, pool: Pool) -> None:
    site = site_on(dead, pool)
    operation = services.recover_host(None, dead)
    operations.cancel(operation)
    runner.run(operation.pk)

    operation.refresh_from_db()
    dead.refresh_from_db()
    site.refresh_from_db()
    assert operation.state == OperationState.CANCELLED
    assert dead.state == HostState.ACTIVE
    assert (site.state, site.host) == (SiteState.ACTIVE, dead)
    assert site.volume is not None
    assert site.volume.state == VolumeState.ATTACHED
    assert Backend.objects.get(site_id=site.pk).mode == "normal"


def test_from_the_fence_on_it_goes_forward_only(dead: Host, others: Any, pool: Pool) -> None:
    site_on(dead, pool)
    operation = services.recover_host(None, dead)
    operation.steps.filter(action="storage.fence_host").update(touched=True)

    with pytest.raises(operations.NotPossible):
        operations.cancel(operation, make.StaffFactory())


def test_what_waited_for_the_dead_host_ends_and_says_so(dead: Host, others: Any, pool: Pool) -> None:
    site = site_on(dead, pool)
    _site, waiting = services.edit_site(make.StaffFactory(), site, php_workers=2)
    Operation.objects.filter(pk=waiting.pk).update(state=OperationState.WAITING, started="2026-01-01T00:00Z")

    operation = services.recover_host(None, dead)

    waiting.refresh_from_db()
    site.refresh_from_db()
    assert waiting.state == OperationState.FAILED
    assert waiting.error["code"] == "host_died"
    assert site.state != SiteState.FAILED or operation.params["sites"] == [site.pk]
    assert operation.reservations.filter(resource=f"site:{site.pk}").exists()


def test_a_creation_that_the_death_came_in_the_middle_of_begins_anew_elsewhere(
    dead: Host, others: Any, pool: Pool
) -> None:
    order = make.HostingOrderFactory()
    Host.objects.filter(pk__in=[host.pk for host in others]).update(state=HostState.DRAINING)
    Pool.objects.update(capacity_bytes=10**12)
    site, creation = services.create_site(make.StaffFactory(), order, "static", ["new.test"])
    assert site.host == dead
    Host.objects.filter(pk__in=[host.pk for host in others]).update(state=HostState.ACTIVE)

    operation = services.recover_host(None, dead)
    assert operation.params["begin_anew"] == [creation.pk]
    cut_off(operation, pool, dead)
    answer: dict[str, Any] = {}
    from hosting.actions.recovery import TakeOver

    TakeOver._begin_anew(operation, answer)

    creation.refresh_from_db()
    site.refresh_from_db()
    assert answer["not_begun_anew"] == {}
    assert creation.state == OperationState.QUEUED
    assert site.host in others


def test_members_cannot_change_a_site_meanwhile_and_see_why(dead: Host, others: Any, pool: Pool) -> None:
    site = site_on(dead, pool)
    member = make.MemberAdminFactory(member=site.order.member)
    operation = services.recover_host(None, dead)

    with pytest.raises(ServerDead):
        services.disable_site(member, site)
    from hosting import selectors

    assert list(selectors.operations_of(member, site)) == [operation]
    assert list(selectors.operations_of(make.MemberAdminFactory(), site)) == []
    assert not operations.may_steer(operation, member)


def test_a_deletion_ends_once_the_dead_host_is_cut_off(dead: Host, others: Any, pool: Pool) -> None:
    site = site_on(dead, pool)
    _site, deletion = services.delete_site(make.StaffFactory(), site)
    services.recover_host(None, dead)
    step = deletion.steps.get(action="hosting.remove_from_web")

    deletion.refresh_from_db()
    assert deletion.state == OperationState.QUEUED
    many.mark_fenced(pool, dead)
    assert action_for(step.action).submit(step).result() == {"fenced": True}


def test_an_edge_needs_no_storage_and_the_web_hosts_are_told(edges: list[Host], others: Any, pool: Pool) -> None:
    Host.objects.filter(name="edge1").update(reachable=False)
    edge = Host.objects.get(name="edge1")

    preview = recovering.preview(edge)
    operation = services.recover_host(None, edge)

    assert [action for _stage, action, _host in actions(operation)] == [
        "hosting.sync_web_host", "hosting.sync_web_host", "hosting.recovery_report",
    ]  # fmt: skip
    assert any("DNS" in line and str(edge.address) in line for line in preview.lost)


def test_an_edge_that_comes_back_serves_nobody_before_web_hosts_answer_it_and_it_has_everything(
    edges: list[Host], others: Any
) -> None:
    Host.objects.filter(pk=edges[0].pk).update(state=HostState.FENCED)

    operation = services.readmit_host(None, edges[0])

    assert [action for _stage, action, _host in actions(operation)] == [
        "hosting.keep_out", "fleet.survey", "hosting.clean_host", "hosting.readmit", "hosting.sync_web_host",
        "hosting.sync_web_host", "fleet.survey", "fleet.replace", "hosting.look_through", "hosting.stand_up",
    ]  # fmt: skip


def test_an_edge_that_is_given_up_keeps_nobody_waiting(edges: list[Host], others: Any, pool: Pool) -> None:
    site = site_on(others[0], pool)
    publish = operations.start("routing.publish", {"site": site.pk}, scopes=[])
    Host.objects.filter(pk=edges[0].pk).update(state=HostState.FENCED, reachable=False)

    with pytest.raises(PassedOver):
        action_for("routing.publish").submit(publish.steps.get(host=edges[0].name))


def test_coming_back_needs_proof_and_cleaning_before_it_serves(dead: Host, others: Any, pool: Pool) -> None:
    Host.objects.filter(pk=dead.pk).update(state=HostState.FENCED)

    operation = services.readmit_host(None, dead)

    assert [action for _stage, action, _host in actions(operation)] == [
        "storage.host_proof", "storage.unfence_host", "storage.regrant", "fleet.survey", "hosting.clean_host",
        "hosting.readmit", "hosting.stand_up", "hosting.publish_returned", "hosting.publish_returned",
    ]  # fmt: skip


@pytest.mark.parametrize("count", [2, 30])
def test_the_plan_costs_the_same_queries_for_any_number_of_sites(
    dead: Host, others: Any, pool: Pool, count: int
) -> None:
    for _ in range(count):
        site_on(dead, pool)

    with CaptureQueriesContext(connection) as queries:
        recovering.preview(dead)
    with CaptureQueriesContext(connection) as start:
        operation = services.recover_host(None, dead)
    cut_off(operation, pool, dead)
    with CaptureQueriesContext(connection) as taking:
        settle(operation, "hosting.take_over", {})

    assert len(queries) < 25
    assert len(start) < 70
    assert len(taking) < 45
    assert Attachment.objects.filter(fenced=None).count() == count
