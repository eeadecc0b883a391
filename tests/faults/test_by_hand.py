"""Somebody changes files on a host by hand: ``drift`` finds it, ``resync`` mends it."""

import json

import pytest

from tests.panel import Panel, fresh_name, on_host
from tests.routing.internet import settled

from . import places
from .conftest import Create

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hosts_as_found")]


def drift(host: str) -> tuple[int, list[dict[str, str]]]:
    """Exit code and differences of ``manage.py drift``."""
    result = places.manage("drift", host, "--json")
    (report,) = json.loads(result.stdout)
    assert report["error"] == ""
    return result.returncode, report["differences"]


def assert_found_and_mended(host: str, kind: str, id: str) -> None:
    code, differences = drift(host)
    assert code == 1
    assert (kind, id) in [(row["kind"], row["id"]) for row in differences]
    assert places.manage("resync", host).returncode == 0
    assert drift(host) == (0, [])


def test_vhost_edited(panel: Panel, create: Create) -> None:
    name = fresh_name("edited")
    answer = create(name)
    number = answer["site"]["id"]
    vhost = f"/etc/nginx/controlpanel/sites/{number}.conf"
    on_host(answer["host"], "sed", "-i", "s/server_name .*/server_name elsewhere.test;/", vhost)
    on_host(answer["host"], "systemctl", "reload", "nginx.service")
    assert_found_and_mended(answer["host"], "site", str(number))
    assert name in panel.fetch(panel.edges[0], name).text


def test_name_taken_off_an_edge(panel: Panel, create: Create) -> None:
    name = fresh_name("edge")
    create(name)
    settled(panel.api(), name)  # its certificate tells edges of the name once more
    on_host("edge1", "sed", "-i", f"/^{name} /d", "/etc/haproxy/controlpanel/maps/hosts.map")
    on_host("edge1", "systemctl", "reload", "haproxy.service")
    assert_found_and_mended("edge1", "route", name)
    assert name in panel.fetch(panel.edges[0], name).text


def test_volume_unmounted(panel: Panel, create: Create) -> None:
    name = fresh_name("mount")
    answer = create(name)
    number = answer["site"]["id"]
    on_host(answer["host"], "systemctl", "stop", f"site@{number}.socket", f"site@{number}.service")
    on_host(answer["host"], "umount", f"/srv/sites/{number}")
    assert_found_and_mended(answer["host"], "attachment", f"v{answer['site']['volume']}")
    for edge in panel.edges:
        assert name in panel.fetch(edge, name).text


def test_entry_taken_out_of_the_directory(panel: Panel, create: Create) -> None:
    answer = create()
    number = str(answer["site"]["id"])
    identity = f"site{number}"
    dn = next(dn for dn in places.directory_entries(identity) if dn.startswith("uid="))
    who, password = (places.panel_setting(name) for name in ("LDAP_BIND_DN", "LDAP_BIND_PASSWORD"))
    on_host("dir1", "ldapdelete", "-x", "-H", "ldapi:///", "-D", who, "-w", password, dn)
    assert_found_and_mended("dir1", "site", number)
    assert len(places.directory_entries(identity)) == 2
