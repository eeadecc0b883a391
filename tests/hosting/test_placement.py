"""Which web host takes a new site."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting import placement
from hosting.errors import NoCapacity
from hosting.placement import Candidate, choose
from tests.factories import HostFactory, SiteFactory


def host(name: str, **values: object) -> Candidate:
    usual: dict[str, object] = {"active": True, "ready": True, "memory_mb": 4096, "used_mb": 0}
    return Candidate(name=name, **{**usual, **values})  # type: ignore[arg-type]


def test_the_least_full_host_takes_it() -> None:
    assert choose([host("web1", used_mb=500), host("web2", used_mb=100), host("web3", used_mb=300)], 50).name == "web2"


def test_full_is_relative_to_what_a_host_has() -> None:
    assert choose([host("small", used_mb=200), host("large", memory_mb=64_000, used_mb=2000)], 50).name == "large"


def test_of_equals_the_first_by_name() -> None:
    assert choose([host("web3"), host("web1"), host("web2")], 50).name == "web1"


def test_a_host_that_is_away_only_when_all_are() -> None:
    assert choose([host("web1", ready=False), host("web2", used_mb=3000)], 50).name == "web2"
    assert choose([host("web1", ready=False, used_mb=9), host("web2", ready=False)], 50).name == "web2"


@pytest.mark.parametrize("state", [{"active": False}, {"used_mb": 3580}, {"memory_mb": 100}])
def test_never_a_host_that_drains_or_is_full(state: dict[str, object]) -> None:
    assert choose([host("web1", **state), host("web2", used_mb=3000)], 50).name == "web2"
    with pytest.raises(NoCapacity) as caught:
        choose([host("web1", **state)], 50)
    assert "try again" in caught.value.text.lower()


def test_no_host_at_all() -> None:
    with pytest.raises(NoCapacity):
        choose([], 1)


HOSTS = st.builds(
    Candidate,
    name=st.text("abc", min_size=1, max_size=3),
    active=st.booleans(),
    ready=st.booleans(),
    memory_mb=st.integers(0, 10_000),
    used_mb=st.integers(0, 10_000),
)


@given(st.lists(HOSTS, max_size=6), st.integers(1, 500), st.randoms())
def test_it_does_not_depend_on_the_order_of_hosts(hosts: list[Candidate], weight: int, random: object) -> None:
    def chosen() -> Candidate | None:
        try:
            return choose(hosts, weight)
        except NoCapacity:
            return None

    first = chosen()
    random.shuffle(hosts)  # type: ignore[attr-defined]
    second = chosen()
    assert (first and first.load_with(weight)) == (second and second.load_with(weight))
    assert (first and first.name) == (second and second.name)
    assert first is None or (first.active and first.load_with(weight) <= 1)


@pytest.mark.django_db
def test_sites_weigh_what_their_kind_needs_and_deleted_ones_nothing() -> None:
    web1, web2 = HostFactory(name="web1"), HostFactory(name="web2")
    SiteFactory(host=web1, kind="php", php_workers=2)
    SiteFactory(host=web1, kind="static")
    SiteFactory(host=web2, kind="static")
    SiteFactory(host=web2, kind="php", state="deleted")
    used = {candidate.name: candidate.used_mb for candidate in placement.candidates() if "web" in candidate.name}
    assert used == {"web1": 40 + 2 * 12 + 24, "web2": 24}
    assert placement.choose_host("static", 1) == web2


@pytest.mark.django_db
def test_storage_hosts_are_no_candidates() -> None:
    HostFactory(name="store1", roles=["storage"])
    assert placement.candidates() == []
