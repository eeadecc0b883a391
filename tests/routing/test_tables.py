"""The map files: edited row by row, and a hand's edit is seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlpanel.agent.haproxy import paths, rows
from controlpanel.agent.haproxy.tables import MANY, Table

names = st.from_regex(r"\A[a-z0-9]{1,3}(\.[a-z]{1,2}){1,2}\Z")
values = st.from_regex(r"\A[a-z0-9-]{1,4}\Z")
edits = st.lists(st.dictionaries(names, st.none() | values, max_size=8), max_size=8)


@given(edits)
def test_edits_leave_what_a_dictionary_would(changes: list) -> None:
    table, wanted = Table.of({}), {}
    for change in changes:
        table.edit(change)
        wanted.update(change)
        wanted = {key: value for key, value in wanted.items() if value is not None}
        assert dict(table) == wanted
        assert len(table) == len(wanted)
        again = Table(table.content)
        assert again.intact
        assert dict(again) == wanted
        for key in [*change, "not.there"]:
            assert table.get(key) == wanted.get(key)


@given(edits, st.integers(min_value=0), st.binary(min_size=1, max_size=3))
def test_any_change_by_hand_is_seen(changes: list, place: int, inserted: bytes) -> None:
    table = Table.of({"a.test": "1"})
    for change in changes:
        table.edit(change)
    content = table.content
    place %= len(content) + 1
    assert not Table(content[:place] + inserted + content[place:]).intact
    assert not Table(content[:place]).intact or place == len(content)


def test_many_edits_at_once_give_the_same_as_few() -> None:
    few, many = Table.of({"a.test": "1"}), Table.of({"a.test": "1"})
    change = {f"n{number}.test": str(number) for number in range(MANY + 1)} | {"a.test": None}
    many.edit(change)
    for key, value in change.items():
        few.edit({key: value})
    assert few.content == many.content


def test_a_name_that_ends_another_is_not_taken_for_it() -> None:
    table = Table.of({"ba.test": "1", "a.test": "2", "a.test.example": "3"})
    table.edit({"a.test": None})
    assert dict(table) == {"ba.test": "1", "a.test.example": "3"}


def test_a_certificate_is_listed_with_the_names_that_it_is_offered_for() -> None:
    table = Table.of({paths.FALLBACK_CERTIFICATE: ""})
    for spec in ({"names": ["a.test"], "pem": ""}, {"names": ["a.test", "b.test"], "pem": ""}):
        table.edit(rows.of_certificate("route-1", spec)[paths.CERTIFICATE_LIST])
    path = paths.certificate_path("route-1")
    assert dict(Table(table.content)) == {paths.FALLBACK_CERTIFICATE: "", path: "a.test b.test"}
    table.edit(rows.of_certificate("route-1", None)[paths.CERTIFICATE_LIST])
    assert table.get(path) is None


def test_a_list_keeps_the_order_of_its_rows() -> None:
    table = Table.of({paths.FALLBACK_CERTIFICATE: ""})
    table.edit({"/z.pem": "", "/a.pem": ""})
    assert [key for key, _ in Table(table.content)] == [paths.FALLBACK_CERTIFICATE, "/z.pem", "/a.pem"]


@pytest.mark.parametrize("key", ["a.test 2", "a\nb", "#a", " ", "a\x0bb", "a\x1cb", "a\x00", "é.test", " a", "a\n"])
def test_the_last_door_refuses_what_is_no_row(key: str) -> None:
    with pytest.raises(ValueError, match="not a row"):
        Table.of({key: "1"})
    with pytest.raises(ValueError, match="not a row"):
        Table.of({"a.test": key})


def test_a_file_that_is_not_ours_is_not_intact_but_can_be_read() -> None:
    foreign = b"# mine\na.test 1\n\nb.test 2"
    assert not Table(foreign).intact
    assert dict(Table(foreign)) == {}
    assert dict(Table(foreign, trust=True)) == {"a.test": "1", "b.test": "2"}


def test_resources_and_their_rows() -> None:
    assert rows.of_route("a.test", {"site": 7}) == {paths.HOSTS: {"a.test": "7"}, paths.REDIRECTS: {"a.test": None}}
    assert rows.of_route("b.test", {"site": 7, "redirect_to": "a.test"})[paths.REDIRECTS] == {"b.test": "a.test"}
    assert rows.of_site_route("7", {"backend": "web1", "mode": "normal"}) == {
        paths.BACKENDS: {"7": "host-web1"},
        paths.MODES: {"7": None},
    }
    assert rows.of_site_route("7", {"backend": "web1", "mode": "disabled"})[paths.MODES] == {"7": "disabled"}
    assert rows.of_site_route("7", None) == {paths.BACKENDS: {"7": None}, paths.MODES: {"7": None}}
