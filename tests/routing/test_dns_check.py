"""What the DNS says of a name, and what follows from it. (Asking it: test_lab_certificates.py.)"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import dns_check
from routing.dns_check import Found, verdict
from tests.factories import HostFactory

OURS = frozenset({"192.0.2.10", "192.0.2.11", "2001:db8::10"})


def said(found: Found, identities: Any = lambda: ["acme.example"]) -> str:
    return str(verdict("www.a.test", found, OURS, identities).get("code", ""))


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (Found(("192.0.2.10",)), ""),
        (Found(("192.0.2.11", "2001:db8::10"), alias="a.test"), ""),
        (Found(), "dns_no_record"),
        (Found(silent=True), "dns_silent"),
        (Found(("198.51.100.1",)), "dns_elsewhere"),
        (Found(("192.0.2.10", "2001:db8::99")), "dns_partly"),
        (Found(("192.0.2.10",), caa_domain="a.test", caa_issuers=("acme.example",)), ""),
        (Found(("192.0.2.10",), caa_domain="a.test", caa_issuers=("other.example",)), "dns_caa"),
        (Found(("192.0.2.10",), caa_domain="a.test", caa_issuers=("",)), "dns_caa"),
    ],
)
def test_what_keeps_a_name_from_its_certificate(found: Found, code: str) -> None:
    assert said(found) == code


def test_an_authority_that_does_not_say_its_names_is_not_kept_by_caa() -> None:
    assert said(Found(("192.0.2.10",), caa_domain="a.test", caa_issuers=("other.example",)), list) == ""


@given(st.lists(st.ip_addresses().map(str), max_size=5))
def test_only_a_name_that_leads_nowhere_else_passes(addresses: list[str]) -> None:
    assert (said(Found(tuple(addresses))) == "") == (bool(addresses) and set(addresses) <= OURS)


@pytest.mark.django_db
def test_the_records_to_set_are_those_of_all_edges_with_what_there_is_now(settings: Any) -> None:
    HostFactory(roles=["edge"], address="192.0.2.10")
    HostFactory(roles=["edge"], address="2001:db8::10")
    now = {"addresses": ["198.51.100.1", "192.0.2.10"]}
    found = dns_check.Targets().records("a.test", 1, now)
    assert [(each.type, each.value, each.now, each.is_right) for each in found] == [
        ("A", "192.0.2.10", ("198.51.100.1", "192.0.2.10"), True),
        ("AAAA", "2001:db8::10", (), False),
    ]
    settings.EDGE_PUBLIC_ADDRESSES = ["203.0.113.1"]
    assert [each.value for each in dns_check.Targets().records("a.test", 1, now)] == ["203.0.113.1"]
    assert dns_check.our_addresses() == {"203.0.113.1", "192.0.2.10", "2001:db8::10"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("192.0.2.53:5353", ("192.0.2.53", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
    ],
)
def test_how_resolvers_are_written(text: str, place: tuple[str, int]) -> None:
    assert dns_check._place(text) == place
