"""Sharing out sites, suggestions and what-if: pure functions, with numbers."""

import time

from hypothesis import given
from hypothesis import strategies as st

from hosting.capacity import Load, share_out, suggest, what_if_lost
from hosting.placement import HOST_MB, Candidate


def host(name: str, room_mb: int, used_mb: int = 0, active: bool = True, ready: bool = True) -> Candidate:
    return Candidate(name, active, ready, room_mb + HOST_MB, used_mb)


def test_each_site_goes_where_there_is_most_room() -> None:
    shares = share_out([Load(n, 10) for n in range(6)], [host("a", 1000, 500), host("b", 1000, 530)])

    assert {name: len(sites) for name, sites in shares.targets.items()} == {"a": 5, "b": 1}


def test_the_important_ones_get_the_last_room_and_come_first() -> None:
    loads = [Load(1, 60), Load(2, 60, (3, 0.0)), Load(3, 60, (2, 9.0)), Load(4, 60, (2, 1.0))]

    shares = share_out(loads, [host("a", 190)])

    assert shares.targets == {"a": [2, 3, 4]}
    assert shares.left == [1]


def test_a_small_site_finds_the_gap_that_a_big_one_left() -> None:
    shares = share_out([Load(1, 500, (3, 0.0)), Load(2, 50)], [host("a", 100), host("b", 60)])

    assert shares.left == [1]
    assert shares.count == 1


def test_who_is_away_or_drained_or_has_no_room_gets_nothing() -> None:
    candidates = [host("away", 999, ready=False), host("drained", 999, active=False), host("tiny", 0)]

    assert share_out([Load(1, 10)], candidates).left == [1]


def test_a_site_goes_to_who_has_its_volume_already() -> None:
    shares = share_out([Load(1, 10, bound_to="full")], [host("full", 100, 99), host("b", 1000)])

    assert shares.targets == {"full": [1]}


def test_four_thousand_sites_are_shared_out_in_no_time() -> None:
    loads = [Load(n, 24 + n % 70, (n % 3, float(n % 11))) for n in range(4000)]
    begun = time.perf_counter()

    shares = share_out(loads, [host(f"web{n}", 40_000) for n in range(20)])

    assert shares.count == 4000
    assert time.perf_counter() - begun < 1


@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(1, 3)), max_size=60),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 2000), st.booleans()), max_size=6),
)
def test_nobody_is_overfilled_lost_or_doubled(sites: list[tuple[int, int]], rooms: list[tuple[int, int, bool]]) -> None:
    loads = [Load(n, weight, (importance, 0.0)) for n, (weight, importance) in enumerate(sites)]
    hosts = [host(f"h{n}", room, used, ready=ready) for n, (room, used, ready) in enumerate(rooms)]

    shares = share_out(loads, hosts)

    given_out = [site for sites in shares.targets.values() for site in sites]
    assert sorted(given_out + shares.left) == [load.site for load in loads]
    for one in hosts:
        got = sum(loads[site].weight_mb for site in shares.targets.get(one.name, []))
        assert not got or (one.ready and one.used_mb + got <= one.capacity_mb)
    for site in shares.left:
        for one in hosts:
            got = sum(loads[site].weight_mb for site in shares.targets.get(one.name, []))
            assert not one.ready or one.used_mb + got + loads[site].weight_mb > one.capacity_mb


def test_what_if_a_host_is_lost_tonight() -> None:
    hosts = [host("web1", 1000, 300), host("web2", 1000, 500), host("web3", 1000, 900)]

    fine = what_if_lost("web1", hosts, [Load(n, 100) for n in range(3)])
    tight = what_if_lost("web1", hosts, [Load(n, 100) for n in range(9)])

    assert fine.fits
    assert fine.targets == {"web2": (3, 0.8)}
    assert not tight.fits
    assert len(tight.left) == 3
    assert sum(count for count, _full in tight.targets.values()) == 6


def test_a_full_host_is_relieved_by_few_moves_of_quiet_sites() -> None:
    hosts = [host("web1", 1000, 950), host("web2", 1000, 200)]
    loads = {"web1": [Load(1, 100, (2, 50.0)), *(Load(n, 100, (2, 0.1)) for n in range(2, 10))]}

    [suggestion] = suggest(hosts, loads)

    assert (suggestion.source, suggestion.target) == ("web1", "web2")
    assert 1 not in suggestion.sites
    assert len(suggestion.sites) <= 4
    assert suggestion.source_after < 0.85
    assert suggestion.target_after < suggestion.source_before


def test_even_hosts_are_left_alone() -> None:
    hosts = [host("web1", 1000, 500), host("web2", 1000, 450)]

    assert suggest(hosts, {"web1": [Load(1, 100)]}) == []


def test_nothing_is_suggested_to_a_host_that_takes_nothing() -> None:
    hosts = [host("web1", 1000, 950), host("web2", 1000, 0, active=False)]

    assert suggest(hosts, {"web1": [Load(1, 100)]}) == []
