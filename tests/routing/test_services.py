"""Rows: revisions only rise, names belong to one site, certificates follow the names."""

import pytest

from controlpanel.fleet.choices import HostState
from controlpanel.fleet.models import Host
from routing import selectors, services
from routing.choices import Mode
from routing.models import Backend, Certificate, Route
from tests.factories import HostFactory

pytestmark = pytest.mark.django_db


def make_site(site_id: int = 1, primary: str = "a.test", **names: list[str]) -> Backend:
    backend = services.set_backend(site_id, HostFactory())
    services.set_routes(site_id, primary, **names)
    return backend


def route(name: str) -> Route:
    return Route.objects.get(name=name)


def test_a_new_site_has_routes_and_a_certificate_for_each_of_its_names() -> None:
    make_site(serving=["a.test", "b.test"], redirects=["old.test"])
    assert {(r.name, r.redirect_to) for r in selectors.routes_of(1)} == {
        ("a.test", ""),
        ("b.test", ""),
        ("old.test", "a.test"),
    }
    assert selectors.names_with_certificate(1) == {"a.test", "b.test", "old.test"}


def test_the_same_again_changes_no_revision() -> None:
    make_site(serving=["b.test"])
    host = Backend.objects.get().host
    before = [list(model.objects.values()) for model in (Backend, Route, Certificate)]
    services.set_backend(1, host)
    services.set_routes(1, "a.test", ["b.test"])
    assert [list(model.objects.values()) for model in (Backend, Route, Certificate)] == before


def test_another_host_or_mode_raises_the_revision() -> None:
    make_site()
    assert services.set_backend(1, HostFactory()).revision == 2
    assert services.set_mode(1, Mode.DISABLED).revision == 3
    assert services.set_mode(1, Mode.DISABLED).revision == 3


def test_a_name_taken_away_stays_as_removed_with_a_higher_revision() -> None:
    make_site(serving=["b.test"])
    services.set_routes(1, "a.test")
    assert route("b.test").removed
    assert route("b.test").revision == 3  # told of, got a certificate, removed
    assert not route("a.test").removed
    assert selectors.names_with_certificate(1) == {"a.test"}


def test_a_name_that_comes_back_goes_on_from_its_revision() -> None:
    make_site(serving=["b.test"])
    services.set_routes(1, "a.test")
    services.set_routes(1, "a.test", ["b.test"])
    assert not route("b.test").removed
    assert route("b.test").revision > 3


def test_a_free_name_goes_to_another_site_with_a_higher_revision() -> None:
    make_site(serving=["b.test"])
    services.set_routes(1, "a.test")
    make_site(2, "b.test")
    assert route("b.test").backend.site_id == 2
    assert route("b.test").revision > 3


def test_a_name_of_another_site_is_refused_and_nothing_changes() -> None:
    make_site(serving=["b.test"])
    services.set_backend(2, HostFactory())
    with pytest.raises(services.NameTaken) as refused:
        services.set_routes(2, "c.test", ["b.test"])
    assert refused.value.name == "b.test"
    assert not Route.objects.filter(name="c.test").exists()


@pytest.mark.parametrize(
    "name", ["A.test", "a.test\n", "a test", "ñ.test", "test", "a..test", "*.a.test", "a" * 254, ""]
)
def test_only_names_in_lower_case_and_punycode(name: str) -> None:
    services.set_backend(1, HostFactory())
    with pytest.raises(ValueError, match="not a domain name"):
        services.set_routes(1, "a.test", [name])


def test_a_removed_site_is_gone_for_all_readers_and_its_names_are_free() -> None:
    make_site(serving=["b.test"])
    services.remove(1)
    assert selectors.backend_of(1) is None
    assert not selectors.routes_of(1).exists()
    assert selectors.names_with_certificate(1) == set()
    assert selectors.certificate_of("a.test") is None
    before = route("b.test").revision
    make_site(2, "b.test")
    assert selectors.routes_of(2).get().revision > before


def test_removing_twice_is_removing_once() -> None:
    make_site()
    services.remove(1)
    services.remove(1)
    services.remove(99)
    assert Backend.objects.get().revision == 2


def test_a_removed_site_can_come_back() -> None:
    make_site()
    services.remove(1)
    before = route("a.test").revision, Certificate.objects.get().revision
    services.set_backend(1, HostFactory())
    services.set_routes(1, "a.test")
    assert selectors.backend_of(1).revision == 3
    assert selectors.routes_of(1).get().revision > before[0]
    assert selectors.certificate_of("a.test").revision > before[1]


def test_a_new_web_host_raises_the_revision_that_edges_are_told() -> None:
    host = HostFactory()
    assert services.edge_base().revision == 1
    assert services.edge_base().revision == 1
    other = HostFactory()
    assert services.edge_base().revision == 2
    other.delete()
    host.address = "10.77.9.9"
    host.save()
    base = services.edge_base()
    assert base.revision == 3
    assert base.backends == [{"name": host.name, "address": "10.77.9.9"}]


def test_edges_are_told_that_a_fenced_host_is_given_up_and_when_it_is_back() -> None:
    host = HostFactory(state=HostState.FENCED)
    assert services.edge_base().backends == [{"name": host.name, "address": host.address, "away": True}]
    Host.objects.update(state=HostState.ACTIVE)
    base = services.edge_base()
    assert (base.revision, base.backends) == (2, [{"name": host.name, "address": host.address}])


def test_edges_are_told_once_of_each_change_of_web_hosts() -> None:
    HostFactory()
    assert services.sync_if_needed() is None  # there is no edge yet
    edge = HostFactory(roles=["edge"])
    operation = services.sync_if_needed()
    assert [step.host for step in operation.steps.all()] == [edge.name]
    assert services.sync_if_needed() is None
    HostFactory()
    services.edge_base()  # somebody has looked meanwhile
    assert services.sync_if_needed() is not None
    assert services.sync_if_needed() is None


def test_edges_leave_out_the_fenced() -> None:
    edge = HostFactory(roles=["edge"])
    HostFactory(roles=["edge"], state="fenced")
    HostFactory()
    assert list(selectors.edges()) == [edge]
