"""What the agent accepts for a web host, and the configuration that it writes from it."""

import re
import zoneinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlpanel.agent.errors import Invalid
from controlpanel.agent.kinds.nginx import Nginx
from controlpanel.agent.kinds.site import Site
from controlpanel.agent.web import nginx, pages, php

SPEC: dict[str, Any] = {
    "kind": "php",
    "domains": ["a.test", "www.a.test"],
    "uid": 200012,
    "gid": 200012,
    "enabled": True,
    "php_workers": 4,
    "php_settings": {},
}
STATIC: dict[str, Any] = {**SPEC, "kind": "static"}


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "cobol"},
        {"domains": ["a.test;"]},
        {"domains": ["a.test\nlisten 81"]},
        {"domains": ["a.test }"]},
        {"domains": ["*.a.test"]},
        {"domains": ["~^.*$"]},
        {"domains": ["A.test"]},
        {"domains": ["münchen.test"]},
        {"domains": ["test"]},
        {"domains": ["1.2.3.4"]},
        {"domains": ["$host.test"]},
        {"domains": ['"".test']},
        {"domains": ["a.test", "a.test"]},
        {"domains": "a.test"},
        {"domains": [None]},
        {"domains": [f"n{number}.test" for number in range(201)]},
        {"uid": 0},
        {"uid": 33},
        {"uid": "200012"},
        {"uid": True},
        {"uid": 2**31},
        {"gid": 0},
        {"enabled": 1},
        {"php_workers": 0},
        {"php_workers": 10**6},
        {"php_workers": "4\npm = static"},
        {"root": "/etc"},
        {"php_settings": []},
        {"php_settings": {"disable_functions": ""}},
        {"php_settings": {"memory_limit_mb": "256M"}},
        {"php_settings": {"memory_limit_mb": 10**9}},
        {"php_settings": {"display_errors": "on"}},
        {"php_settings": {"error_reporting": 32767}},
        {"php_settings": {"timezone": "UTC\nphp_admin_value[open_basedir] = /"}},
        {"php_settings": {"timezone": "../../etc/passwd"}},
    ],
)
def test_a_bad_spec_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        Site().validate("12", {**SPEC, **change})


@pytest.mark.parametrize("id", ["0", "012", "-1", "1/2", "../1", "a", "", "1\n", "9" * 13, "1.conf"])
def test_a_site_is_a_number(id: str) -> None:
    with pytest.raises(Invalid):
        Site().validate(id, SPEC)


@pytest.mark.parametrize("edges", [["web1"], ["10.0.0.1;"], ["10.0.0.0/8"], ["0.0.0.0 2;\n"], [1], "10.0.0.1"])
def test_only_addresses_are_edges(edges: Any) -> None:
    with pytest.raises(Invalid):
        Nginx().validate("base", {"edges": edges})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["php", "a.test", "a.test\n", "x;}"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*SPEC, "other"]), ANYTHING))
def test_whatever_comes_is_refused_or_becomes_a_plain_configuration(change: dict[str, Any]) -> None:
    try:
        spec = Site().validate("12", {**SPEC, **change})
    except Invalid:
        return
    check_vhost("12", spec)
    check_php("12", spec)


# Names of zones that nobody chooses; the panel does not offer them either.
UNUSUAL = {zone for zone in zoneinfo.available_timezones() if not re.fullmatch(r"[A-Z].*", zone)}

# --- what is written ---------------------------------------------------------------------------------------------

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
SETTINGS_CHOSEN = st.fixed_dictionaries(
    {},
    optional={
        "memory_limit_mb": st.integers(32, 768),
        "upload_max_mb": st.integers(1, 1024),
        "max_execution_time": st.integers(5, 110),
        "max_input_vars": st.integers(100, 20000),
        "session_lifetime": st.integers(300, 30 * 86400),
        "display_errors": st.booleans(),
        "error_reporting": st.sampled_from(["all", "no_deprecated", "no_notices", "errors"]),
        "timezone": st.sampled_from(sorted(zoneinfo.available_timezones() - UNUSUAL)),
    },
)
SPECS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["static", "php", "wordpress"]),
        "domains": st.lists(st.builds("{}.{}.test".format, LABEL, LABEL), min_size=1, max_size=20, unique=True),
        "uid": st.integers(1000, 2**31 - 1),
        "gid": st.integers(1000, 2**31 - 1),
        "enabled": st.booleans(),
        "php_workers": st.integers(1, 500),
        "php_settings": SETTINGS_CHOSEN,
    }
)


def tokens(config: str) -> list[str]:
    """nginx's words: quoted strings, punctuation, anything else up to a blank; comments left out."""
    config = re.sub(r"(?m)^\s*#.*$", "", config)
    return re.findall(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[{};]|[^\s;{}"\']+(?:\{[^\s{}]*\})?', config)


def skeleton(words: list[str], spec: dict[str, Any], site: str) -> list[str]:
    names = set(spec["domains"])
    words = [re.sub(rf"(sites/|site ){site}\b", r"\1N", word) for word in words if word not in names]
    return ["NNm" if re.fullmatch(r"[0-9]+m", word) else word for word in words]  # the size of a request


def check_vhost(site: str, spec: dict[str, Any]) -> None:
    words = tokens(nginx.site_config(site, spec))
    if not spec["domains"]:
        assert words == []
        return
    at = words.index("server_name")
    end = words.index(";", at)
    assert words[at + 1 : end] == spec["domains"]
    plain = {**spec, "domains": ["only.test"]}
    expected = tokens(nginx.site_config("7", plain))
    assert skeleton(words, spec, site) == skeleton(expected, plain, "7")
    assert words.count("server") == 1


def keys_of(conf: str) -> list[str]:
    lines = [line for line in conf.splitlines() if "=" in line and not line.startswith(";")]
    return [line.partition("=")[0].strip() for line in lines]


def check_php(site: str, spec: dict[str, Any]) -> None:
    lines = php.conf(site, spec).splitlines()
    assert [line for line in lines if line.startswith("[")] == ["[global]", f"[site{site}]"]
    plain = {**SPEC, "kind": spec["kind"]}
    assert keys_of("\n".join(lines)) == keys_of(php.conf("7", plain))
    assert f"user = {spec['uid']}" in lines
    assert f"pm.max_children = {spec['php_workers']}" in lines
    assert php.environment(spec["uid"], spec["gid"]) == f"SITE_UID={spec['uid']}\nSITE_GID={spec['gid']}\n"


@given(SPECS, st.integers(1, 10**9))
def test_no_spec_breaks_out_of_its_place(spec: dict[str, Any], number: int) -> None:
    site = str(number)
    spec = Site().validate(site, spec)
    check_vhost(site, spec)
    check_php(site, spec)
    paths = [file.path for file in Site().files(site, spec)]
    assert all(re.fullmatch(rf"/etc/(nginx/controlpanel/sites|php/sites)/{site}\.(conf|env)", path) for path in paths)
    assert len(paths) == (1 if spec["kind"] == "static" else 3)


def test_a_static_site_runs_nothing_and_shows_no_source() -> None:
    config = nginx.site_config("12", STATIC)
    assert "fastcgi" not in config
    assert r"\.(php|phtml|phar|inc)$ { return 404; }" in config


def test_a_disabled_site_answers_503_but_its_check() -> None:
    config = nginx.site_config("12", {**SPEC, "enabled": False})
    assert "fastcgi" not in config
    assert "return 503" in config
    assert 'return 200 "site 12\\n"' in config


def test_a_link_may_only_lead_to_what_has_the_same_owner() -> None:
    config = nginx.site_config("12", STATIC)
    assert "disable_symlinks if_not_owner from=/srv/sites/12;" in config


def test_only_edges_are_believed_and_only_they_may_ask() -> None:
    config = nginx.main_config(["10.77.5.11", "2001:db8::1"])
    assert "10.77.5.11 2;" in config
    assert "set_real_ip_from 10.77.5.11;" in config
    assert "set_real_ip_from 2001:db8::1;" in config
    assert "set_real_ip_from 127" not in config
    for server in (config, nginx.site_config("12", SPEC)):
        assert "if ($controlpanel_peer = 0) { return 403; }" in server


def test_nothing_is_read_from_a_package() -> None:
    """A host whose /etc/nginx was lost gets all that nginx needs from us."""
    files = {file.path: file.content.decode() for file in Nginx().files("base", {"edges": []})}
    for config in (*files.values(), nginx.site_config("12", SPEC)):
        for included in re.findall(r"include ([^;]+);", config):
            assert included in files or included == "/etc/nginx/controlpanel/sites/*.conf"
    assert "text/css css;" in files["/etc/nginx/controlpanel/mime.types"]


def test_the_configuration_of_php_is_read_by_its_own_site_only() -> None:
    files = {file.path: file for file in Site().files("12", SPEC)}
    conf = files["/etc/php/sites/12.conf"]
    assert (conf.mode, conf.uid, conf.gid) == (0o640, 0, 200012)


# --- first page --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "file"), [("static", "index.html"), ("php", "index.php")])
def test_the_first_page_names_the_site_and_greets_in_both_languages(kind: str, file: str) -> None:
    name, text = pages.first_page("a.test", kind)
    assert name == file
    assert "a.test" in text
    assert 'lang="en"' in text
    assert 'lang="es"' in text
    assert ("<?" in text) == (kind == "php")


def test_the_first_page_shows_an_international_name_both_ways() -> None:
    text = pages.first_page("xn--mnchen-3ya.test", "static")[1]
    assert "münchen.test (xn--mnchen-3ya.test)" in text


@given(st.text(max_size=60), st.sampled_from(["static", "php"]))
def test_the_first_page_escapes_whatever_the_name_is(name: str, kind: str) -> None:
    text = pages.first_page(name, kind)[1]
    assert text.count("<h1>") == 1
    assert text.count("<script") == 0
    assert text.count("<?") == (1 if kind == "php" else 0)
