"""Nothing that comes over the wire breaks out of its place in a host's configuration.

Of every kind of resource each field, and the id, is replaced by hostile text. The agent refuses it, or what it accepts
is plain (no character that any of the formats gives a meaning), and what is written from it has not one line more.
"""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlpanel.agent.errors import AgentError
from controlpanel.agent.haproxy import rows
from controlpanel.agent.kinds import database_server
from controlpanel.agent.kinds.base import Kind
from controlpanel.agent.kinds.registry import ROLES, Registry
from tests.security.samples import samples

SAMPLES = samples()
KINDS = Registry(ROLES).kinds

#: What no configuration format takes for anything but text.
PLAIN = re.compile(r"\A[A-Za-z0-9._:/+=,@~*\[\]-]*\Z")
#: Fields that may hold more, and what keeps them in their place.
WIDER: dict[tuple[str, str], str] = {
    ("certificate", "pem"): r"\A[A-Za-z0-9+/=\n -]*\Z",  # a file of its own, checked as PEM
    ("database_gate", "ca_pem"): r"\A[A-Za-z0-9+/=\n -]*\Z",
    ("database_server", "certificate_pem"): r"\A[A-Za-z0-9+/=\n -]*\Z",
    ("database_server", "ca_pem"): r"\A[A-Za-z0-9+/=\n -]*\Z",
    ("nss", "ca_pem"): r"\A[A-Za-z0-9+/=\n -]*\Z",
    ("nss", "base"): r"\A[A-Za-z0-9 ._=,-]*\Z",  # a DN, at the end of its line
    ("nss", "bind_dn"): r"\A[A-Za-z0-9 ._=,-]*\Z",
    ("nss", "bind_password"): r"\A[!-~]*\Z",  # ours, never a member's; no blank, at the end of its line
    ("database", "verifier"): r"\A[A-Za-z0-9+/=:$*-]*\Z",  # quoted by the driver
}

NASTY = st.sampled_from(
    [
        "\n", "\r\n", "\x00", " ", "\t", ";", "{", "}", "#", "'", '"', "`", "\\", "$", "${x}", "$(id)", "%", "%00", "|",
        "&", "<", ">", "(", ")", "*", "?", "!", "../", "/../../etc/passwd", "\u2028", "\u0085", "\u00a0", "é", "\udcff",
        "\nroot:x:0:0", ";drop table x;--", "' or '1'='1", "*)(uid=*", "\nserver evil 192.0.2.1", "}server{listen 81;",
        "\nphp_admin_value[open_basedir]=/", "\nExecStart=/bin/sh", "\r\nHost: inside", "?><?php", "\n;set map x y z",
    ]
)  # fmt: skip
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.lists(st.text(max_size=5), max_size=2),
)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each single value of a spec."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(name of the field, text) of every text in a spec; keys too."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield "", str(key)
            yield from texts(item, str(key))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item, name)
    elif isinstance(value, str):
        yield name, value


def put(spec: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    spec = copy.deepcopy(spec)
    place: Any = spec
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return spec


@st.composite
def hostile(draw: st.DrawFn, honest: Any) -> Any:
    """Something else in the place of an honest value: it with something nasty before, within or behind, or anything."""
    if not isinstance(honest, str) or draw(st.integers(0, 4)) == 0:
        return draw(st.one_of(ANYTHING, NASTY))
    at = draw(st.sampled_from([0, len(honest) // 2, len(honest)]))
    return honest[:at] + draw(NASTY) + honest[at:]


def written(kind: Kind, id: str, spec: dict[str, Any]) -> list[tuple[str, int]]:
    """The files of a resource, and how many lines each has (PEM may be broken into lines anywhere)."""
    found = [file for file in kind.files(id, spec) if b"-----BEGIN" not in file.content]
    return [(file.path, len(file.content.splitlines())) for file in found]


def rows_of(kind: str, id: str, spec: dict[str, Any]) -> Iterator[str]:
    """What would be said to HAProxy on its command line."""
    for name, make in {make: (name, make) for name, make in rows._SOURCES.values()}.values():
        if name == kind:
            for table in make(id, spec).values():
                for key, value in table.items():
                    yield from (key, value or "")


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_kind_keeps_everything_in_its_place(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_server, "_group", lambda name: 0)  # those of packages that are not here
    assert name in SAMPLES, f"tests/security/samples.py has no {name}: add one, so that its fields are attacked"
    kind, (id, spec) = KINDS[name], SAMPLES[name]
    honest = kind.validate(id, copy.deepcopy(spec))
    lines = written(kind, id, honest)
    ways = list(leaves(spec))

    @given(st.data())
    @settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def attack(data: st.DataObject) -> None:
        way = data.draw(st.sampled_from([(), *ways]))
        try:
            if way:
                place: Any = spec
                for step in way:
                    place = place[step]
                new_id, changed = id, put(spec, way, data.draw(hostile(place)))
            else:
                new_id, changed = data.draw(hostile(id).filter(lambda one: isinstance(one, str))), copy.deepcopy(spec)
            accepted = kind.validate(new_id, changed)
        except AgentError:
            return
        assert PLAIN.match(new_id), new_id
        for field, text in texts(accepted):
            assert re.match(WIDER.get((name, field), PLAIN.pattern), text), (field, text)
        for word in rows_of(name, new_id, accepted):
            assert word.isprintable() and not set(word) & set(" ;\\\"'#"), word
        if new_id == id:
            assert [count for _path, count in written(kind, id, accepted)] == [count for _path, count in lines]

    attack()


def test_what_no_kind_has_is_refused() -> None:
    """A field that nobody reads is an error: it may be one that a later release gives a meaning."""
    for name, (id, spec) in SAMPLES.items():
        with pytest.raises(AgentError):
            KINDS[name].validate(id, {**copy.deepcopy(spec), "unknown": "x"})
