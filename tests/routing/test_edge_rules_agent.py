"""Edge rules as the agent renders them: whatever comes in, nothing but what was meant comes out."""

import base64
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlpanel.agent.errors import Invalid
from controlpanel.agent.haproxy import config, edge_rules_rows, paths, rows
from controlpanel.agent.haproxy.tables import Table
from controlpanel.agent.kinds.edge_rules import EdgeRules, EdgeRulesKey
from controlpanel.agent.redaction import secrets_of

SPEC: dict[str, Any] = {"https": None, "redirects": [], "addresses": [], "protected": [], "notice": None}
REDIRECT = {
    "path": "/a", "match": "exact", "target": "/b", "status": 301, "keep_path": False, "keep_query": False,
}  # fmt: skip
DOOR = {"lock": "0123456789ab", "path": "/a", "realm": "Staff", "open_paths": ["/a/b"], "users": {"ana": "f" * 64}}
NOTICE = {"en": "Soon", "es": "Pronto", "until": 0, "networks": []}
WORD = re.compile(r"\A[A-Za-z0-9./_~+=-]+\Z")

odd = st.one_of(
    st.text(),
    st.text().map(lambda text: "/" + text),
    st.sampled_from(
        ["/a\n/b", "/a b", '/"', "/#", "/%0a", "/é/Ñ", "//x", "/..", "https://a.test/x", "/\\x", "/=2F", ""]
    ),
)
specs = st.fixed_dictionaries(
    {
        "redirects": st.lists(st.builds(lambda p, t: {**REDIRECT, "path": p, "target": t}, odd, odd), max_size=3),
        "addresses": st.lists(
            st.builds(lambda p, n: {"path": p, "action": "allow", "networks": n}, odd, st.lists(odd, max_size=2)),
            max_size=2,
        ),
        "protected": st.lists(
            st.builds(lambda p, r, u: {**DOOR, "path": p, "realm": r, "users": {u: "f" * 64}}, odd, odd, odd),
            max_size=2,
        ),
        "notice": st.builds(lambda text: {**NOTICE, "en": text}, odd),
    }
)


@given(specs)
def test_whatever_validation_lets_through_is_rows_of_plain_words(changes: dict[str, Any]) -> None:
    for section in changes:
        try:
            clean = EdgeRules().validate("12", {**SPEC, section: changes[section]})
        except Invalid:
            continue
        for path, table in rows.of_edge_rules("12", clean).items():
            for key, value in table.items():
                assert WORD.match(key)
                assert value is not None
                assert WORD.match(value)
                assert path == paths.EDGE_OPENERS or re.match(r"12(?![0-9])", key)
            Table.of(table)


@given(st.text())
def test_what_members_write_is_text_in_the_page_and_never_markup(text: str) -> None:
    try:
        clean = EdgeRules().validate("12", {**SPEC, "notice": {**NOTICE, "en": text}})
    except Invalid:
        return
    for key, value in rows.of_edge_rules("12", clean)[paths.EDGE_NOTICES].items():
        assert not value.endswith("=")  # HAProxy would read it as something else
        html = base64.urlsafe_b64decode(value + "==").decode()
        assert re.sub(r'</?p( lang="e[ns]")?>', "", html).count("<") == 0, key


@pytest.mark.parametrize(
    "path", ["", "a", "//", "/a/", "/a//b", "/a/../b", "/.", "/a\n", "/a;b", "/a\\b", "/a%2e", "/a./b", "/a /b",
             "/" + "a" * 200, "/a" * 17],
)  # fmt: skip
def test_no_path_is_protected_that_a_visitor_s_path_never_becomes(path: str) -> None:
    for section, entry in (("addresses", {"action": "deny", "networks": ["192.0.2.1"]}), ("protected", DOOR)):
        with pytest.raises(Invalid):
            EdgeRules().validate("12", {**SPEC, section: [{**entry, "path": path}]})


@pytest.mark.parametrize(
    "target", ["", "b", "//evil.test", "/\\evil.test", "javascript:alert(1)", "https://", "https:///x", "/a b",
               "/a\r\nX: y", "https://a.test\\@b.test/", "https://u:p@a.test/", "https://a.test:99999999/",
               "ftp://a.test/", "/ä", '/"'],
)  # fmt: skip
def test_no_odd_target(target: str) -> None:
    with pytest.raises(Invalid):
        EdgeRules().validate("12", {**SPEC, "redirects": [{**REDIRECT, "target": target}]})


@pytest.mark.parametrize("id", ["", "0", "all", "12 ", "12\n", "1/2", "a"])
def test_only_ids_of_sites(id: str) -> None:
    with pytest.raises(Invalid):
        EdgeRules().validate(id, dict(SPEC))


def test_of_many_redirects_only_the_one_that_changed_is_written() -> None:
    many = [{**REDIRECT, "path": f"/old/{number}"} for number in range(1000)]
    before = {**SPEC, "redirects": many}
    after = {**SPEC, "redirects": [{**many[0], "status": 302}, *many[2:]]}
    changed = rows.of_edge_rules("12", after, before)
    assert changed == {paths.EDGE_REDIRECTS: {"12e/old/0": "302../b", "12e/old/1": None}}
    assert len(rows.of_edge_rules("12", before, before)[paths.EDGE_REDIRECTS]) == 1000  # a resync is all of them
    gone = rows.of_edge_rules("12", None, before)
    assert {value for table in gone.values() for value in table.values()} == {None}


def test_what_is_looked_for_is_what_stands_there() -> None:
    assert edge_rules_rows.path_key("/") == ""
    assert edge_rules_rows.path_key("/Año Nuevo") == "/a=C3=B1o=20nuevo"
    assert edge_rules_rows.path_key("/Ñ=X", fold=False) == "/=C3=91=3DX"
    found = rows.of_edge_rules("12", EdgeRules().validate("12", {**SPEC, "protected": [DOOR]}))
    assert found[paths.EDGE_DOORS] == {"12d/a": "0123456789ab.Staff", "12d/a/b": "open"}
    assert found[paths.EDGE_OPENERS] == {"f" * 64: "ana"}
    assert found[paths.EDGE_RULES] == {"12": "look"}


def test_https_is_a_row_a_name_and_hsts_only_what_was_chosen() -> None:
    def value(**https: Any) -> str | None:
        spec = EdgeRules().validate("12", {**SPEC, "https": {"names": ["a.test"], **https}})
        return rows.of_edge_rules("12", spec)[paths.EDGE_HTTPS]["12/a.test"]

    assert value() == "redirect"
    assert value(max_age=0) == "redirect/0"
    assert value(max_age=60, subdomains=True) == "redirect/60/sub"


def test_digests_and_the_key_are_secrets() -> None:
    assert secrets_of(EdgeRules(), {**SPEC, "protected": [DOOR]}) == {"f" * 64}
    key = base64.b64encode(bytes(32)).decode()
    assert secrets_of(EdgeRulesKey(), {"key": key}) == {key}


def test_nothing_of_a_site_stands_in_the_configuration() -> None:
    text = config.render([config.WebHost("web1", "192.0.2.1")])
    assert text.index("edge_https.map") < text.index("shields.map") < text.index("lua.edge_rules")
    assert text.index("forbidden.en") < text.index("quarantine.en") < text.index("password.en")
    assert text.index("password.en") < text.index("redirect_code") < text.index("use_backend")
