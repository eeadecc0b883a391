"""Edge rules as visitors meet them, on every edge: each, their order, and every way round them that we know of."""

import base64
import http.client
import shlex
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlpanel.agent.haproxy import paths
from controlpanel.agent.haproxy.edge_rules import WRONG
from controlpanel.agent.haproxy.pages import TEXTS
from tests.panel import ROOT, Panel, lab, on_host, wait_until

from .live import LiveSite

pytestmark = pytest.mark.lab

#: A host of the lab that visits from an address of its own.
ELSEWHERE = "dir1"
#: Says what of a visitor's request came through.
SEEN = "<?php echo 'seen:', $_SERVER['HTTP_AUTHORIZATION'] ?? '-', ':', $_SERVER['HTTP_X_FORWARDED_USER'] ?? '-';"
#: The same place, written otherwise.
DISGUISES = (
    "/secret/page.php", "//secret/page.php", "/%73ecret/page.php", "/x/../secret/page.php", "/x/%2e%2e/secret/page.php",
    "/./secret/page.php", "/x%2f..%2fsecret/page.php", "/%2573ecret/page.php", "/SECRET/page.php", "/secret;x/page.php",
    "/secret./page.php", "/secret%20/page.php", "/x/..;/secret/page.php", "/index.php/secret/page.php",
    "/x%5c..%5csecret/page.php", "\\secret/page.php", "/secret", "/secret/", "/secret%2f",
    "/open.php/../secret/page.php", "/secret/open/../page.php",
    "/secret/open/%2e%2e/page.php", "/secret/open/..%252fpage.php", "/secret%00/page.php",
    "/%c0%ae%c0%ae/secret/page.php", "/" + "x/../" * 60 + "secret/page.php",
    "/%2525252525252573ecret/", "/secret?x", "/.well-known/acme-challenge/../../secret/page.php",
)  # fmt: skip


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def location(self) -> str:
        return str(self.headers["Location"])


def ask(edge: str, name: str, path: str = "/", tls: bool = False, method: str = "GET", **headers: str) -> Answer:
    """One request, with the path exactly as it is."""
    if tls:
        insecure = ssl.create_default_context()
        insecure.check_hostname, insecure.verify_mode = False, ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(edge, timeout=15, context=insecure)
    else:
        connection = http.client.HTTPConnection(edge, timeout=15)
    connection.putrequest(method, path, skip_host=True)
    for key, value in {"Host": name, **headers}.items():
        connection.putheader(key.replace("_", "-"), value)
    connection.endheaders()
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read().decode())
    connection.close()
    return answer


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture(scope="module")
def site(panel: Panel) -> LiveSite:
    site = LiveSite.create(panel)
    site.shell("mkdir -p web/secret/open")
    for page in ("web/secret/page.php", "web/secret/open/page.php", "web/page.php"):
        site.put(page, SEEN)
    return site


@pytest.fixture(autouse=True)
def none_again(site: LiveSite) -> Iterator[None]:
    yield
    put(site)


@pytest.fixture(scope="module")
def me(panel: Panel) -> str:
    """The address that this machine visits from."""
    return panel.edges[0].rpartition(".")[0] + ".1"


def put(site: LiveSite, **rules: Any) -> dict[str, Any]:
    """All of the site's rules, in force; the answer."""
    answer = site.api.request("PUT", f"{site.path}edge-rules/", 202, json=rules).json()
    site.api.wait(answer)
    return answer  # type: ignore[no-any-return]


def asked(site: LiveSite, path: str = "/", **options: Any) -> list[Answer]:
    """The answer of every edge."""
    return [ask(edge, site.name, path, **options) for edge in site.panel.edges]


def statuses(site: LiveSite, path: str = "/", **options: Any) -> set[int]:
    return {answer.status for answer in asked(site, path, **options)}


def elsewhere(edge: str, name: str, *asked: str, user: str = "") -> list[str]:
    """The statuses that a visitor with another address gets for these paths."""
    script = (
        f'for path; do curl -s -o /dev/null -w "%{{http_code}} " --path-as-is -m 5 -H "Host: {name}" '
        f'{shlex.join(["-u", user]) if user else ""} "http://{edge}$path"; done'
    )
    return on_host(ELSEWHERE, "sh", "-c", script, "sh", *asked, check=False).split()


def tell(edge: str, command: str) -> str:
    """Say something to an edge's HAProxy behind the panel's back."""
    script = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/admin.sock');"
        f"s.sendall({command + chr(10)!r}.encode()); print(s.recv(9999).decode())"
    )
    return on_host(edge, "python3", "-c", script)


def haproxy_of(edge: str) -> str:
    """The processes of an edge's HAProxy: another one after each reload."""
    return on_host(edge, "pgrep", "-x", "haproxy")


def edge_names(panel: Panel) -> list[str]:
    return [name for name, address in panel.hosts.items() if address in panel.edges]


# --- redirects ---------------------------------------------------------------------------------------------------


def test_redirects_lead_where_they_say_and_nowhere_else(site: LiveSite) -> None:
    new = "https://new.example"
    before = [haproxy_of(edge) for edge in edge_names(site.panel)]
    put(
        site,
        redirects=[
            {"path": "/old", "target": "/page.php"},
            {"path": "/shop", "match": "prefix", "target": f"{new}/store", "status": 308, "keep_path": True,
             "keep_query": True},
            {"path": "/shop/closed", "match": "prefix", "target": "/", "status": 302},
            {"path": "/año nuevo", "target": f"{new}/2027?from=old", "status": 307, "keep_query": True},
            {"path": "/up", "match": "prefix", "target": "/", "keep_path": True},
        ],
    )  # fmt: skip
    for path, status, location in (
        ("/old", 301, "/page.php"),
        ("/old/?x=1", 301, "/page.php"),
        ("/%6fld", 301, "/page.php"),
        ("/shop", 308, f"{new}/store"),
        ("/shop/a%20b/c/?q=1&r", 308, f"{new}/store/a%20b/c/?q=1&r"),
        ("/shop/closed/long/ago", 302, "/"),
        ("/a%C3%B1o%20nuevo?y=2", 307, f"{new}/2027?from=old&y=2"),
        # What a visitor types behind it is a path, whatever it looks like.
        ("/shop/..%2f..%2f/evil.test", None, None),
        ("/up//evil.test", 301, "/evil.test"),
        ("/up/%2f%2fevil.test", 301, "/evil.test"),
        ("/up/%5c%5cevil.test", 301, "/%5C%5Cevil.test"),
        ("/up/a%0d%0aSet-Cookie:x", 403, None),
        ("/older", 200, None),
        ("/shopping", 200, None),
        ("/OLD", 200, None),
    ):
        for answer in asked(site, path):
            if status is not None:
                assert answer.status == status, (path, answer)
            if location is not None:
                assert answer.location == location
                assert answer.headers["Cache-Control"] == "private, max-age=600"
            assert "evil.test" not in answer.location.partition("/")[0]
            assert not answer.location.startswith(("//", "/\\", "https://evil"))
            assert answer.headers["Set-Cookie"] is None
    assert statuses(site, "/page.php") == {200}
    assert [haproxy_of(edge) for edge in edge_names(site.panel)] == before


def test_a_thousand_redirects_of_which_one_is_changed(site: LiveSite) -> None:
    many = [{"path": f"/old/{number}", "target": f"/new/{number}"} for number in range(1000)]
    put(site, redirects=many)
    assert {answer.location for answer in asked(site, "/old/999")} == {"/new/999"}
    many[500]["target"] = "/elsewhere"
    operation = site.api.wait(site.api.patch(f"{site.path}edge-rules/", {"redirects": many}))
    assert len(operation["steps"]) == len(site.panel.edges)
    assert {answer.location for answer in asked(site, "/old/500")} == {"/elsewhere"}
    assert {answer.location for answer in asked(site, "/old/499")} == {"/new/499"}
    assert manage("drift", edge_names(site.panel)[0]).returncode == 0
    put(site)
    assert statuses(site, "/old/500") == {200}


# --- https -------------------------------------------------------------------------------------------------------


def test_https_is_for_names_with_a_certificate_and_authorities_are_answered_over_http(site: LiveSite) -> None:
    answer = put(site, https={"policy": "hsts", "max_age": 86400})
    assert answer["edge_rules"]["https"]["names"] == [site.name]
    for edge in site.panel.edges:
        found = ask(edge, site.name, "/page.php?a=1")
        assert (found.status, found.location) == (301, f"https://{site.name}/page.php?a=1")
        assert found.headers["Strict-Transport-Security"] is None
        assert ask(edge, site.name, "/page.php", method="POST").status == 308
        assert ask(edge, site.name, "/page.php", tls=True).headers["Strict-Transport-Security"] == "max-age=86400"
        assert ask(edge, site.name, "/.well-known/acme-challenge/abc-_1").status == 200
        assert ask(edge, site.name, "/.well-known/acme-challenge/../../page.php").status == 301
    put(site, https={"policy": "hsts", "max_age": 0, "subdomains": True})
    assert {answer.headers["Strict-Transport-Security"] for answer in asked(site, "/page.php", tls=True)} == {
        "max-age=0; includeSubDomains"
    }
    put(site, https={"policy": "redirect"})
    assert {answer.headers["Strict-Transport-Security"] for answer in asked(site, "/page.php", tls=True)} == {None}
    # A new name has its certificate, and follows, without anybody asking for it.
    alias = "www." + site.name
    site.edit(domains=[site.name, alias])
    wait_until(lambda: site.statuses("/page.php", alias) == {301}, 30, what="the new name is led to HTTPS")
    site.edit(domains=[site.name])


# --- passwords ---------------------------------------------------------------------------------------------------


def test_a_protected_path_opens_to_its_users_however_it_is_written(site: LiveSite) -> None:
    before = [haproxy_of(edge) for edge in edge_names(site.panel)]
    door = {"path": "/secret", "realm": "Área «interna»", "open_paths": ["/secret/open"]}
    answer = put(site, protected=[{**door, "users": [{"name": "ana"}, {"name": "bo", "password": "a long one: yes!"}]}])
    (made,) = answer["passwords"]
    assert (made["path"], made["user"], len(made["password"])) == ("/secret", "ana", 24)
    for path in DISGUISES:
        for edge, status in [(edge, ask(edge, site.name, path).status) for edge in site.panel.edges]:
            assert status in (401, 403, 400), (path, edge, status)
    for found in asked(site, "/secret/page.php", Accept_Language="es"):
        assert TEXTS["password"]["es"].title in found.text
        assert found.headers["WWW-Authenticate"].encode("latin-1").decode() == (
            'Basic realm="Área «interna»", charset="UTF-8"'
        )
    assert statuses(site, "/page.php") == {200}
    assert {found.text for found in asked(site, "/secret/open/page.php", Authorization=basic("x", "y"))} == {
        f"seen:{basic('x', 'y')}:-"
    }
    for user, password in (("ana", made["password"]), ("bo", "a long one: yes!")):
        for found in asked(site, "/secret/page.php", Authorization=basic(user, password)):
            assert (found.status, found.text) == (200, f"seen:-:{user}")
    # Nobody passes for a user by a header, and nobody's password is another's.
    assert {found.text for found in asked(site, "/page.php", X_Forwarded_User="ana")} == {"seen:-:-"}
    for wrong in (basic("bo", made["password"]), basic("ana", ""), "Bearer x", "Basic !", "Basic "):
        assert statuses(site, "/secret/page.php", Authorization=wrong) == {401}
    assert [haproxy_of(edge) for edge in edge_names(site.panel)] == before
    # Another path, the same door: passwords stay. A user who is taken away is out.
    (stored,) = site.api.get(f"{site.path}edge-rules/")["protected"]
    assert stored["users"] == [{"name": "ana"}, {"name": "bo"}]
    put(site, protected=[{**stored, "path": "/page.php", "open_paths": [], "users": [{"name": "ana"}]}])
    assert statuses(site, "/page.php", Authorization=basic("ana", made["password"])) == {200}
    assert statuses(site, "/page.php", Authorization=basic("bo", "a long one: yes!")) == {401}
    assert statuses(site, "/secret/page.php") == {200}


def test_who_guesses_is_stopped_for_a_minute_and_nobody_else_is(site: LiveSite) -> None:
    put(site, protected=[{"path": "/", "users": [{"name": "ana", "password": "the right one, long"}]}])
    edge, known = site.panel.edges[0], "ana:the right one, long"
    try:
        found = [ask(edge, site.name, "/", Authorization=basic("ana", f"guess {n}")).status for n in range(WRONG + 2)]
        assert (set(found), found[-2:]) == ({401, 429}, [429, 429])
        late = ask(edge, site.name, "/page.php", Authorization=basic(*known.split(":")))
        assert (late.status, late.headers["Retry-After"]) == (429, "60")
        assert ask(edge, site.name, "/page.php").status == 401
        assert elsewhere(edge, site.name, "/page.php", user=known) == ["200"]
    finally:
        for each in edge_names(site.panel):
            tell(each, "clear table wrong_passwords")


# --- addresses ---------------------------------------------------------------------------------------------------


def test_addresses_are_let_in_or_kept_out_of_the_site_or_a_path(site: LiveSite, me: str) -> None:
    edge = site.panel.edges[0]
    put(site, addresses=[{"path": "/secret", "action": "allow", "networks": [me, "2001:db8::/32"]}])
    assert statuses(site, "/secret/page.php") == {200}
    for each in site.panel.edges:
        assert elsewhere(each, site.name, "/page.php") == ["200"]
        refused = elsewhere(each, site.name, *(path for path in DISGUISES if path.startswith("/")))
        assert set(refused) <= {"403", "400"}, list(zip(DISGUISES, refused, strict=False))
    put(
        site,
        addresses=[
            {"path": "/", "action": "allow", "networks": [me.rpartition(".")[0] + ".0/24"]},
            {"path": "/secret", "action": "deny", "networks": [f"{me}/32"]},
        ],
    )
    for answer in asked(site, "/secret/page.php", Accept_Language="es"):
        assert (answer.status, TEXTS["forbidden"]["es"].title in answer.text) == (403, True)
    assert statuses(site, "/page.php") == {200}
    assert elsewhere(edge, site.name, "/secret/page.php") == ["200"]
    put(site, addresses=[{"path": "/", "action": "allow", "networks": ["192.0.2.0/24"]}])
    assert statuses(site, "/page.php") == {403}
    # The edge asks itself whether the site is well, whoever else may: this succeeds.
    site.edit(php_workers=2)


# --- maintenance -------------------------------------------------------------------------------------------------


def test_maintenance_says_what_its_members_wrote_and_some_see_the_site(site: LiveSite, me: str) -> None:
    until = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=2)
    hostile = "Back <b>soon</b> & 'fine' %[src] 100%\nSecond line"
    put(site, notice={"en": hostile, "until": until.isoformat(), "networks": []})
    site.do("maintenance", {"on": True})
    try:
        for answer in asked(site, "/page.php"):
            assert answer.status == 503
            assert (
                "<p>Back &lt;b&gt;soon&lt;/b&gt; &amp; &#x27;fine&#x27; %[src] 100%</p><p>Second line</p>"
                in answer.text
            )
            assert f"{until:%Y-%m-%d %H:%M}" in answer.text
            assert 7000 < int(answer.headers["Retry-After"]) <= 7200
        for answer in asked(site, "/page.php", Accept_Language="es"):
            assert '<p lang="en">Back' in answer.text
            assert "Se espera que vuelva" in answer.text
        put(site, notice={"es": "Ya casi", "networks": [me]})
        assert statuses(site, "/page.php") == {200}
        assert elsewhere(site.panel.edges[0], site.name, "/page.php") == ["503"]
    finally:
        site.do("maintenance", {"on": False})
    assert statuses(site, "/page.php") == {200}


# --- together ----------------------------------------------------------------------------------------------------


def test_the_order_in_which_rules_apply(site: LiveSite, me: str) -> None:
    user = {"name": "ana", "password": "the right one, long"}
    door = {"path": "/secret", "users": [user]}
    led = {"path": "/secret", "match": "prefix", "target": "/page.php", "status": 302}
    closed = {"path": "/secret", "action": "deny", "networks": [me]}
    everything = {"https": {"policy": "redirect"}, "protected": [door], "redirects": [led], "addresses": [closed]}
    put(site, **everything)
    assert statuses(site, "/secret/page.php") == {301}  # HTTPS
    assert statuses(site, "/secret/page.php", tls=True) == {403}  # then addresses
    put(site, **{**everything, "addresses": []})
    assert statuses(site, "/secret/page.php", tls=True) == {401}  # then the password
    known = basic("ana", "the right one, long")
    assert statuses(site, "/secret/page.php", tls=True, Authorization=known) == {302}  # then redirects
    site.do("maintenance", {"on": True})
    assert statuses(site, "/secret/page.php", tls=True, Authorization=known) == {503}  # maintenance before both
    site.do("maintenance", {"on": False})
    staff = site.panel.api()
    staff.wait(staff.post(f"{site.path}isolate/", {"reason": "a test"}), seconds=120)
    try:
        for answer in asked(site, "/secret/page.php", tls=True, Authorization=known):
            assert TEXTS["quarantine"]["en"].title in answer.text  # and none of it in quarantine
    finally:
        staff.wait(staff.post(f"{site.path}release/"), seconds=120)
    assert statuses(site, "/secret/page.php", tls=True) == {401}


def test_rules_stay_through_disable_delete_and_restore_and_a_move(site: LiveSite) -> None:
    put(site, protected=[{"path": "/", "users": [{"name": "ana", "password": "the right one, long"}]}])
    known = basic("ana", "the right one, long")
    site.do("disable")
    assert statuses(site, Authorization=known) == {503}
    site.do("enable")
    assert statuses(site, "/page.php") == {401}
    site.delete()
    assert statuses(site) == {404}
    for edge in edge_names(site.panel):
        assert f"{site.id}d" not in on_host(edge, "cat", paths.EDGE_DOORS)
    site.do("restore")
    assert statuses(site, "/page.php") == {401}
    assert statuses(site, "/page.php", Authorization=known) == {200}
    staff, here = site.panel.api(), site.host
    other = next(host for host in ("web1", "web2") if host != here)
    staff.wait(staff.post(f"{site.path}move/", {"host": other}), seconds=120)
    assert statuses(site, "/page.php") == {401}
    assert statuses(site, "/page.php", Authorization=known) == {200}


def manage(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_an_edge_that_was_away_has_the_rules_when_it_is_back(site: LiveSite) -> None:
    first, second = edge_names(site.panel)
    lab("cut", second)
    try:
        answer = site.api.request("PUT", f"{site.path}edge-rules/", 202, json={"redirects": [
            {"path": "/old", "target": "/page.php"}]}).json()  # fmt: skip
        edge = site.panel.hosts[first]
        wait_until(lambda: ask(edge, site.name, "/old").status == 301, 20, what="the first edge to have it")
        assert site.api.operation(answer)["state"] in ("running", "waiting")
    finally:
        lab("rejoin", second)
    site.api.wait(answer)
    assert statuses(site, "/old") == {301}
    # A row that somebody has taken away by hand is found and mended.
    tell(first, f"del map {paths.EDGE_REDIRECTS} {site.id}e/old")
    assert ask(site.panel.hosts[first], site.name, "/old").status == 200
    drift = manage("drift", first)
    assert (drift.returncode, f"edge_rules {site.id}" in " ".join(drift.stdout.split())) == (1, True)
    assert manage("resync", first).returncode == 0
    assert statuses(site, "/old") == {301}
    on_host(first, "systemctl", "restart", "haproxy")
    wait_until(lambda: _status(site.panel.hosts[first], site) == 301, 20, what="the rules after a restart")


def _status(edge: str, site: LiveSite) -> int:
    try:
        return ask(edge, site.name, "/old").status
    except OSError:
        return 0
