"""Emptying a living host: order, targets, batches; and what staff and scripts are told before and after."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from controlpanel.fleet.models import Host
from controlpanel.operations import runner
from controlpanel.operations.models import Operation
from controlpanel.operations.services import cancel, preview
from hosting import evacuating, services
from hosting.choices import Importance, SiteState
from hosting.errors import NotAWebHost
from hosting.models import Site
from hosting.services import moves
from tests.factories import HostFactory, HostingOrderFactory, SiteFactory, TokenFactory
from tests.hosting.conftest import Place


def sites(place: Place, count: int, importance: int = Importance.NORMAL) -> list[Site]:
    order = HostingOrderFactory(importance=importance)
    return [SiteFactory(order=order, host=place.web[0], placed=True) for _ in range(count)]


def evacuate(place: Place) -> Operation:
    return services.evacuate_host(place.staff, place.web[0], reason="A new disk")


def test_it_takes_nothing_new_and_says_so(place: Place) -> None:
    evacuate(place)
    assert Host.objects.get(name="web1").state == "draining"


def test_only_staff_and_only_web_hosts(place: Place) -> None:
    with pytest.raises(PermissionDenied):
        services.evacuate_host(place.actor, place.web[0])
    with pytest.raises(NotAWebHost):
        services.evacuate_host(place.staff, place.edges[0])


def test_the_most_important_go_first_and_each_host_gets_one_batch_at_a_time(place: Place) -> None:
    HostFactory(name="web3")
    usual, important = sites(place, moves.BATCH * 2), sites(place, 2, Importance.HIGH)
    found = evacuating.plan(place.web[0])
    first = [site for _target, batch in found.rounds[0].batches for site in batch]
    assert {site.pk for site in important} <= set(first)
    assert all(len({target for target, _ in turn.batches}) == len(turn.batches) for turn in found.rounds)
    assert found.targets == {"web2": moves.BATCH + 1, "web3": moves.BATCH + 1}
    assert len(usual) + 2 == sum(found.targets.values())


def test_what_fits_nowhere_stays_and_is_told(place: Place) -> None:
    sites(place, 3)
    Host.objects.filter(name="web2").update(facts={"memory_mb": 512 + 25})
    found = evacuating.plan(place.web[0])
    assert (sum(found.targets.values()), len(found.left)) == (1, 2)


def test_its_steps_begin_a_round_and_wait_for_it(place: Place) -> None:
    sites(place, moves.BATCH + 1)
    operation = evacuate(place)
    outline = [[step.action for step in stage] for stage in preview(operation.kind, operation.params)]
    once = [["hosting.start_batch"], ["hosting.await_batch"]]
    assert outline == [*once, *once, ["hosting.evacuation_report"]]


@pytest.mark.django_db(transaction=True)
def test_batches_are_operations_of_their_own_which_it_waits_for(place: Place) -> None:
    there = sites(place, 2)
    operation = evacuate(place)
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "waiting"
    child = Operation.objects.get(kind="hosting.move_site")
    assert sorted(child.params["sites"]) == [site.pk for site in there]
    assert child.params["parent"] == operation.pk and child.params["reason"] == "A new disk"
    # As if it had been done:
    Site.objects.update(host=place.web[1], state=SiteState.ACTIVE)
    Operation.objects.filter(pk=child.pk).update(state="succeeded")
    Operation.objects.filter(pk=operation.pk).update(wake_at=timezone.now() - timedelta(seconds=1))
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_failed_is_tried_site_by_site_and_what_stays_is_told(place: Place) -> None:
    there = sites(place, 2)
    operation = evacuate(place)
    runner.run(operation.pk)
    child = Operation.objects.get(kind="hosting.move_site")
    why = {"code": "move_target_unfit", "params": {"host": "web2", "reason": "it is full"}}
    Operation.objects.filter(pk=child.pk).update(state="failed", error=why)
    Operation.objects.filter(pk=operation.pk).update(wake_at=timezone.now() - timedelta(seconds=1))
    runner.run(operation.pk)
    alone = Operation.objects.filter(kind="hosting.move_site").exclude(pk=child.pk)
    assert sorted(one.params["sites"] for one in alone) == [[site.pk] for site in there]
    alone.update(state="failed", error=why)
    Operation.objects.filter(pk=operation.pk).update(wake_at=timezone.now() - timedelta(seconds=1))
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "failed"
    assert operation.error["params"]["count"] == 2
    assert "it is full" in operation.error["output"]


@pytest.mark.django_db(transaction=True)
def test_cancelling_it_calls_the_batch_off_and_begins_no_more(place: Place) -> None:
    sites(place, moves.BATCH + 1)
    operation = evacuate(place)
    runner.run(operation.pk)
    cancel(operation, place.staff)
    runner.run(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "cancelled"
    child = Operation.objects.get(kind="hosting.move_site")
    assert child.cancel_requested


# --- doors -------------------------------------------------------------------------------------------------------


def api(login: Any) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {TokenFactory(login=login).text}")
    return client


def test_a_preview_by_rest_says_what_goes_where_and_changes_nothing(place: Place) -> None:
    sites(place, 3)
    answer = api(place.staff).post(f"/api/v1/hosts/{place.web[0].pk}/evacuate/?preview=1")
    assert answer.status_code == 200
    assert answer.json()["evacuation"]["targets"] == {"web2": 3}
    assert not Operation.objects.exists() and Host.objects.get(name="web1").state == "active"


def test_moves_by_rest_are_staffs(place: Place) -> None:
    site = SiteFactory(order=place.order, host=place.web[0], placed=True)
    address = f"/api/v1/sites/{site.pk}/move/"
    assert api(place.actor).post(address, {"host": "web2"}, format="json").status_code == 403
    assert api(place.stranger).post(address, {"host": "web2"}, format="json").status_code == 404
    planned = api(place.staff).post(address + "?preview=1", {"host": "web2"}, format="json")
    assert planned.status_code == 200
    body = planned.json()
    assert (body["from"], body["to"]) == (["web1"], "web2") and body["steps"][0].keys() == {"stage", "title", "host"}
    assert not Operation.objects.exists()
    answer = api(place.staff).post(address, {"host": "web2"}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    again = api(place.staff).post(address, {"host": "web2"}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    assert answer.status_code == again.status_code == 202
    assert answer.json()["operation"]["id"] == again.json()["operation"]["id"]
    assert answer.json()["state"] == "moving"
    assert api(place.staff).post(address, {"host": "nowhere"}, format="json").status_code == 409


def test_the_admin_shows_what_would_happen_before_it_does(place: Place) -> None:
    there = sites(place, 2)
    client = Client()
    client.force_login(place.staff)
    address = "/admin/hosting/site/move/?" + "&".join(f"ids={site.pk}" for site in there)
    page = client.get(address)
    assert page.status_code == 200 and b"web2" in page.content
    assert not Operation.objects.exists()
    answer = client.post(
        "/admin/hosting/site/move/", {"ids": [site.pk for site in there], "host": "", "reason": "disk"}
    )
    operation = Operation.objects.get()
    assert answer.status_code == 302 and answer["Location"] == operation.get_absolute_url()
    assert operation.params["reason"] == "disk"


def test_nobody_else_reaches_it(place: Place) -> None:
    site = SiteFactory(order=place.order, host=place.web[0], placed=True)
    client = Client()
    client.force_login(place.actor)
    assert client.get(f"/admin/hosting/site/move/?ids={site.pk}").status_code in (302, 403)


def test_a_member_reads_that_and_why_the_site_is_moved(place: Place) -> None:
    site = SiteFactory(order=place.order, host=place.web[0], placed=True)
    services.move_sites(place.staff, [site, *sites(place, 1)], "web2", reason="A new disk")
    client = Client()
    client.force_login(place.actor)
    text = client.get(f"/sites/{site.pk}/").content.decode()
    assert "moved to another server" in text and "A new disk" in text


def test_a_plan_for_thousands_needs_few_queries(place: Place, django_assert_max_num_queries: Any) -> None:
    template = sites(place, 1)[0]
    Host.objects.filter(name="web2").update(facts={"memory_mb": 10**6})
    del template
    with django_assert_max_num_queries(12):
        evacuating.plan(place.web[0])
