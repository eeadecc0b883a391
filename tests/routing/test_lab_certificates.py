"""Certificates of the running panel's sites, from the lab's authority: got, waited for, replaced, taken back."""

import ssl

import pytest

from tests.hosting.live import LiveSite
from tests.panel import Panel, fresh_name, kill_workers, wait_until

from .edges import get
from .internet import away, certificate_of, chain_at, is_revoked, leading, root_pem, settled

pytestmark = pytest.mark.lab


def test_every_name_of_a_new_site_gets_its_own_certificate_on_every_edge(panel: Panel) -> None:
    alias, old = fresh_name("alias"), fresh_name("old")
    site = LiveSite.create(panel, fresh_name(), alias, kind="static", redirects=[old])
    for name in (site.name, alias, old):
        row = settled(site.api, name)
        assert (row["offered"], row["site"], row["trouble"]) == (True, site.id, "")
    root = root_pem()
    for edge in panel.edges:
        for name in (site.name, alias):
            assert site.name in get(edge, name, "/", trust=root).body
        assert get(edge, old, "/x", trust=root).headers["location"] == f"https://{site.name}/x"
        assert chain_at(edge, site.name) != chain_at(edge, alias)


def test_a_name_that_leads_elsewhere_is_served_by_http_and_gets_its_certificate_when_it_is_set_right(
    panel: Panel,
) -> None:
    name = fresh_name("elsewhere")
    with leading(name):
        site = LiveSite.create(panel, name, kind="static")
        row = settled(site.api, name, "waiting")
        assert row["trouble_code"] == "dns_elsewhere"
        assert [(each["name"], each["type"], each["value"], each["now"]) for each in row["dns"]] == [
            (name, "A", edge, ["192.0.2.1"]) for edge in panel.edges
        ]
        for edge in panel.edges:
            assert get(edge, name, "/").status == 200
            with pytest.raises(ssl.SSLCertVerificationError):
                get(edge, name, "/", trust=root_pem())
    site.api.wait(site.api.post(f"certificates/{row['id']}/retry/"))
    assert settled(site.api, name)["dns"] == []
    for edge in panel.edges:
        assert get(edge, name, "/", trust=root_pem()).status == 200


def test_an_authority_that_is_away_delays_no_site_and_is_asked_again(panel: Panel) -> None:
    with away():
        site = LiveSite.create(panel, kind="static")
        row = wait_until(lambda: _of(site, "acme_away"), 60, what="the authority's silence is told")
        assert not row["offered"]
        assert get(panel.edges[0], site.name, "/").status == 200
    # It has forgotten our account: a new one is made.
    site.api.wait(site.api.post(f"certificates/{row['id']}/retry/"))
    settled(site.api, site.name)
    for edge in panel.edges:
        assert get(edge, site.name, "/", trust=root_pem()).status == 200


def _of(site: LiveSite, code: str) -> "dict | None":
    row = certificate_of(site.api, site.name)
    return row if row["trouble_code"] == code and row["retry_at"] else None


def test_a_worker_that_is_killed_in_the_middle_costs_no_certificate(panel: Panel) -> None:
    names = [fresh_name("killed") for _ in range(3)]
    site = LiveSite.create(panel, *names, kind="static")
    wait_until(lambda: certificate_of(site.api, names[0])["state"] != "due", 30, every=0.02, what="it is ordered")
    kill_workers()
    for name in names:
        settled(site.api, name, seconds=90)
    assert get(panel.edges[0], names[-1], "/", trust=root_pem()).status == 200


def test_certificates_are_taken_back_when_their_name_goes_and_when_their_site_goes(panel: Panel) -> None:
    alias = fresh_name("alias")
    site = LiveSite.create(panel, fresh_name(), alias, kind="static")
    for name in (site.name, alias):
        settled(site.api, name)
    of_alias, of_site = chain_at(panel.edges[0], alias), chain_at(panel.edges[0], site.name)
    site.edit(domains=[site.name])
    wait_until(lambda: is_revoked(of_alias), 30, what="the alias' certificate is revoked")
    assert not is_revoked(of_site)
    site.delete()
    wait_until(lambda: is_revoked(of_site), 30, what="the site's certificate is revoked")
    for edge in panel.edges:
        assert of_site != chain_at(edge, site.name)
