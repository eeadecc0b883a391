"""What the agent writes for HAProxy: only what was meant, whatever comes in."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlpanel.agent.errors import AgentError, Invalid
from controlpanel.agent.haproxy import config, pages, paths
from controlpanel.agent.kinds.certificate import Certificate
from controlpanel.agent.kinds.edge import Edge
from controlpanel.agent.kinds.route import Route
from controlpanel.agent.kinds.site_route import SiteRoute

WEB2 = {"name": "web2", "address": "10.77.0.22"}
HOSTILE = [
    "a.test\n  http-request deny",
    "a.test 7",
    'a.test"',
    "a'.test",
    "%[src].test",
    "../../etc/passwd",
    "A.TEST",
    "a.test.",
    "-a.test",
    "a..test",
    "а.test",  # Cyrillic
    "a.test\x00",
    "a.test\x0b7",
    "a.test\x1c7",
    "#a.test",
    "a;b.test",
    "1.2.3.4",
    "localhost",
    "a" * 64 + ".test",
    ("a" * 60 + ".") * 5 + "test",
    "",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_name_becomes_a_route(name: str) -> None:
    with pytest.raises(AgentError):
        Route().validate(name, {"site": 1})
    with pytest.raises(AgentError):
        Route().validate("a.test", {"site": 1, "redirect_to": name})


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "localhost"])
def test_no_hostile_name_becomes_a_backend(name: str) -> None:
    with pytest.raises(AgentError):
        SiteRoute().validate("1", {"backend": name})
    with pytest.raises(AgentError):
        Edge().validate("base", {"backends": [{"name": name, "address": "10.77.0.21"}]})


@given(st.dictionaries(st.text(max_size=12), st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text()))))
def test_kinds_answer_any_spec_with_invalid_or_a_clean_one(spec: dict) -> None:
    for kind, id in ((Route(), "a.test"), (SiteRoute(), "1"), (Edge(), "base"), (Certificate(), "route-1")):
        try:
            clean = kind.validate(id, spec)
        except Invalid:
            continue
        assert "\n" not in str({key: value for key, value in clean.items() if key != "pem"})


@given(st.text())
def test_whatever_validation_lets_through_stays_one_word_of_the_configuration(name: str) -> None:
    spec = {"backends": [{"name": name, "address": "10.77.0.21"}]}
    try:
        clean = Edge().validate("base", spec)
    except Invalid:
        return
    text = Edge().files("base", clean)[-1].content.decode()
    assert config.backends_in(text) == {name}
    assert re.search(rf"^  server {re.escape(name)} 10\.77\.0\.21:80 tcp-ut 20s check$", text, re.M)


def test_a_route_cannot_lead_to_itself() -> None:
    with pytest.raises(Invalid):
        Route().validate("a.test", {"site": 1, "redirect_to": "a.test"})


def test_a_host_listed_twice_is_refused() -> None:
    backend = {"name": "web1", "address": "10.77.0.21"}
    with pytest.raises(Invalid):
        Edge().validate("base", {"backends": [backend, backend]})


def test_only_a_host_that_is_given_up_is_said_to_be_away() -> None:
    backends = [{"name": "web1", "address": "10.77.0.21", "away": False}, {"name": "web2", "address": "10.77.0.22"}]
    assert not any("away" in one for one in Edge().validate("base", {"backends": backends})["backends"])
    backends[1]["away"] = True  # type: ignore[assignment]
    clean = Edge().validate("base", {"backends": backends})
    assert [one["name"] for one in clean["backends"] if one.get("away")] == ["web2"]
    # It is told to the running process: the file stays the same, and nothing is reloaded.
    assert Edge().files("base", clean)[-1] == Edge().files("base", {"backends": [*backends[:1], WEB2]})[-1]


def test_what_changes_something_never_uses_a_connection_again() -> None:
    """It could not be sent twice when the web host closes that connection just then."""
    text = config.render([config.WebHost("web1", "10.77.0.21")])
    changing, reading = text.split("\nbackend host-web1\n")[1].split("\nbackend reads-web1\n")
    assert "option http-server-close" in changing
    assert "backup" not in changing
    assert "option http-server-close" not in reading
    assert "use_backend reads-%[var(txn.backend),bytes(5)] if only_reads\n" in text


def test_only_known_modes() -> None:
    assert SiteRoute().validate("1", {"backend": "web1"}) == {"backend": "web1", "mode": "normal"}
    with pytest.raises(Invalid):
        SiteRoute().validate("1", {"backend": "web1", "mode": "shield"})


def test_the_configuration_does_not_depend_on_the_order_of_hosts() -> None:
    one, two = config.WebHost("web1", "10.77.0.21"), config.WebHost("web2", "10.77.0.22")
    assert config.render([one, two]) == config.render([two, one])


def test_an_ipv6_host_is_written_with_brackets() -> None:
    assert "server web1 [fd00::21]:80 tcp-ut 20s check" in config.render([config.WebHost("web1", "fd00::21")])


def test_every_page_that_the_configuration_names_is_written() -> None:
    named = set(re.findall(rf"file ({paths.PAGES}/\S+)", config.render([])))
    assert named == set(config.page_files())


@pytest.mark.parametrize(("name", "page"), pages.all_pages().items())
def test_pages_stand_on_their_own_and_show_nothing_of_the_request(name: str, page: str) -> None:
    assert "%[" not in page
    assert not re.search(r"https?://|src=|<script|<link|url\(", page)
    assert "prefers-color-scheme:dark" in page
    assert len(page) < 8000  # with its headers it must fit HAProxy's buffer


def test_pages_exist_in_both_languages() -> None:
    for page, texts in pages.TEXTS.items():
        assert set(texts) == set(pages.LANGUAGES), page
        assert texts["en"].title != texts["es"].title
