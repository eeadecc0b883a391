"""The gate of web hosts: what its kinds accept, and what they write."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlpanel.agent.errors import Invalid
from controlpanel.agent.gate import config, names, paths, rows
from controlpanel.agent.haproxy.tables import Table
from controlpanel.agent.kinds.database_gate import DatabaseGate
from controlpanel.agent.kinds.database_route import DatabaseRoute

SPEC: dict[str, Any] = {"address": "127.64.0.12", "port": 3306, "host": "10.77.0.41", "hold": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"address": "127.0.0.1"},
        {"address": "10.0.0.1"},
        {"address": "::1"},
        {"address": "127.64.0.12 x"},
        {"port": 22},
        {"port": "3306"},
        {"host": "db1"},
        {"host": "10.77.0.41/0"},
        {"hold": True},
        {"hold": -1},
        {"extra": 1},
    ],
    ids=str,
)
def test_a_route_that_is_none_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        DatabaseRoute().validate("db12", {**SPEC, **change})


@pytest.mark.parametrize("id", ["12", "db0", "db", "db1x", "db-1", "localhost", "db1\n"])
def test_only_names_of_databases_come_into_hosts(id: str) -> None:
    with pytest.raises(Invalid):
        DatabaseRoute().validate(id, SPEC)


def test_a_route_is_a_row() -> None:
    assert rows.of_way("db12", SPEC) == {paths.WAYS: {"127.64.0.12": "10.77.0.41/3306/0"}}
    assert rows.of_way("db12", {**SPEC, "hold": 7})[paths.WAYS]["127.64.0.12"] == "10.77.0.41/3306/7"
    assert rows.of_way("db12", {**SPEC, "host": "fd00::1"})[paths.WAYS]["127.64.0.12"] == "fd00__1/3306/0"
    assert rows.of_way("db12", None, SPEC) == {paths.WAYS: {"127.64.0.12": None}}
    assert rows.of_way("db12", None) == {paths.WAYS: {}}
    Table.of(rows.of_way("db12", SPEC)[paths.WAYS])  # fits a map's row


def test_the_gate_listens_on_the_loopback_only() -> None:
    binds = [line.split() for line in config.CONFIG.splitlines() if line.strip().startswith("bind ")]
    assert [line[2:] for line in binds] == [["interface", "lo"]] * 2
    assert "reject unless { dst 127.64.0.0/10 }" in config.CONFIG


def test_only_an_authority_is_taken() -> None:
    with pytest.raises(Invalid):
        DatabaseGate().validate("base", {"ca_pem": "hello"})


MINE = b"127.0.0.1 localhost\n# mine\n10.0.0.5 printer\n"


def test_the_rest_of_hosts_stays() -> None:
    text = names.written(MINE, {"db2": "127.64.0.2", "db1": "127.64.0.1"})
    assert text.startswith(MINE)
    assert b"127.64.0.1 db1.database.internal\n" in text
    assert names.in_file(text) == {"db1": "127.64.0.1", "db2": "127.64.0.2"}
    assert names.written(text, {}) == MINE


@given(
    st.dictionaries(st.integers(1, 4000).map(lambda n: f"db{n}"), st.integers(1, 250).map(lambda n: f"127.64.1.{n}"))
)
def test_what_is_written_is_read(wanted: dict[str, str]) -> None:
    text = names.written(names.written(MINE, {"db7": "127.64.0.7"}), wanted)
    assert names.in_file(text) == wanted
    assert names.written(text, wanted) == text
