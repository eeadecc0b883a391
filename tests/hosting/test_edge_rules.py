"""Edge rules in rows: who may, what is refused, what edges are told, and what becomes of passwords."""

import base64
import hmac
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from controlpanel.agent.kinds.edge_rules import EdgeRules as Kind
from controlpanel.fleet.desired import desired_state
from controlpanel.operations import events
from controlpanel.operations.choices import OperationState
from controlpanel.operations.models import Operation
from controlpanel.operations.registry import plan_for
from hosting import errors, services
from hosting.edge_rules import errors as rule_errors
from hosting.models import Site
from routing import desired, edge_rules
from routing import services as routing
from routing.models import Certificate, EdgeRules, EdgeRulesKey
from tests.factories import SiteFactory
from tests.hosting.conftest import Place


@pytest.fixture
def site(place: Place) -> Site:
    site = SiteFactory(order=place.order, host=place.web[0], domain="a.test", placed=True, state="active")
    routing.set_backend(site.pk, place.web[0])
    routing.set_routes(site.pk, "a.test")
    return site


def spec_of(site_id: int) -> dict[str, Any]:
    (resource,) = desired.edge_rules_resources(site_id)
    return Kind().validate(resource.id, resource.spec)  # whatever the panel lets through, an edge takes


def to(target: str, path: str = "/old", **more: Any) -> dict[str, Any]:
    return {"path": path, "target": target, **more}


# --- who, and what is written ------------------------------------------------------------------------------------


def test_an_order_s_administrator_sets_rules_and_one_step_an_edge_tells_it(place: Place, site: Site) -> None:
    _site, operation, passwords = services.set_edge_rules(place.actor, site, redirects=[to("/new")])
    assert [(step.action, step.host) for step in operation.steps.all()] == [
        ("routing.edge_rules", "edge1"),
        ("routing.edge_rules", "edge2"),
    ]
    assert [r.resource for r in operation.reservations.all()] == [f"edge_rules:{site.pk}"]
    assert operation.scopes == site.scopes
    assert str(operation.title) == "Set the edge rules of the site a.test"
    assert (passwords, spec_of(site.pk)["redirects"][0]["target"]) == ([], "/new")
    with pytest.raises(Site.DoesNotExist):
        services.set_edge_rules(place.stranger, site.pk, redirects=[])


def test_sections_that_are_left_out_stay_and_only_a_change_raises_the_revision(place: Place, site: Site) -> None:
    rule = {"path": "/x/", "action": "allow", "networks": ["192.0.2.7/24", "2001:DB8::/32"]}
    services.set_edge_rules(place.actor, site, redirects=[to("/new")], addresses=[rule])
    first = EdgeRules.objects.get(site_id=site.pk)
    assert first.addresses == [{"path": "/x", "action": "allow", "networks": ["192.0.2.0/24", "2001:db8::/32"]}]
    services.set_edge_rules(place.actor, site, redirects=[to("/new")])
    services.set_edge_rules(place.actor, site)
    assert EdgeRules.objects.get(site_id=site.pk).revision == first.revision
    services.set_edge_rules(place.actor, site, redirects=[], revision=first.revision)
    last = EdgeRules.objects.get(site_id=site.pk)
    assert (last.revision, last.redirects, last.addresses) == (first.revision + 1, [], first.addresses)
    with pytest.raises(errors.RulesChanged):
        services.set_edge_rules(place.actor, site, redirects=[to("/new")], revision=first.revision)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"redirects": [to("/new", "old")]}, rule_errors.InvalidRulePath),
        ({"redirects": [to("/new", "/a/../b")]}, rule_errors.InvalidRulePath),
        ({"redirects": [to("/new", "/a%2f..%2fb")]}, rule_errors.InvalidRulePath),
        ({"redirects": [to("/new", "/a?b")]}, rule_errors.InvalidRulePath),
        ({"redirects": [to("/new", "/a\n")] * 1}, None),
        ({"redirects": [to("/new", "/a%0ab")]}, rule_errors.InvalidRulePath),
        ({"redirects": [to("/new", "/%ff")]}, rule_errors.InvalidRulePath),
        ({"redirects": [to("/new", "/a" * 17)]}, rule_errors.InvalidRulePath),
        ({"redirects": [to("//evil.test")]}, rule_errors.InvalidTarget),
        ({"redirects": [to("/\\evil.test")]}, rule_errors.InvalidTarget),
        ({"redirects": [to("javascript:alert(1)")]}, rule_errors.InvalidTarget),
        ({"redirects": [to("https://user:secret@a.test/")]}, rule_errors.InvalidTarget),
        ({"redirects": [to("https://a.test\\@b.test/")]}, rule_errors.InvalidTarget),
        ({"redirects": [to("/a\r\nX: y")]}, rule_errors.InvalidTarget),
        ({"redirects": [to("/new%zz")]}, rule_errors.InvalidTarget),
        ({"redirects": [to("/new", status=303)]}, rule_errors.InvalidStatus),
        ({"redirects": [to("/new", match="regex")]}, rule_errors.InvalidMatch),
        ({"redirects": [to("/n?x", match="prefix", keep_path=True)]}, rule_errors.TargetTakesNoPath),
        ({"redirects": [to("/new"), to("/other", "/old/")]}, rule_errors.RuleTwice),
        ({"redirects": [to("/new", f"/{n}") for n in range(2001)]}, errors.TooManyEntries),
        ({"addresses": [{"path": "/", "action": "block", "networks": ["192.0.2.1"]}]}, rule_errors.InvalidAction),
        ({"addresses": [{"path": "/", "action": "deny", "networks": []}]}, rule_errors.NoNetworks),
        ({"addresses": [{"path": "/", "action": "deny", "networks": ["x"]}]}, errors.InvalidNetwork),
        ({"addresses": [{"path": "/a;b", "action": "deny", "networks": ["192.0.2.1"]}]}, rule_errors.PathNotPlain),
        ({"https": {"policy": "maybe"}}, rule_errors.InvalidPolicy),
        ({"https": {"policy": "hsts", "max_age": -1}}, errors.OutOfRange),
        ({"notice": {"en": "x" * 1001}}, rule_errors.InvalidNotice),
        ({"notice": {"en": "a\x00"}}, rule_errors.InvalidNotice),
        ({"notice": {"until": timezone.now() - timedelta(hours=1)}}, rule_errors.InvalidUntil),
        ({"protected": [{"path": "/a", "users": []}]}, rule_errors.NoVisitors),
        ({"protected": [{"path": "/a", "users": [{"name": "a:b"}]}]}, rule_errors.InvalidVisitor),
        ({"protected": [{"path": "/a", "users": [{"name": "a", "password": "short"}]}]},
         rule_errors.WeakVisitorPassword),
        ({"protected": [{"path": "/a", "users": [{"name": "a", "password": "contraseña larga"}]}]},
         rule_errors.WeakVisitorPassword),
        ({"protected": [{"path": "/a", "users": [{"name": "a", "password": "qwertyuiop"}]}]},
         rule_errors.WeakVisitorPassword),
        ({"protected": [{"path": "/a", "realm": 'a"b', "users": [{"name": "a"}]}]}, rule_errors.InvalidRealm),
        ({"protected": [{"path": "/a", "open_paths": ["/b"], "users": [{"name": "a"}]}]}, rule_errors.InvalidRulePath),
        ({"protected": [{"path": "/a", "lock": "0123456789ab", "users": [{"name": "a"}]}]}, rule_errors.NoSuchLock),
        ({"protected": [{"path": p, "users": [{"name": "a"}]} for p in ("/a", "/A")]}, rule_errors.RuleTwice),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(
    place: Place, site: Site, values: dict[str, Any], problem: type[errors.HostingError] | None
) -> None:
    if problem is None:
        services.set_edge_rules(place.actor, site, **values)
        return
    with pytest.raises(problem):
        services.set_edge_rules(place.actor, site, **values)
    assert not EdgeRules.objects.filter(revision__gt=0).exists()


@pytest.mark.parametrize(
    "rules",
    [
        [to("/old")],
        [to("/old/?x")],
        [to("https://a.test/old")],
        [to("http://A.test/%6fld")],
        [to("/b", "/a"), to("/a", "/b")],
        [to("/old/deeper", match="prefix")],
        [to("/old/deeper", match="prefix", keep_path=True)],
        [to("/", "/", match="prefix")],
        [to("/c", "/a"), to("/b", "/c"), to("/a", "/b"), to("/fine", "/d")],
        [to("/b", "/a", match="prefix", keep_path=True), to("/a", "/b", match="prefix", keep_path=True)],
    ],
)
def test_a_redirect_that_leads_round_in_a_circle_is_refused(
    place: Place, site: Site, rules: list[dict[str, Any]]
) -> None:
    with pytest.raises(errors.HostingError) as raised:
        services.set_edge_rules(place.actor, site, redirects=rules)
    assert {type(problem) for problem in raised.value.problems} == {rule_errors.RedirectLoop}


def test_what_only_looks_like_a_circle_is_not(place: Place, site: Site) -> None:
    rules = [
        to("/new/old"),
        to("https://b.test/", "/", match="prefix", keep_path=True),
        to("/fine", "/here"),
        to("/old-shop", "/shop", match="prefix"),
        to("/olds", "/older", match="prefix", keep_path=True),
        to("/", "/deep/er", match="prefix"),
    ]
    services.set_edge_rules(place.actor, site, redirects=[*rules[:1], *rules[2:5]])
    services.set_edge_rules(place.actor, site, redirects=rules[1:2])


def test_paths_and_targets_are_brought_to_one_form(place: Place, site: Site) -> None:
    rules = [to("https://BÜCHER.test/ä b?q=ñ#x", " /a%C3%B1o nuevo/ "), to("https://b.test", "/b")]
    services.set_edge_rules(place.actor, site, redirects=rules)
    found = {one["path"]: one["target"] for one in spec_of(site.pk)["redirects"]}
    assert found == {
        "/año nuevo": "https://xn--bcher-kva.test/%C3%A4%20b?q=%C3%B1#x",
        "/b": "https://b.test/",
    }


# --- passwords ---------------------------------------------------------------------------------------------------


def test_a_password_is_made_shown_once_and_stored_nowhere(place: Place, site: Site) -> None:
    door = {"path": "/staff", "users": [{"name": "ana"}, {"name": "bo", "password": "a long one: yes!"}]}
    _site, operation, fresh = services.set_edge_rules(place.actor, site, protected=[door], idempotency_key="k")
    made = {one.user: one for one in fresh}
    assert (made["ana"].made, made["bo"].made, len(made["ana"].password)) == (True, False, 24)
    (stored,) = EdgeRules.objects.get().protected
    key = base64.b64decode(EdgeRulesKey.objects.get().key)
    sent = base64.b64encode(b"bo:a long one: yes!").decode()
    assert stored["users"]["bo"] == hmac.digest(key, f"{site.pk}/{stored['lock']}/{sent}".encode(), "sha256").hex()
    with connection.cursor() as cursor:
        cursor.execute("SELECT r::text, k.key, o.params::text FROM routing_edgerules r, routing_edgeruleskey k, "
                       "operations_operation o")  # fmt: skip
        written = " ".join(cursor.fetchone())
    for secret in (made["ana"].password, "a long one", sent, EdgeRulesKey.objects.get().key):
        assert secret not in written
    again = services.set_edge_rules(place.actor, site, protected=[door], idempotency_key="k")
    assert (again[1], again[2]) == (operation, [])


def test_users_keep_their_passwords_with_the_lock_or_the_path(place: Place, site: Site) -> None:
    services.set_edge_rules(place.actor, site, protected=[{"path": "/staff", "users": [{"name": "ana"}]}])
    (first,) = EdgeRules.objects.get().protected
    users = [{"name": "ana"}, {"name": "bo"}]
    fresh = services.set_edge_rules(place.actor, site, protected=[{"path": "/Staff/", "users": users}])[2]
    (second,) = EdgeRules.objects.get().protected
    assert ([one.user for one in fresh], second["users"]["ana"]) == (["bo"], first["users"]["ana"])
    moved = {"lock": first["lock"], "path": "/team", "users": [{"name": "ana"}]}
    assert services.set_edge_rules(place.actor, site, protected=[moved])[2] == []
    assert spec_of(site.pk)["protected"][0]["users"] == first["users"]
    other = services.set_edge_rules(place.actor, site, protected=[{"path": "/staff", "users": [{"name": "ana"}]}])[2]
    assert [one.user for one in other] == ["ana"]
    assert edge_rules.digest_of(1, "a" * 12, "x", "y") != edge_rules.digest_of(1, "b" * 12, "x", "y")


# --- https and certificates --------------------------------------------------------------------------------------


def test_only_names_with_a_certificate_are_led_to_https_and_they_follow(place: Place, site: Site) -> None:
    services.set_edge_rules(place.actor, site, https={"policy": "hsts", "subdomains": True})
    https = {"names": ["a.test"], "max_age": 15_552_000, "subdomains": True}
    assert spec_of(site.pk)["https"] == https
    services.edit_site(place.actor, site, domains=["a.test", "b.test"])
    assert spec_of(site.pk)["https"] == {**https, "names": ["a.test", "b.test"]}
    assert services.follow_certificates() == []
    Certificate.objects.update(not_after=timezone.now() - timedelta(days=1))
    (operation,) = services.follow_certificates()
    assert (operation.kind, operation.requested_by) == ("hosting.set_edge_rules", None)
    assert spec_of(site.pk)["https"] == {**https, "names": []}
    services.set_edge_rules(place.actor, site, https={"policy": "off"})
    assert (spec_of(site.pk)["https"], services.follow_certificates()) == (None, [])


@pytest.mark.parametrize("kind", ["issue_certificates", "use_own_certificates", "offer_certificates"])
def test_they_follow_as_soon_as_a_certificate_has_come(
    place: Place, site: Site, django_capture_on_commit_callbacks: Callable[..., Any], kind: str
) -> None:
    services.set_edge_rules(place.actor, site, https={"policy": "redirect"})
    EdgeRules.objects.update(https_names=[])
    issued = Operation.objects.create(kind=f"routing.{kind}", params={"names": ["a.test"]})
    issued.state = OperationState.SUCCEEDED
    with django_capture_on_commit_callbacks(execute=True):
        events.record(issued, "operation", {"state": issued.state})
    assert spec_of(site.pk)["https"]["names"] == ["a.test"]
    assert Operation.objects.filter(kind="hosting.set_edge_rules").count() == 2


# --- beside everything else --------------------------------------------------------------------------------------


def test_they_wait_for_nothing_else_that_is_done_with_the_site(place: Place, site: Site) -> None:
    _site, edit = services.edit_site(place.actor, site, domains=["a.test", "b.test"])
    _site, rules, _passwords = services.set_edge_rules(place.actor, site, redirects=[to("/new")])
    edits = {reserve.resource for reserve in plan_for(edit.kind).reservations(edit.params)}
    assert not edits & {reserve.resource for reserve in plan_for(rules.kind).reservations(rules.params)}


def test_a_deleted_site_takes_its_rules_along_and_brings_them_back(place: Place, site: Site) -> None:
    services.set_edge_rules(place.actor, site, redirects=[to("/new")])
    routing.remove(site.pk)
    (resource,) = desired.edge_rules_resources(site.pk)
    assert not resource.present
    assert not [r for r in desired_state(place.edges[0]) if r.kind == "edge_rules"]
    routing.set_backend(site.pk, place.web[1])
    routing.set_routes(site.pk, "a.test")
    assert any(r.kind == "edge_rules" and r.present for r in desired.site_resources(site.pk))
    (back,) = desired.edge_rules_resources(site.pk)
    assert back.revision > resource.revision
    assert back.spec["redirects"]
    Site.objects.update(state="deleted")
    with pytest.raises(errors.Deleted):
        services.set_edge_rules(place.actor, site, redirects=[])


def test_all_edges_have_the_same_key_and_sites_without_rules_have_no_rows(place: Place, site: Site) -> None:
    found = [r for edge in place.edges for r in desired_state(edge) if r.kind.startswith("edge_rules")]
    assert {r.kind for r in found} == {"edge_rules_key"}
    assert len({r.spec["key"] for r in found}) == 1


def test_operations_say_nothing_of_passwords(place: Place, site: Site) -> None:
    door = {"path": "/staff", "users": [{"name": "bo", "password": "a long one: yes!"}]}
    services.set_edge_rules(place.actor, site, protected=[door])
    assert set(Operation.objects.get().params) == {"site", "name", "revision"}


# --- pages -------------------------------------------------------------------------------------------------------


def browser(login: Any) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(login, backend="members.backends.DirectoryBackend")
    return client


def test_each_section_has_its_form_and_changes_only_its_own(place: Place, site: Site) -> None:
    mine, page = browser(place.actor), f"/sites/{site.pk}/edge-rules/"

    def send(section: str, **values: str) -> Any:
        return mine.post(page, {"section": section, **{f"{section}-{key}": text for key, text in values.items()}})

    assert mine.get(page).status_code == 200
    redirect = {"path": "/old", "target": "/new", "below": "on", "keep_path": "on", "status": "302"}
    assert send("redirect", **redirect)["Location"] == f"{page}#redirects"
    assert send("address", path="/x", action="deny", networks="192.0.2.1\n2001:db8::/32").status_code == 302
    assert send("https", policy="hsts", max_age="86400").status_code == 302
    assert send("notice", en="Soon", es="Pronto", networks="192.0.2.9").status_code == 302
    made = send("protect", path="/staff", name="ana", open_paths="/staff/api")
    assert made.status_code == 200
    rules = EdgeRules.objects.get()
    (password,) = re.findall(r'<code class="new-password">(\w{24})</code>', made.content.decode())
    (door,) = rules.protected
    assert door["users"]["ana"] == edge_rules.digest_of(site.pk, door["lock"], "ana", password)
    assert rules.redirects[0] == {
        "path": "/old", "match": "prefix", "target": "/new", "status": 302, "keep_path": True, "keep_query": False,
    }  # fmt: skip
    assert (rules.https, rules.hsts_max_age, rules.notice_es) == ("hsts", 86400, "Pronto")
    again = send("visitor", lock=door["lock"], name="ana").content.decode()
    assert password not in again
    assert 'class="new-password"' in again
    send("visitor", lock=door["lock"], name="bo", password="a long one: yes!")
    shown = mine.get(page).content.decode()
    for text in ("/old", "192.0.2.1", "/staff/api", "ana", "bo", "Pronto"):
        assert text in shown
    assert "/staff" in mine.get(f"/sites/{site.pk}/").content.decode()
    mine.post(page, {"section": "remove_visitor", "one": door["lock"], "name": "ana"})
    assert list(EdgeRules.objects.get().protected[0]["users"]) == ["bo"]
    for section, one in (
        ("remove_redirect", "prefix /old"),
        ("remove_address", "deny /x"),
        ("unprotect", door["lock"]),
    ):
        assert mine.post(page, {"section": section, "one": one}).status_code == 302
    rules = EdgeRules.objects.get()
    assert (rules.redirects, rules.addresses, rules.protected, rules.notice_en) == ([], [], [], "Soon")


def test_errors_stand_beside_their_fields_and_what_was_typed_stays(place: Place, site: Site) -> None:
    mine, page = browser(place.actor), f"/sites/{site.pk}/edge-rules/"
    values = {"section": "redirect", "redirect-path": "/old", "redirect-target": "/old<b>", "redirect-status": "301"}
    answer = mine.post(page, values)
    shown = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="id_redirect-target_error"' in shown
    assert 'value="/old&lt;b&gt;"' in shown
    answer = mine.post(page, {**values, "redirect-target": "/old"})
    assert "round in a circle" in answer.content.decode()
    answer = mine.post(page, {"section": "protect", "protect-path": "/a;b", "protect-name": "ana"})
    assert 'id="id_protect-path_error"' in answer.content.decode()
    for wrong in ({}, {"section": "unprotect", "one": "x"}, {"section": "x" * 99}):
        assert mine.post(page, wrong).status_code == 302
    assert not EdgeRules.objects.filter(revision__gt=1).exists()
    assert browser(place.stranger).get(page).status_code == 404
    assert browser(place.stranger).post(page, values).status_code == 404


def test_staff_see_users_and_no_digest_and_take_all_rules_away(place: Place, site: Site) -> None:
    door = {"path": "/staff", "users": [{"name": "ana"}]}
    services.set_edge_rules(place.actor, site, protected=[door], redirects=[to("/new")])
    rules, staff = EdgeRules.objects.get(), browser(place.staff)
    assert staff.get("/admin/routing/edgerules/").status_code == 200
    shown = staff.get(f"/admin/routing/edgerules/{rules.pk}/change/").content.decode()
    assert "/staff: ana" in shown
    assert rules.protected[0]["users"]["ana"] not in shown
    assert staff.post(f"/admin/routing/edgerules/{rules.pk}/remove-all/").status_code == 302
    rules.refresh_from_db()
    assert (rules.protected, rules.redirects) == ([], [])
