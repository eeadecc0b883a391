"""Certificates that members bring along, as visitors of every edge meet them."""

import ssl

import pytest

from controlpanel.agent.haproxy import paths
from tests.panel import Panel, fresh_name, on_host
from tests.routing.edges import get, lab_hosts
from tests.routing.internet import chain_at, leading, root_pem, settled

from .live import LiveSite
from .own_certificates import house, pem
from .test_lab_edge_rules import manage

pytestmark = pytest.mark.lab


def bring(site: LiveSite, *names: str, wanted: list[str] | None = None) -> str:
    """One of an authority of the tests' own for these names; its leaf, once all edges have it."""
    chain, key = house().pair(*names)
    site.api.wait(site.api.post(f"{site.path}certificates/", {"chain": chain, "key": key, "names": wanted or []}))
    return chain[: chain.index("-----END")] + "-----END CERTIFICATE-----\n"


def workers() -> dict[str, str]:
    """The processes of HAProxy: others after a reload."""
    return {name: on_host(name, "pgrep", "-x", "haproxy") for name, _address in lab_hosts("edge")}


def test_both_edges_serve_it_at_once_for_its_names_only_and_keep_it(panel: Panel) -> None:
    alias = fresh_name("alias")
    site = LiveSite.create(panel, fresh_name(), alias, kind="static")
    other = LiveSite.create(panel, kind="static", api=panel.api(panel.members[1]))
    for api, name in ((site.api, site.name), (site.api, alias), (other.api, other.name)):
        settled(api, name)
    before, theirs = workers(), chain_at(panel.edges[0], other.name)
    # It also names a site of somebody else: that one is none of its business.
    leaf = bring(site, site.name, alias, other.name, wanted=[site.name])
    assert workers() == before
    for round in ("at once", "after a reload"):
        for edge in panel.edges:
            assert chain_at(edge, site.name) == leaf, round
            assert site.name in get(edge, site.name, "/", trust=pem(house().root)).body
            assert chain_at(edge, other.name) == theirs, round
            assert chain_at(edge, alias) != leaf, round
            assert get(edge, alias, "/", trust=root_pem()).status == 200
        for name, _address in lab_hosts("edge"):
            on_host(name, "systemctl", "reload", "haproxy")
    names = [name for name, _address in lab_hosts("edge")]
    assert manage("drift", *names).returncode == 0
    # A wildcard's turn: what replaces it is there at once, too.
    second = bring(site, "*." + site.name.partition(".")[2])
    for edge in panel.edges:
        assert {chain_at(edge, name) for name in (site.name, alias)} == {second}


def test_going_back_serves_it_until_the_automatic_one_is_there(panel: Panel) -> None:
    name = fresh_name("back")
    with leading(name):
        site = LiveSite.create(panel, name, kind="static")
        settled(site.api, name, "waiting")
        leaf = bring(site, name)
        row = settled(site.api, name)
        assert row["source"] == "own"
        site.api.post(f"certificates/{row['id']}/automatic/")
        row = settled(site.api, name, "waiting")
        assert (row["offered"], row["source"], row["trouble_code"]) == (True, "own", "dns_elsewhere")
        assert {chain_at(edge, name) for edge in panel.edges} == {leaf}
    site.api.wait(site.api.post(f"certificates/{row['id']}/retry/"))
    assert settled(site.api, name)["source"] == "acme"
    for edge in panel.edges:
        assert get(edge, name, "/", trust=root_pem()).status == 200


def test_with_its_name_it_is_gone_from_every_edge(panel: Panel) -> None:
    alias = fresh_name("alias")
    site = LiveSite.create(panel, fresh_name(), alias, kind="static")
    for name in (site.name, alias):
        settled(site.api, name)
    leaf = bring(site, alias)
    site.edit(domains=[site.name])
    for edge in panel.edges:
        assert chain_at(edge, alias) != leaf
        with pytest.raises(ssl.SSLCertVerificationError):
            get(edge, alias, "/", trust=pem(house().root))
    for name, _address in lab_hosts("edge"):
        assert on_host(name, "grep", "-rlF", leaf.splitlines()[2], paths.DIRECTORY, check=False) == ""
