"""What operations on sites do, in which order, and what becomes of the site when they end."""

from typing import Any

import pytest

from controlpanel.fleet.desired import desired_state
from controlpanel.operations import services as operations
from controlpanel.operations.models import Operation, Reservation
from controlpanel.operations.registry import plan_for
from controlpanel.operations.services import NotPossible, preview
from hosting import services, web_hosts
from hosting.actions.sites import Probe
from hosting.choices import SiteState
from hosting.models import Domain, Site
from storage.models import Volume
from tests.factories import HostFactory
from tests.hosting.conftest import Place


def create(place: Place, *domains: str, kind: str = "php") -> tuple[Site, Operation]:
    return services.create_site(place.actor, place.order, kind, domains or ["a.test"])


def outline(operation: Operation) -> list[list[str]]:
    return [
        [f"{step.action}@{step.host}" if step.host else step.action for step in stage]
        for stage in preview(operation.kind, operation.params)
    ]


def running(site: Site) -> Site:
    """As if its creation had succeeded."""
    site.volume.attachments.update(granted=True, mounted=True, credential='{"client": "c", "key": "k", "mon": []}')
    Volume.objects.filter(pk=site.volume_id).update(state="attached")
    Site.objects.filter(pk=site.pk).update(state=SiteState.ACTIVE, placed=True)
    Operation.objects.update(state="succeeded")
    site.refresh_from_db()
    return site


def end(operation: Operation, how: str) -> Site:
    getattr(plan_for(operation.kind), how)(operation)
    return Site.objects.get(pk=operation.params["site"])


# --- stages ------------------------------------------------------------------------------------------------------

PUBLISH = ["routing.publish@edge1", "routing.publish@edge2"]
PROBE = ["hosting.probe@edge1", "hosting.probe@edge2"]


def test_creation(place: Place) -> None:
    site, operation = create(place)
    assert outline(operation) == [
        ["members.ensure_site_identity", "storage.provision@store1"],
        ["hosting.place_on_web@web1"],
        PUBLISH,
        PROBE,
    ]
    steps = [step for stage in preview(operation.kind, operation.params) for step in stage]
    assert steps[1].args == {"volume": site.volume_id, "grant": "web1", "undo": "trash"}
    assert steps[-1].args == {"site": site.pk, "name": "a.test"}


def test_an_edit_reaches_the_web_host_before_the_edges(place: Place) -> None:
    operation = services.edit_site(place.actor, running(create(place)[0]), domains=["b.test"])[1]
    assert outline(operation) == [["hosting.update_on_web@web1"], PUBLISH, PROBE]


def test_disabling_reaches_the_edges_first_and_looks_at_nothing(place: Place) -> None:
    site = running(create(place)[0])
    operation = services.disable_site(place.actor, site)[1]
    assert outline(operation) == [PUBLISH, ["hosting.update_on_web@web1"]]
    Site.objects.update(state=SiteState.DISABLED)
    assert outline(services.enable_site(place.actor, site)[1]) == [["hosting.update_on_web@web1"], PUBLISH, PROBE]


def test_editing_a_disabled_site_looks_at_nothing(place: Place) -> None:
    Site.objects.filter(pk=running(create(place)[0]).pk).update(enabled=False)
    assert outline(services.edit_site(place.actor, Site.objects.get(), php_workers=3)[1])[-1] == []


def test_deletion(place: Place) -> None:
    operation = services.delete_site(place.actor, running(create(place)[0]))[1]
    assert outline(operation) == [
        ["routing.unpublish@edge1", "routing.unpublish@edge2"],
        ["hosting.remove_from_web@web1"],
        ["storage.trash@store1"],
    ]


def test_deletion_does_not_wait_for_a_fenced_host(place: Place) -> None:
    site = running(create(place)[0])
    operation = services.delete_site(place.actor, site)[1]
    site.host.state = "fenced"
    site.host.save()
    assert outline(operation)[1] == []


def test_restoring_keeps_the_data_whatever_happens(place: Place) -> None:
    site = running(create(place)[0])
    operation = services.delete_site(place.actor, site)[1]
    site.volume.attachments.all().delete()
    Volume.objects.update(state="trashed")
    site = end(operation, "on_success")
    operation = services.restore_site(place.actor, site)[1]
    assert outline(operation)[0] == ["members.ensure_site_identity", "storage.provision@store1"]
    assert preview(operation.kind, operation.params)[0][1].args["undo"] == "revoke"


def test_the_site_its_volume_and_all_names_that_come_or_go_are_reserved(place: Place) -> None:
    site = running(create(place, "a.test", "b.test")[0])
    operation = services.edit_site(place.actor, site, domains=["b.test", "c.test"])[1]
    reserved = Reservation.objects.filter(operation=operation).values_list("resource", "exclusive")
    names = {(f"domain:{name}.test", True) for name in "abc"}
    assert set(reserved) == {(f"site:{site.pk}", True), (f"volume:{site.volume_id}", True), *names}


# --- ends --------------------------------------------------------------------------------------------------------


def test_success_makes_it_active_or_disabled(place: Place) -> None:
    site, operation = create(place)
    assert end(operation, "on_success").state == SiteState.ACTIVE
    running(site)
    operation = services.disable_site(place.actor, site)[1]
    assert end(operation, "on_success").state == SiteState.DISABLED


def test_an_older_operation_that_ends_late_changes_nothing(place: Place) -> None:
    site = running(create(place)[0])
    first = services.edit_site(place.actor, site, php_workers=2)[1]
    second = services.edit_site(place.actor, site, php_workers=3)[1]
    assert end(first, "on_success").state == SiteState.UPDATING
    assert end(first, "on_failure").state == SiteState.UPDATING
    assert end(second, "on_success").state == SiteState.ACTIVE


def test_a_failed_creation_can_be_tried_again_on_a_host_of_that_day(place: Place) -> None:
    site, operation = create(place)
    # What its undo leaves behind:
    site.volume.attachments.all().delete()
    Volume.objects.update(state="trashed")
    assert end(operation, "on_failure").state == SiteState.FAILED
    place.web[0].reachable = False
    place.web[0].save()
    Operation.objects.update(state="failed")
    operations.retry(Operation.objects.get(pk=operation.pk))
    site.refresh_from_db()
    assert (site.state, site.host.name) == (SiteState.CREATING, "web2")
    assert site.volume.attachments.get().host.name == "web2"
    assert ["hosting.place_on_web@web2"] in outline(operation)


def test_what_was_changed_since_is_not_repeated(place: Place) -> None:
    site = running(create(place)[0])
    first = services.edit_site(place.actor, site, php_workers=2)[1]
    services.edit_site(place.actor, site, php_workers=3)
    Operation.objects.filter(pk=first.pk).update(state="failed")
    with pytest.raises(NotPossible):
        operations.retry(first)
    first.refresh_from_db()
    assert first.state == "failed"


def test_a_cancelled_creation_frees_its_names(place: Place) -> None:
    operation = create(place)[1]
    site = end(operation, "on_cancel")
    assert (site.state, site.host, site.name) == (SiteState.DELETED, None, "a.test")
    assert not site.restorable
    assert not Domain.objects.exists()
    assert create(place)[0].name == "a.test"  # for routing too


def test_a_deleted_site_frees_its_names_and_remembers_them(place: Place) -> None:
    site = running(create(place, "a.test", "b.test")[0])
    operation = services.delete_site(place.actor, site)[1]
    site = end(operation, "on_success")
    assert (site.state, site.host, site.placed) == (SiteState.DELETED, None, False)
    assert site.former_names == {"served": ["a.test", "b.test"], "redirects": []}
    assert not Domain.objects.exists()


def test_a_purged_site_is_gone_for_good(place: Place) -> None:
    site = running(create(place)[0])
    end(services.delete_site(place.actor, site)[1], "on_success")
    Site.objects.update(purge_after="2020-01-01T00:00Z")
    Volume.objects.update(state="absent")
    (operation,) = services.purge_due()
    assert outline(operation) == [["members.remove_site_identity"]]
    plan_for(operation.kind).on_success(operation)
    assert not Site.objects.exists()


# --- probing -----------------------------------------------------------------------------------------------------


def probe(operation: Operation) -> Any:
    return operation.steps.filter(action="hosting.probe").first()


def test_only_the_newest_change_is_looked_at_from_outside(place: Place) -> None:
    site = running(create(place)[0])
    first = services.edit_site(place.actor, site, domains=["b.test"])[1]
    step = probe(first)
    assert Probe()._is_newest(step)
    services.disable_site(place.actor, site)
    assert Probe().submit(step).result(1) == {"superseded": True}
    Probe().confirm(step, {"superseded": True})


# --- desired state -----------------------------------------------------------------------------------------------


def sites_on(host: Any) -> list[str]:
    return [resource.id for resource in desired_state(host) if resource.kind == "site"]


def test_a_web_host_should_hold_its_sites_with_their_mounts(place: Place) -> None:
    site, _operation = create(place, "a.test", "b.test")
    assert sites_on(place.web[0]) == []  # storage has let nobody in yet
    running(site)
    resources = {(resource.kind, resource.id): resource for resource in desired_state(place.web[0])}
    assert resources["site", str(site.pk)].wire()["spec"] == {
        "kind": "php",
        "domains": ["a.test", "b.test"],
        "uid": site.uid,
        "gid": site.uid,
        "enabled": True,
        "php_workers": 4,
        "php_settings": {},
        "memory_mb": 1024,
        "cpu_weight": 100,
        "tasks": 256,
    }
    assert ("attachment", site.volume.name) in resources
    assert resources["nginx", "base"].spec == {"edges": sorted(edge.address for edge in place.edges)}
    assert sites_on(place.web[1]) == []


@pytest.mark.parametrize("state", [SiteState.DELETING, SiteState.DELETED, SiteState.PURGING])
def test_a_site_that_goes_should_be_nowhere(place: Place, state: SiteState) -> None:
    site = running(create(place)[0])
    Site.objects.filter(pk=site.pk).update(state=state)
    assert sites_on(place.web[0]) == []


def test_web_hosts_are_told_when_edges_come_and_go(place: Place) -> None:
    base = web_hosts.web_base()
    assert web_hosts.web_base().revision == base.revision
    assert web_hosts.sync_if_needed() is None
    HostFactory(name="edge3", roles=["edge"])
    operation = web_hosts.sync_if_needed()
    assert operation is not None
    assert outline(operation) == [["hosting.sync_web_host@web1", "hosting.sync_web_host@web2"]]
    assert web_hosts.web_base().revision == base.revision + 1
    assert web_hosts.sync_if_needed() is None
