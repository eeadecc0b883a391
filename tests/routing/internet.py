"""The lab's DNS and certificate authority, as tests turn them: names that lead elsewhere, an authority that is away."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from cryptography import x509

from controlpanel.lab.instance import Lab
from controlpanel.lab.provision.internet import ACME_UNIT, DNS_UNIT, MANAGEMENT_PORT, ZONES
from tests.panel import on_host, wait_until

from .edges import context

#: An address where nobody is.
ELSEWHERE = "192.0.2.1"


def manage(path: str) -> requests.Response:
    """What the authority (pebble) tells those who run it."""
    lab = Lab.from_environment()
    return requests.get(
        f"https://{lab.network[5]}:{MANAGEMENT_PORT}/{path}", verify=str(lab.home / "ca.pem"), timeout=10
    )


def root_pem() -> str:
    """The root that its certificates lead to; another one after each restart."""
    return manage("roots/0").text


def is_revoked(chain_pem: str) -> bool:
    """What the authority says of a certificate of its own."""
    serial = x509.load_pem_x509_certificate(chain_pem.encode()).serial_number
    digits = f"{serial:x}"
    return bool(
        manage(f"cert-status-by-serial/{digits.zfill(len(digits) + len(digits) % 2)}").json()["Status"] == "Revoked"
    )


@contextmanager
def leading(name: str, address: str = ELSEWHERE) -> Iterator[None]:
    """The DNS leads the name (and all below it) to that address; empty: it has none."""
    path = f"{ZONES}/{name}.conf"
    on_host("core1", "tee", path, input=f"address=/{name}/{address}\n")
    on_host("core1", "systemctl", "restart", DNS_UNIT)
    try:
        yield
    finally:
        on_host("core1", "rm", "-f", path)
        on_host("core1", "systemctl", "restart", DNS_UNIT)


@contextmanager
def away() -> Iterator[None]:
    """The authority does not answer. When it is back it has forgotten everything, our account too."""
    on_host("core1", "systemctl", "stop", ACME_UNIT)
    try:
        yield
    finally:
        on_host("core1", "systemctl", "start", ACME_UNIT)
        wait_until(_answers, 30, what="the lab's certificate authority is back")


def _answers() -> bool:
    try:
        return manage("roots/0").ok
    except requests.RequestException:
        return False


def certificate_of(api: Any, name: str) -> dict[str, Any]:
    """A name's certificate as the API tells it."""
    return dict(api.get("certificates/", name=name)["results"][0])


def settled(api: Any, name: str, state: str = "issued", seconds: float = 60) -> dict[str, Any]:
    """The same, once it is in that state and nobody is at it."""
    seen: dict[str, Any] = {}

    def there() -> dict[str, Any] | None:
        seen.update(certificate_of(api, name))
        return seen if seen["state"] == state and seen["retry_at"] else None

    try:
        return dict(wait_until(there, seconds))
    except AssertionError:
        raise AssertionError(f"not {state} within {seconds} s: {seen}") from None


def chain_at(edge: str, name: str) -> str:
    """The certificate that an edge offers for the name, PEM."""
    plain = socket.create_connection((edge, 443), timeout=10)
    with context("").wrap_socket(plain, server_hostname=name) as secured:
        return ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True) or b"")
