"""Shields and packet rules as the agent renders them: whatever comes in, nothing but what was meant comes out."""

import base64
import hashlib
import ipaddress
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlpanel.agent import nftables
from controlpanel.agent.errors import AgentError, Invalid
from controlpanel.agent.haproxy import challenge, config, paths, rows, shield
from controlpanel.agent.haproxy.tables import Table
from controlpanel.agent.kinds.packet_filter import PacketFilter
from controlpanel.agent.kinds.shield import Shield, ShieldKey
from controlpanel.agent.redaction import secrets_of

SPEC = {"level": "limit", "requests": 50, "connections": 20, "blocked": [], "trusted": [], "open_paths": []}
KEY = base64.b64encode(bytes(32)).decode()
FILTER = {"addresses": ["192.0.2.7", "2001:db8::7"], "rate": 20, "burst": 60, "connections": 100, "blocked": []}
WORD = re.compile(r"\A[A-Za-z0-9./_~+=-]+\Z")

networks = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).flatmap(
    lambda address: st.integers(0, address.max_prefixlen).map(
        lambda length: str(ipaddress.ip_network(f"{address}/{length}", strict=False))
    )
)


def found(table: dict[str, str], id: str, address: str) -> str | None:
    """What HAProxy finds for a visitor: the row with the longest beginning of its address."""
    number = ipaddress.ip_address(address)
    digits = f"{int(number):0{number.max_prefixlen // 4}X}"
    key = f"{id}/{len(digits)}/{digits}"
    return next((table[key[:end]] for end in range(len(key), 0, -1) if key[:end] in table), None)


@given(
    st.lists(networks, max_size=6),
    st.lists(networks, max_size=6),
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)),
)
def test_an_address_is_found_in_the_smallest_network_that_it_is_in(
    blocked: list[str], trusted: list[str], address: ipaddress.IPv4Address
) -> None:
    trusted = [text for text in trusted if text not in blocked]
    table = shield.network_rows("12", blocked, trusted)
    around = [
        (ipaddress.ip_network(text).prefixlen, word)
        for texts, word in ((blocked, "block"), (trusted, "trust"))
        for text in texts
        if address in ipaddress.ip_network(text)
    ]
    assert found(table, "12", str(address)) == (max(around)[1] if around else None)
    assert all(WORD.match(key) for key in table)


def test_a_site_s_networks_are_not_another_s() -> None:
    table = shield.network_rows("1", ["0.0.0.0/0"], [])
    assert found(table, "1", "192.0.2.1") == "block"
    assert found(table, "12", "192.0.2.1") is None
    assert found(table, "1", "2001:db8::1") is None


@given(st.dictionaries(st.sampled_from([*SPEC, "more"]), st.one_of(st.text(), st.integers(), st.lists(st.text()))))
def test_whatever_validation_lets_through_is_rows_of_plain_words(changes: dict) -> None:
    try:
        clean = Shield().validate("12", {**SPEC, **changes})
    except Invalid:
        return
    for table in rows.of_shield("12", clean).values():
        for key, value in table.items():
            assert WORD.match(key)
            assert value is not None
            assert WORD.match(value)
            assert key.partition("/")[0] == "12"
        Table.of(table)


@pytest.mark.parametrize(
    "path", ["", "/", "api/", "/a b", "/a\n", "/a//b", "/a/../b", "/.git", "/a%2e", "/ä", "/a?b", "/a#"]
)
def test_no_odd_path_is_open(path: str) -> None:
    with pytest.raises(Invalid):
        Shield().validate("12", {**SPEC, "open_paths": [path]})


@pytest.mark.parametrize("id", ["", "0", "-1", "12 ", "12\n", "all ", "ALL", "1/8", "a"])
def test_only_ids_of_sites_and_all(id: str) -> None:
    with pytest.raises(AgentError):
        Shield().validate(id, dict(SPEC))


@pytest.mark.parametrize("network", ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8 block", "", "fe80::1%eth0", 7, "x" * 99])
def test_no_odd_network_is_listed(network: object) -> None:
    for field in ("blocked", "trusted"):
        with pytest.raises(Invalid):
            Shield().validate("12", {**SPEC, field: [network]})


def test_a_network_cannot_be_blocked_and_trusted() -> None:
    with pytest.raises(Invalid):
        Shield().validate("12", {**SPEC, "blocked": ["192.0.2.0/24"], "trusted": ["192.0.2.0/24"]})


def test_what_was_listed_before_is_taken_away() -> None:
    before = {**SPEC, "blocked": ["192.0.2.0/24", "198.51.100.0/24"], "open_paths": ["/api/"]}
    after = {**SPEC, "blocked": ["192.0.2.0/24"]}
    changed = rows.of_shield("12", after, before)
    assert changed[paths.SHIELD_NETWORKS] == {"12/8/C00002": "block", "12/8/C63364": None}
    assert changed[paths.SHIELD_PATHS] == {"12/api/": None}
    gone = rows.of_shield("12", None, before)
    assert {value for table in gone.values() for value in table.values()} == {None}


@pytest.mark.parametrize("key", ["", "a" * 44, KEY[:-1], KEY + "=", KEY.replace("A", "\n", 1)])
def test_no_weak_key(key: str) -> None:
    with pytest.raises(Invalid):
        ShieldKey().validate("base", {"key": key})


def test_the_key_is_a_secret() -> None:
    assert ShieldKey().validate("base", {"key": KEY}) == {"key": KEY}
    assert secrets_of(ShieldKey(), {"key": KEY}) == {KEY}


# --- configuration and pages -----------------------------------------------------------------------------------------


def test_the_configuration_holds_no_value_of_a_site() -> None:
    assert "12/" not in config.render([])


def test_ipv6_is_listened_on_where_there_is_any() -> None:
    assert ":::80" not in config.render([])
    assert config.render([], ipv6=True).count("v6only") == 2


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_task_page_is_allowed_by_its_own_policy(language: str) -> None:
    page = challenge.render(language).replace("%[var(txn.task)]", "f" * 64).replace("%%", "%")
    policy = re.search(r"Content-Security-Policy \"(.*?)\"", config.render([]))
    assert policy
    for tag in ("script", "style"):
        text = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        assert text
        digest = base64.b64encode(hashlib.sha256(text.group(1).encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy.group(1)
    assert "default-src 'none'" in policy.group(1)
    assert "<noscript>" in page
    assert len(page) < 8000  # with its headers it must fit HAProxy's buffer
    assert not re.search(r"https?://|src=|<link|url\(| on[a-z]+=", page)


@pytest.mark.parametrize("language", ["en", "es"])
def test_in_the_task_page_haproxy_fills_in_the_task_and_nothing_else(language: str) -> None:
    raw = challenge.render(language)
    assert re.findall(r"(?<!%)%(?!%)[^ ]*", raw.replace("%%", "")) == ['%[var(txn.task)]"']


# --- packet rules ----------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.sampled_from([*FILTER, "more"]), st.one_of(st.text(), st.integers(), st.lists(st.text()))))
def test_whatever_the_filter_lets_through_has_the_same_shape(changes: dict) -> None:
    try:
        clean = PacketFilter().validate("base", {**FILTER, **changes})
    except Invalid:
        return
    plain = nftables.render({**FILTER, "addresses": []})

    def shape(text: str) -> list[str]:
        return [re.sub(r"[0-9]+", "N", line) for line in text.splitlines() if "elements" not in line]

    assert shape(nftables.render(clean)) == shape(plain)


@pytest.mark.parametrize("network", ["192.0.2.0/24 }; flush ruleset", "192.0.2.1/24", "x", "", "::/0\n"])
def test_no_odd_network_is_filtered(network: str) -> None:
    with pytest.raises(Invalid):
        PacketFilter().validate("base", {**FILTER, "blocked": [{"network": network, "until": 4_000_000_000}]})


def test_each_address_goes_into_the_set_of_its_kind() -> None:
    text = nftables.render(FILTER)
    assert "elements = { 192.0.2.7 }" in text
    assert "elements = { 2001:db8::7 }" in text
    assert text.count("table inet controlpanel") == 3  # made, deleted, made anew: whatever was there is replaced whole


@given(st.lists(st.tuples(networks, st.integers(0, 3000)), max_size=12))
def test_blocked_networks_never_overlap_and_end_by_themselves(entries: list[tuple[str, int]]) -> None:
    text = nftables.render_blocked([{"network": network, "until": until} for network, until in entries], 1000)
    blocked = [
        (ipaddress.ip_network(network), int(seconds))
        for network, seconds in re.findall(r"\{ (\S+) timeout ([0-9]+)s \}", text)
    ]
    assert all(seconds >= 1 for _network, seconds in blocked)
    for at, (network, _seconds) in enumerate(blocked):
        assert not any(network.version == other.version and network.overlaps(other) for other, _ in blocked[at + 1 :])
    for network, until in entries:
        mine = ipaddress.ip_network(network)
        assert (until < 1001) or any(mine.version == b.version and mine.subnet_of(b) for b, _ in blocked)


def test_the_files_do_not_depend_on_the_time() -> None:
    spec = PacketFilter().validate("base", {**FILTER, "blocked": [{"network": "192.0.2.0/24", "until": 4_000_000_000}]})
    files = {file.path: file.content for file in PacketFilter().files("base", spec)}
    assert len(files) == 2
    assert json.loads(files["/etc/controlpanel/packet_filter.blocked.json"]) == spec["blocked"]
