"""Hostile and mistaken input at the public doors: a clear error beside its field, and nothing begun."""

import html
import re

import pytest

from tests.panel import Panel, fresh_name, on_host, wait_until

from . import places
from .conftest import Create, Pages

pytestmark = pytest.mark.lab

#: What somebody types, and a word that the explanation has.
NAMES = {
    "newline": ("two.test\nevil.test", "line breaks"),
    "return": ("two.test\r\nX-Evil: yes", "line breaks"),
    "null": ("nul\0.test", "characters"),
    "right to left": ("\u202etset.live.test", "control"),
    "quote": ("it's.test", "cannot be in a domain name"),
    "double quote": ('a"b.test', "cannot be in a domain name"),
    "semicolon": ("a;b.test", "cannot be in a domain name"),
    "shell": ("$(reboot).test", "cannot be in a domain name"),
    "path": ("../../etc/passwd", "path"),
    "dots": ("..test", "cannot be in a domain name"),
    "backslash": ("a\\b.test", "cannot be in a domain name"),
    "brace": ("a{b}.test", "cannot be in a domain name"),
    "homograph": ("\u0440\u0430ypal.test", "look alike"),
    "address": ("10.77.0.5", "IP address"),
    "full-width address": ("\uff11\uff10.77.0.5", "IP address"),
    "wildcard": ("*.site.test", "wildcards"),
    "long": ("a" * 9_990 + ".test", "253"),
    "long label": ("a" * 64 + ".test", "63"),
    "empty": ("", "Enter a domain name"),
    "one label": ("localhost", "dot"),
}


@pytest.mark.parametrize(("typed", "words"), NAMES.values(), ids=NAMES)
def test_name_is_refused_beside_its_field(panel: Panel, typed: str, words: str) -> None:
    sites, operations = panel.member.get("sites/")["count"], panel.member.get("operations/")["count"]
    order = panel.member.first_order()
    answer = panel.member.request(
        "POST", "sites/", expect=400, json={"order": order, "kind": "static", "domains": [fresh_name(), typed]}
    )
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert words in " ".join(answer.json()["errors"]["domains"])
    assert panel.member.get("sites/")["count"] == sites
    assert panel.member.get("operations/")["count"] == operations


def test_page_keeps_what_was_typed_and_says_what_is_wrong(panel: Panel, pages: Pages) -> None:
    path = f"/orders/{panel.member.first_order()}/sites/new/"
    pages.get(path)
    typed = "p\u0430ypal.test\nit's.test"
    answer = pages.post(path, {"kind": "static", "domains": typed})
    assert answer.status_code == 422
    text = html.unescape(answer.text)
    assert "look alike" in text
    assert "cannot be in a domain name" in text
    assert "it's.test" in text


@pytest.mark.parametrize("field", ["kind", "domains", "order", "php_workers"])
def test_ten_thousand_characters(panel: Panel, field: str) -> None:
    data = {"order": panel.member.first_order(), "kind": "static", "domains": [fresh_name()], field: "x" * 10_000}
    answer = panel.member.request("POST", "sites/", expect=400, json=data)
    assert field in answer.json()["errors"]
    assert len(answer.text) < 2_000


def test_ten_thousand_characters_in_pages(panel: Panel, pages: Pages) -> None:
    path = f"/orders/{panel.member.first_order()}/sites/new/"
    pages.get(path)
    answer = pages.post(path, {"kind": "x" * 10_000, "domains": "y" * 10_000, "idempotency_key": "z" * 10_000})
    assert answer.status_code == 422
    assert Pages(panel.url, {"username": "u" * 10_000, "password": "p" * 10_000}).log_in().status_code == 200


def test_international_name_is_kept_as_punycode_and_shown_readable(panel: Panel, create: Create, pages: Pages) -> None:
    label = fresh_name("cafe").removesuffix(".test")
    answer = create(f"\u00e9{label}.Espa\u00f1a.TEST", kind="static")
    (name,) = answer["domains"]
    assert re.fullmatch(r"xn--[a-z0-9-]+\.xn--espaa-rta\.test", name)
    readable = f"\u00e9{label}.espa\u00f1a.test"
    page = pages.get(f"/sites/{answer['site']['id']}/").text
    assert readable in page
    assert name in page
    for edge in panel.edges:
        shown = panel.fetch(edge, name)
        assert shown.status_code == 200
        assert name in shown.text or readable in shown.text


def test_name_of_another_member_is_refused_without_saying_whose(panel: Panel, create: Create) -> None:
    name = fresh_name("taken")
    create(name, kind="static")
    other = panel.api(panel.members[1])
    data = {"order": other.first_order(), "kind": "static", "domains": [name.upper()]}
    answer = other.request("POST", "sites/", expect=409, json=data)
    assert name in answer.text
    for secret in (panel.members[0]["member"], panel.members[0]["username"], "owner", "member"):
        assert secret not in answer.text


def test_what_others_have_does_not_exist(panel: Panel, create: Create) -> None:
    answer = create(kind="static")
    site, operation = answer["site"], answer["operation"]
    other = panel.api(panel.members[1])
    for path in (
        f"sites/{site['id']}/",
        f"volumes/{site['volume']}/",
        f"orders/{site['order']}/",
        f"operations/{operation['id']}/",
        f"operations/{operation['id']}/events/",
    ):
        theirs, nobodys = other.request("GET", path), other.request("GET", re.sub(r"\d+", "999999999", path))
        assert (theirs.status_code, nobodys.status_code) == (404, 404)
        assert theirs.json() == nobodys.json()
    for method, path in (
        ("PATCH", f"sites/{site['id']}/"),
        ("DELETE", f"sites/{site['id']}/"),
        ("POST", f"sites/{site['id']}/disable/"),
        ("POST", f"operations/{operation['id']}/cancel/"),
    ):
        other.request(method, path, expect=404, json={})
    data = {"order": site["order"], "kind": "static", "domains": [fresh_name()]}
    other.request("POST", "sites/", expect=404, json=data)
    assert panel.member.get(f"sites/{site['id']}/")["state"] == "active"


def test_pages_of_others_do_not_exist(panel: Panel, create: Create) -> None:
    answer = create(kind="static")
    site, operation = answer["site"], answer["operation"]
    other = Pages(panel.url, panel.members[1])
    assert other.log_in().status_code == 302
    for path in (
        f"/sites/{site['id']}/",
        f"/sites/{site['id']}/edit/",
        f"/sites/{site['id']}/delete/",
        f"/orders/{site['order']}/",
        f"/orders/{site['order']}/sites/new/",
        f"/operations/{operation['id']}/",
    ):
        assert other.get(path).status_code == 404
    assert other.post(f"/sites/{site['id']}/delete/").status_code == 404


def test_names_in_host_headers_reach_no_site(panel: Panel) -> None:
    for name in ("../../etc/passwd", "a" * 250 + ".test", "un\tknown.test", "'; DROP TABLE site; --"):
        assert panel.fetch(panel.edges[0], name).status_code in (400, 404, 421)


def test_nothing_hostile_reaches_hosts(panel: Panel, create: Create) -> None:
    """What is on hosts of a site is its number and its checked names."""
    name = fresh_name("plain")
    answer = create(name, kind="static")
    number = answer["site"]["id"]
    paths = on_host(answer["host"], "find", "/etc/nginx/controlpanel", "/srv/sites", "-maxdepth", "2").split()
    assert [path for path in paths if name in path or panel.members[0]["username"] in path] == []
    assert any(path.endswith(f"/{number}.conf") for path in paths)
    assert wait_until(lambda: places.edges_with_route(name) == list(places.EDGES), 5)
