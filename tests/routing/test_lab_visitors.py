"""What visitors get from real edges."""

import re
import socket
import ssl

import pytest

from controlpanel.agent.haproxy.pages import TEXTS
from tests.panel import cut_off, on_host, wait_until

from .certifier import Certifier
from .conftest import Site
from .edges import ALIVE, Edge, context, fresh, get, lab_hosts, now, present, site_number

pytestmark = pytest.mark.lab

LANGUAGES = [("en", "en"), ("es", "es"), ("es-MX,en;q=0.5", "es"), ("fr,es;q=0.4", "es"), ("fr", "en"), ("", "en")]


def shows(answer, page: str, language: str) -> bool:
    return TEXTS[page][language].title in answer.body and answer.headers["content-language"] == language


@pytest.mark.parametrize(("accepts", "language"), LANGUAGES)
def test_an_unknown_name_gets_a_page_in_the_visitors_language(edges: list[Edge], accepts: str, language: str) -> None:
    for edge in edges:
        answer = edge.get(fresh("nobody"), "/", headers={"Accept-Language": accepts} if accepts else {})
        assert answer.status == 404
        assert shows(answer, "unknown", language)


@pytest.mark.parametrize(
    "name", ["no.such", "x" * 300 + ".test", "a b", "%[src]", "'\"", "..", "[::1]", "10.77.0.1:80"]
)
def test_no_name_is_echoed(edge: Edge, name: str) -> None:
    answer = edge.get(name, "/<script>")
    assert answer.status in (400, 404)
    assert name not in answer.body
    assert "<script>" not in answer.body


@pytest.mark.parametrize(("mode", "status"), [("disabled", 503), ("maintenance", 503)])
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_mode_has_its_page(site: Site, mode: str, status: int, language: str) -> None:
    site.put(mode)
    for edge in site.edges:
        answer = edge.get(site.name, "/", headers={"Accept-Language": language})
        assert answer.status == status
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["cache-control"] == "no-store"
        assert shows(answer, mode, language)


def test_a_mode_ends_at_once(site: Site) -> None:
    site.put("maintenance")
    site.put("normal")
    for edge in site.edges:
        assert edge.get(site.name).status == 200


def test_names_are_matched_without_case_port_and_final_dot(site: Site) -> None:
    for edge in site.edges:
        for name in (site.name, site.name.upper(), f"{site.name}:80", f"{site.name}.", f"{site.name}.:80"):
            assert edge.get(name).status == 200, name
        assert edge.get(f"x.{site.name}").status == 404


def test_two_host_headers_are_refused(edge: Edge) -> None:
    assert edge.get("a.test", headers={"HOST": "b.test"}).status == 400


def test_a_redirect_keeps_scheme_path_and_query(site: Site) -> None:
    old = fresh("old")
    for edge in site.edges:
        edge.apply(present("route", old, {"site": site.id, "redirect_to": site.name}))
        path = "/a/b?c=d&e=%20f"
        plain, secure = edge.get(old, path), edge.get(old, path, tls=True)
        assert (plain.status, plain.headers["location"]) == (301, f"http://{site.name}{path}")
        assert (secure.status, secure.headers["location"]) == (301, f"https://{site.name}{path}")
        assert edge.get(old, path, method="POST").status == 308  # a form is sent again, not turned into a GET
        assert edge.get(old, "//evil.test/").headers["location"] == f"http://{site.name}//evil.test/"


@pytest.fixture
def echo(site: Site) -> Site:
    """The site, with a page on its web host that shows what headers arrived."""
    conf = f"/etc/nginx/controlpanel/sites/zz-{site.id}.conf"
    names = ("x_forwarded_for", "x_forwarded_proto", "x_real_ip", "forwarded", "x_forwarded_host", "via", "host")
    text = "|".join(f"{name}=$http_{name}" for name in names)
    server = f'server {{ listen 80; server_name {site.name}; location / {{ return 200 "{text}"; }} }}\n'
    on_host(site.web, "sh", "-c", f"printf %s '{server}' > {conf} && nginx -s reload")
    # Old workers may answer a last time.
    wait_until(lambda: all("host=" in edge.get(site.name, "/").body for edge in site.edges * 5), 10, what="reloaded")
    yield site
    on_host(site.web, "sh", "-c", f"rm {conf} && nginx -s reload")


def test_the_visitors_address_cannot_be_forged(echo: Site) -> None:
    forged = {
        "X-Forwarded-For": "6.6.6.6",
        "x-forwarded-for": "7.7.7.7",
        "X_Forwarded_For": "6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Proto": "gopher",
        "Via": "6.6.6.6",
    }
    for edge in echo.edges:
        got = dict(pair.split("=", 1) for pair in edge.get(echo.name, "/", headers=forged).body.split("|"))
        own = got.pop("x_forwarded_for")
        assert re.fullmatch(r"10\.\d+\.\d+\.1", own), own  # the machine's own address in the lab
        assert got == {
            "x_forwarded_proto": "http",
            "x_real_ip": "",
            "forwarded": "",
            "x_forwarded_host": "",
            "via": "",
            "host": echo.name,
        }
        assert "x_forwarded_proto=https|" in edge.get(echo.name, "/", headers=forged, tls=True).body


# --- TLS ---------------------------------------------------------------------------------------------------------


def test_a_certificate_is_served_without_a_reload_and_verifies(site: Site, certifier: Certifier) -> None:
    for edge in site.edges:
        before = edge.agent.call("edge.stats")["info"]["Pid"]
        edge.apply(certifier.certificate(site.id, site.name))
        assert get(edge.address, site.name, trust=certifier.pem).status == 200
        assert edge.agent.call("edge.stats")["info"]["Pid"] == before


def test_more_names_and_a_renewal_reach_visitors_at_once(site: Site, certifier: Certifier) -> None:
    second = fresh("second")
    for edge in site.edges:
        edge.apply(certifier.certificate(site.id, site.name), present("route", second, {"site": site.id}))
        with pytest.raises(ssl.SSLCertVerificationError):
            get(edge.address, second, trust=certifier.pem)
        edge.apply(certifier.certificate(site.id, site.name, second))
        for name in (site.name, second):
            assert get(edge.address, name, trust=certifier.pem).status == 200


def test_http2_is_spoken_with_who_can(site: Site, certifier: Certifier) -> None:
    for edge in site.edges:
        edge.apply(certifier.certificate(site.id, site.name))
        on_host(edge.name, "sh", "-c", "cat > /run/routing-test-ca.pem", input=certifier.pem)
        for version, asked in (("2", "--http2"), ("1.1", "--http1.1")):
            got = on_host(
                edge.name, "curl", "-s", asked, "--cacert", "/run/routing-test-ca.pem", "-o", "/dev/null",
                "--resolve", f"{site.name}:443:127.0.0.1", "-w", "%{http_code} %{http_version}",
                f"https://{site.name}{ALIVE}",
            )  # fmt: skip
            assert got == f"200 {version}"


def test_an_unknown_name_gets_a_warning_and_then_the_page(edge: Edge, certifier: Certifier) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        get(edge.address, fresh("nobody"), trust=certifier.pem)
    answer = edge.get(fresh("nobody"), "/", tls=True)
    assert answer.status == 404
    assert shows(answer, "unknown", "en")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(edge: Edge) -> None:
    old = context("")
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        old.wrap_socket(socket.create_connection((edge.address, 443), timeout=5), server_hostname="a.test")


# --- dead hosts --------------------------------------------------------------------------------------------------


def test_a_dead_web_host_has_its_page_and_comes_back(edges: list[Edge], web: str) -> None:
    victim = lab_hosts("web")[-1][0]
    name, id = fresh("dead"), site_number()
    for edge in edges:
        edge.apply(present("site_route", str(id), {"backend": victim, "mode": "normal"}))
        edge.apply(present("route", name, {"site": id}))
    for edge in edges:
        wait_until(lambda edge=edge: edge.get(name).status == 200, 20)
    with cut_off(victim):
        for edge in edges:
            # Never worse than the page, from the first moment on.
            wait_until(lambda edge=edge: shows_dead(edge, name, "es"), 15, what=f"{edge.name} noticed")
            assert shows_dead(edge, name, "en")
    for edge in edges:
        wait_until(lambda edge=edge: edge.get(name).status == 200, 20, what=f"{edge.name} noticed its return")
        edge.clean()


def test_a_web_host_that_does_not_have_the_site_is_no_concern_of_the_visitor(site: Site) -> None:
    """Its site may have moved while the request was on its way."""
    for edge in site.edges:
        for method in ("GET", "POST"):
            answer = edge.get(site.name, "/a/page", method=method)
            assert answer.status == 503
            assert int(answer.headers["retry-after"]) > 0
            assert shows(answer, "maintenance", "en")


def shows_dead(edge: Edge, name: str, language: str) -> bool:
    answer = edge.get(name, "/", headers={"Accept-Language": language})
    assert answer.status == 503, answer
    assert TEXTS["dead"][language].title in answer.body
    return answer.headers.get("content-language") == language


def test_a_probe_tells_the_site_and_the_certificate(site: Site, certifier: Certifier) -> None:
    for edge in site.edges:
        edge.apply(certifier.certificate(site.id, site.name))
        answer = edge.agent.call("edge.probe", name=site.name, tls=True, expect="nothing", wait=0)
        assert answer["status"] == 421  # this web host has no such site
        assert re.fullmatch("[0-9a-f]{64}", answer["certificate"])
        assert edge.agent.call("edge.probe", name=f"x{now()}.{site.name}")["status"] == 404
