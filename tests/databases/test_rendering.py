"""Settings, rules and certificates of database hosts."""

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlpanel.agent.databases import certificates, firewall
from controlpanel.agent.databases.mariadb import config as mariadb
from controlpanel.agent.databases.postgresql import config as postgresql
from controlpanel.agent.errors import Invalid
from controlpanel.agent.kinds.database_server import DatabaseServer

from .authority import BOTH, Authority

ADDRESS = "10.0.0.41"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def spec(authority: Authority, **changes) -> dict:
    whole = {
        "address": ADDRESS,
        "certificate_pem": authority.issue(ADDRESS),
        "ca_pem": authority.pem,
        "clients": ["10.0.0.21", "10.0.0.21"],
        "peers": [{"name": "db1", "address": ADDRESS}, {"name": "db2", "address": "10.0.0.42"}],
    }
    return {**whole, **changes}


def test_servers_listen_on_their_own_address_and_want_tls():
    settings = mariadb.render(ADDRESS, 256)
    assert f"bind_address = {ADDRESS}\n" in settings and "require_secure_transport = ON\n" in settings
    assert f"listen_addresses = '{ADDRESS}'\n" in postgresql.render(ADDRESS, 256)


@given(st.sets(st.ip_addresses(v=4), min_size=2))
def test_no_two_servers_have_one_number(addresses):
    numbers = {mariadb.server_id(str(address)) for address in addresses if int(address)}
    assert len(numbers) == len([address for address in addresses if int(address)])
    assert all(0 < number < 2**32 for number in numbers)


def test_only_peers_copy_and_with_a_certificate():
    rules = postgresql.render_hba(["10.0.0.42"])
    remote = [line for line in rules.splitlines() if line.startswith("host")]
    assert remote == ["hostssl all controlpanel_replication 10.0.0.42/32 trust clientcert=verify-ca"]
    assert " all all " not in rules


@given(st.lists(st.ip_addresses().map(str)))
def test_the_filter_lets_in_whom_it_is_told_and_ends_with_no(addresses):
    rules = firewall.render(addresses)
    found = set(re.findall(r"[0-9a-f]*[.:][0-9a-f.:]*", "".join(re.findall(r"elements = \{(.*)\}", rules))))
    assert {ipaddress.ip_address(text) for text in found} == {ipaddress.ip_address(text) for text in addresses}
    last = rules.strip().splitlines()[-3].strip()
    assert last == "tcp dport { 3306, 5432 } reject with tcp reset"


def test_a_valid_spec_is_normalized(authority):
    checked = DatabaseServer().validate("base", spec(authority))
    assert checked["clients"] == ["10.0.0.21"] and checked["memory_mb"] == 256


@pytest.mark.parametrize(
    "changes",
    [
        {"certificate_pem": "nonsense"},
        {"clients": ["10.0.0.21; drop"]},
        {"clients": ["0.0.0.0/0"]},
        {"peers": [{"name": "db2", "address": "x"}]},
        {"peers": [{"name": "DB 2", "address": "10.0.0.1"}]},
        {"address": "::1%eth0"},
        {"memory_mb": 1},
        {"unknown": 1},
    ],
)
def test_other_specs_are_refused(authority, changes):
    with pytest.raises(Invalid):
        DatabaseServer().validate("base", spec(authority, **changes))


def test_a_key_of_another_certificate_is_refused(authority):
    chain, _ = certificates.split(authority.issue(ADDRESS))
    _, key = certificates.split(authority.issue(ADDRESS))
    with pytest.raises(Invalid):
        DatabaseServer().validate("base", spec(authority, certificate_pem=chain + key))


def test_the_certificate_serves_its_address_and_shows_the_host_to_others(authority):
    chain, _ = certificates.split(authority.issue(ADDRESS))
    certificates.check_purpose(chain, authority.pem, ADDRESS)


@pytest.mark.parametrize("usage", BOTH)
def test_a_certificate_for_one_purpose_only_is_refused(authority, usage):
    chain, _ = certificates.split(authority.issue(ADDRESS, [usage]))
    with pytest.raises(Invalid):
        certificates.check_purpose(chain, authority.pem, ADDRESS)


def test_a_certificate_of_another_address_or_authority_is_refused(authority):
    chain, _ = certificates.split(authority.issue("10.0.0.99"))
    with pytest.raises(Invalid):
        certificates.check_purpose(chain, authority.pem, ADDRESS)
    stranger, _ = certificates.split(Authority().issue(ADDRESS))
    with pytest.raises(Invalid):
        certificates.check_purpose(stranger, authority.pem, ADDRESS)
