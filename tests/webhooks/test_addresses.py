"""Nothing is sent into a network: whatever the address looks like, and wherever its name leads at the last moment."""

import socket
from ipaddress import ip_address
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from webhooks import addresses, sending
from webhooks.addresses import Refused, allowed, check_url, resolve

INSIDE = [
    "127.0.0.1", "127.1.2.3", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
    "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "64:ff9b::7f00:1", "2002:0a00:0001::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe", "2001:db8::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_a_network_are_refused(address: str) -> None:
    assert not allowed(ip_address(address))


@pytest.mark.parametrize("address", ["9.9.9.9", "93.184.216.34", "2620:fe::9", "::ffff:9.9.9.9"])
def test_public_ones_are_not(address: str) -> None:
    assert allowed(ip_address(address))


def test_our_own_servers_are_refused_and_the_settings_networks_are_not(settings: Any) -> None:
    assert not allowed(ip_address("9.9.9.9"), {"9.9.9.9"})
    settings.WEBHOOK_ALLOWED_NETWORKS = ["10.77.0.1/32"]
    assert allowed(ip_address("10.77.0.1"))
    assert not allowed(ip_address("10.77.0.2"))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/", "ftp://example.org/", "https://", "https:///x", "//example.org/", "javascript:alert(1)",
        "https://user:pw@example.org/", "https://example.org/#x", "https://example.org:0/", "https://example.org:99999/",
        "https://exa mple.org/", "https://example.org/\r\nHost: inside", "https://example.org\\@10.0.0.1/",
        "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1:8443/x", "https://[fe80::1%25eth0]/", "https://-.-/",
        "file:///etc/passwd", "https://example.org/ñ", "x" * 600,
    ],
)  # fmt: skip
def test_addresses_that_are_none_are_refused_when_they_are_typed(url: str) -> None:
    with pytest.raises(ValidationError):
        check_url(url)


def test_names_are_kept_as_dns_has_them() -> None:
    assert check_url(" https://Büro.example.org./hook?x=1 ") == "https://xn--bro-hoa.example.org/hook?x=1"
    assert check_url("https://receiver.example:8443") == "https://receiver.example:8443/"


@given(st.text(max_size=60).map(lambda text: f"https://{text}"))
def test_whatever_is_typed_it_is_refused_or_a_clean_address(text: str) -> None:
    try:
        url = check_url(text)
    except ValidationError:
        return
    assert url.isascii() and url.isprintable() and " " not in url and "@" not in url.split("/")[2]
    assert check_url(url) == url


@pytest.mark.parametrize("found", [["10.0.0.1"], ["9.9.9.9", "10.0.0.1"], ["::1"], ["fe80::1%eth0"]])
def test_a_name_that_leads_inside_is_refused_when_it_is_looked_up(found: list[str], monkeypatch: Any) -> None:
    entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in found]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *args, **kwargs: entries)
    with pytest.raises(Refused):
        resolve("receiver.example", 443)


@pytest.mark.parametrize("name", ["2130706433", "0x7f.1", "localhost", "127.0.0.1.", "017700000001"])
def test_other_spellings_of_the_loopback_are_refused(name: str) -> None:
    assert sending.post(f"http://{name}:1/", {}, "{}").trouble in ("refused_address", "unknown_name")
