"""Shields and maintenance in rows: who may, what is refused, what edges are told, and what waits for what."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.utils import timezone

from controlpanel.fleet import samples
from controlpanel.fleet.desired import desired_state
from controlpanel.fleet.models import Host
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import plan_for
from hosting import errors, services
from hosting.models import Site
from routing import desired, packet_filter, shields, traffic
from routing import services as routing
from routing.models import EdgeCount, Shield
from tests.factories import HostFactory, LoginFactory, SiteFactory
from tests.hosting.conftest import Place


@pytest.fixture
def site(place: Place) -> Site:
    return SiteFactory(order=place.order, host=place.web[0], domain="a.test", placed=True)


def spec_of(site_id: int) -> dict[str, Any]:
    (resource,) = desired.shield_resources(site_id)
    return resource.spec


# --- who, and what is written ------------------------------------------------------------------------------------


def test_an_order_s_administrator_shields_and_one_step_a_edge_tells_it(place: Place, site: Site) -> None:
    _site, operation = services.shield_site(place.actor, site, level="limit", requests=20)
    assert [(step.action, step.host) for step in operation.steps.all()] == [
        ("routing.shield", "edge1"),
        ("routing.shield", "edge2"),
    ]
    assert [r.resource for r in operation.reservations.all()] == [f"shield:{site.pk}"]
    assert operation.scopes == site.scopes
    assert str(operation.title) == "Set the shield of the site a.test"
    assert spec_of(site.pk) == {
        "level": "limit", "requests": 20, "connections": 50, "blocked": [], "trusted": [], "open_paths": [],
    }  # fmt: skip


def test_strangers_do_not_find_the_site_and_only_staff_shield_all(place: Place, site: Site) -> None:
    with pytest.raises(Site.DoesNotExist):
        services.shield_site(place.stranger, site.pk, level="limit")
    for actor in (place.actor, place.stranger, None):
        with pytest.raises(PermissionDenied):
            services.shield_all(actor, "challenge")
    _shield, operation = services.shield_all(place.staff, "challenge")
    (resource,) = desired.shield_resources(shields.EVERY_SITE)
    assert (resource.id, resource.spec["level"]) == ("all", "challenge")
    assert operation.steps.count() == 2


def test_what_is_left_out_stays_and_only_a_change_raises_the_revision(place: Place, site: Site) -> None:
    services.shield_site(place.actor, site, level="limit", blocked=["192.0.2.7/24", "2001:DB8::/32", "198.51.100.9"])
    first = Shield.objects.get(site_id=site.pk)
    assert first.blocked == ["192.0.2.0/24", "198.51.100.9/32", "2001:db8::/32"]
    services.shield_site(place.actor, site, level="limit")
    assert Shield.objects.get(site_id=site.pk).revision == first.revision
    services.shield_site(place.actor, site, open_paths=["/api/"])
    last = Shield.objects.get(site_id=site.pk)
    assert (last.revision, last.level, last.blocked) == (first.revision + 1, "limit", first.blocked)


@pytest.mark.parametrize(
    ("values", "problem", "field"),
    [
        ({"level": "shields up"}, errors.InvalidLevel, "level"),
        ({"requests": 0}, errors.InvalidNumber, "requests"),
        ({"connections": 10_001}, errors.InvalidNumber, "connections"),
        ({"blocked": ["192.0.2.0/33"]}, errors.InvalidNetwork, "blocked"),
        ({"blocked": ["0.0.0.0/0"]}, errors.NetworkTooWide, "blocked"),
        ({"trusted": ["fe80::1%eth0"]}, errors.InvalidNetwork, "trusted"),
        ({"open_paths": ["/api/ \n/x"]}, errors.InvalidPath, "open_paths"),
        ({"open_paths": ["/a/../b"]}, errors.InvalidPath, "open_paths"),
        ({"blocked": ["192.0.2.1"], "trusted": ["192.0.2.1/32"]}, errors.BothLists, "trusted"),
        ({"blocked": [f"192.0.{n // 256}.{n % 256}" for n in range(501)]}, errors.TooManyEntries, "blocked"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(
    place: Place, site: Site, values: dict[str, Any], problem: type[errors.HostingError], field: str
) -> None:
    with pytest.raises(problem) as raised:
        services.shield_site(place.actor, site, **values)
    assert raised.value.field == field
    assert not Shield.objects.exists()


def test_a_list_that_stays_may_not_clash_with_a_new_one(place: Place, site: Site) -> None:
    services.shield_site(place.actor, site, blocked=["192.0.2.0/24"])
    with pytest.raises(errors.BothLists):
        services.shield_site(place.actor, site, trusted=["192.0.2.0/24"])


def test_a_shield_waits_for_nothing_else_that_is_done_with_the_site(place: Place, site: Site) -> None:
    _site, edit = services.edit_site(place.actor, site, domains=["a.test", "b.test"])
    _site, shield = services.shield_site(place.actor, site, level="challenge")
    edits = {reserve.resource for reserve in plan_for(edit.kind).reservations(edit.params)}
    assert not edits & {reserve.resource for reserve in plan_for(shield.kind).reservations(shield.params)}


def test_a_deleted_site_takes_its_shield_along_and_comes_back_without(place: Place, site: Site) -> None:
    services.shield_site(place.actor, site, level="limit", blocked=["192.0.2.0/24"])
    routing.remove(site.pk)
    (resource,) = desired.shield_resources(site.pk)
    assert not resource.present
    assert not [r for r in desired_state(place.edges[0]) if r.kind == "shield" and r.id == str(site.pk)]
    assert any(r.kind == "shield" and not r.present for r in desired.site_resources(site.pk))
    assert Shield.objects.get(site_id=site.pk).blocked == ["192.0.2.0/24"]


def test_a_repeated_request_is_one_operation(place: Place, site: Site) -> None:
    one = services.shield_site(place.actor, site, level="limit", idempotency_key="k")[1]
    assert services.shield_site(place.actor, site, level="limit", idempotency_key="k")[1] == one


def test_all_edges_have_the_same_key_and_the_database_only_ciphertext(place: Place) -> None:
    keys = {r.spec["key"] for edge in place.edges for r in desired_state(edge) if r.kind == "shield_key"}
    assert len(keys) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM routing_shieldkey")
        assert cursor.fetchone()[0] not in keys


# --- maintenance -------------------------------------------------------------------------------------------------


def test_maintenance_is_the_site_s_intent_and_every_later_change_keeps_it(place: Place, site: Site) -> None:
    _site, operation = services.begin_maintenance(place.actor, site)
    assert {step.action for step in operation.steps.all()} == {"routing.publish"}
    Operation.objects.update(state="succeeded")
    Site.objects.update(state="active")
    services.edit_site(place.actor, site, domains=["a.test", "b.test"])
    (route,) = [r for r in desired.site_resources(site.pk) if r.kind == "site_route"]
    assert route.spec["mode"] == "maintenance"
    Site.objects.update(state="active")
    services.end_maintenance(place.actor, site)
    (route,) = [r for r in desired.site_resources(site.pk) if r.kind == "site_route"]
    assert route.spec["mode"] == "normal"


# --- shielded addresses ------------------------------------------------------------------------------------------


def test_each_edge_filters_its_own_addresses(place: Place) -> None:
    packet_filter.set_addresses(place.edges[0], ["198.51.100.1"])
    packet_filter.set_addresses(place.edges[1], ["198.51.100.2", "2001:db8::2"])
    assert packet_filter.shielded_addresses() == ["198.51.100.1", "198.51.100.2", "2001:db8::2"]
    assert desired.packet_filter_resource("edge1").spec["addresses"] == ["198.51.100.1"]
    revision = packet_filter.rules().revision
    assert packet_filter.set_addresses(place.edges[0], ["198.51.100.1"]) is None
    assert packet_filter.rules().revision == revision


def test_an_address_of_another_host_is_refused(place: Place) -> None:
    packet_filter.set_addresses(place.edges[0], ["198.51.100.1"])
    for host, address in (
        (place.edges[1], "198.51.100.1"),
        (place.edges[1], place.web[0].address),
        (place.edges[1], "x"),
        (place.web[0], "198.51.100.9"),
    ):
        with pytest.raises(ValueError):
            packet_filter.set_addresses(host, [address])


# --- rates and suggestions ---------------------------------------------------------------------------------------


def test_rates_are_what_lies_between_two_looks(place: Place) -> None:
    edge, at = place.edges[0], timezone.now()

    def look(seconds: int, counts: list[int], process: int = 7) -> dict[int, traffic.Rates]:
        answer = {"process": process, "all": counts, "sites": {"5": counts}}
        return traffic.take_in(edge, False, answer, at + timedelta(seconds=seconds))

    assert look(0, [100, 10, 0]) == {}
    assert look(10, [200, 30, 5])[5] == (10.0, 2.0, 0.5)
    assert look(20, [50, 0, 0], process=8)[5] == (5.0, 0.0, 0.0)  # HAProxy has begun to count anew
    assert look(3000, [90, 0, 0], process=8) == {}  # nobody knows what was between
    assert EdgeCount.objects.count() == 1


def test_far_more_than_usual_suggests_a_shield_until_it_is_calm_or_declined(place: Place, site: Site) -> None:
    now = timezone.now()
    samples.note((f"site:{site.pk}", "requests_per_s", now - timedelta(hours=n), 5.0) for n in range(1, 60))
    assert traffic.suggest({site.pk: (15.0, 0, 0)}) == []
    assert traffic.suggest({site.pk: (50.0, 0, 0)}) == [site.pk]
    shield = shields.shield_of(site.pk)
    assert (shield.level, shield.rate, shield.usual) == ("off", 50.0, 5.0)
    assert desired.shield_resources(site.pk) == []  # a suggestion is nothing that edges should know
    traffic.suggest({})
    assert shields.shield_of(site.pk).suggested is None
    traffic.suggest({site.pk: (50.0, 0, 0)})
    services.decline_suggestion(place.actor, site)
    assert traffic.suggest({site.pk: (500.0, 0, 0)}) == []


def test_a_new_site_is_suspected_later_and_a_shielded_one_never(place: Place, site: Site) -> None:
    assert traffic.suggest({site.pk: (29.0, 0, 0)}) == []
    assert traffic.suggest({site.pk: (31.0, 0, 0)}) == [site.pk]
    services.shield_site(place.actor, site, level="cache")
    assert shields.shield_of(site.pk).suggested is None
    assert traffic.suggest({site.pk: (500.0, 0, 0)}) == []


# --- pages -------------------------------------------------------------------------------------------------------


def browser(login: Any) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(login, backend="members.backends.DirectoryBackend")
    return client


def test_one_click_sets_the_level_and_the_page_shows_it(place: Place, site: Site) -> None:
    mine = browser(place.actor)
    answer = mine.post(f"/sites/{site.pk}/shield/level/", {"level": "challenge"})
    assert (answer.status_code, answer["Location"]) == (302, f"/sites/{site.pk}/#shield")
    page = mine.get(f"/sites/{site.pk}/").content.decode()
    assert f"/sites/{site.pk}/shield/traffic/" in page
    assert "Requests a second" in page
    assert mine.post(f"/sites/{site.pk}/shield/level/", {"level": "x" * 99}).status_code == 422
    assert mine.get(f"/sites/{site.pk}/shield/level/").status_code == 405
    for path in ("", "level/", "decline/", "traffic/"):
        assert browser(place.stranger).post(f"/sites/{site.pk}/shield/{path}").status_code in (404, 405)


def test_values_are_kept_as_typed_and_told_beside_their_fields(place: Place, site: Site) -> None:
    values = {"level": "limit", "requests": "40", "connections": "9", "blocked": "192.0.2.0/24\nnonsense"}
    mine = browser(place.actor)
    answer = mine.post(f"/sites/{site.pk}/shield/", values)
    assert answer.status_code == 422
    assert "nonsense” is no IP address" in answer.content.decode()
    answer = mine.post(f"/sites/{site.pk}/shield/", {**values, "blocked": "192.0.2.0/24"})
    assert answer.status_code == 302
    assert Shield.objects.get(site_id=site.pk).blocked == ["192.0.2.0/24"]


def test_staff_switch_all_sites_from_the_dashboard(place: Place) -> None:
    staff = browser(place.staff)
    page = staff.get("/admin/").content.decode()
    row = shields.shield_of_all()
    assert f"/admin/routing/shield/{row.pk}/change/" in page
    answer = staff.post(f"/admin/routing/shield/{row.pk}/challenge/")
    assert answer.status_code == 302
    assert shields.shield_of_all().level == "challenge"


def test_staff_add_an_edge_s_address(place: Place) -> None:
    staff = browser(place.staff)
    edge: Host = place.edges[0]
    answer = staff.post("/admin/routing/edgeaddress/add/", {"host": edge.pk, "address": "198.51.100.7"})
    assert answer.status_code == 302, answer.content.decode()
    assert packet_filter.addresses_of(edge) == ["198.51.100.7"]
    assert Operation.objects.get().kind == "routing.filter_packets"
    refused = staff.post("/admin/routing/edgeaddress/add/", {"host": HostFactory().pk, "address": "198.51.100.8"})
    assert refused.status_code == 200
    nobody = browser(LoginFactory())
    assert nobody.post("/admin/routing/edgeaddress/add/", {"host": edge.pk, "address": "1.2.3.4"}).status_code == 302
    assert packet_filter.addresses_of(edge) == ["198.51.100.7"]
