"""The local authority and what it signs."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from routing import authority
from routing.models import Authority

pytestmark = pytest.mark.django_db


def load(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def test_there_is_one_authority() -> None:
    assert authority.current() == authority.current()
    assert Authority.objects.count() == 1


def test_its_key_is_encrypted_in_the_database() -> None:
    authority.current()
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT key_pem FROM routing_authority")
        assert "PRIVATE KEY" not in cursor.fetchone()[0]


@pytest.mark.parametrize("names", [["a.test"], ["a.test", "www.a.test", "xn--a-ecp.example", "a" * 63 + ".test"]])
def test_a_certificate_verifies_for_all_its_names_and_no_other(names: list[str]) -> None:
    root = authority.current()
    issued = authority.issue(root, names)
    leaf = load(issued.chain_pem)
    builder = PolicyBuilder().store(Store([load(root.certificate_pem)]))
    for name in names:
        builder.build_server_verifier(x509.DNSName(name)).verify(leaf, [])
    with pytest.raises(VerificationError):
        builder.build_server_verifier(x509.DNSName("other.test")).verify(leaf, [])
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == names


def test_the_key_fits_its_certificate() -> None:
    issued = authority.issue(authority.current(), ["a.test"])
    key = serialization.load_pem_private_key(issued.key_pem.encode(), None)
    assert key.public_key() == load(issued.chain_pem).public_key()


def test_what_a_certificate_may_be_used_for() -> None:
    root = authority.current()
    leaf = load(authority.issue(root, ["a.test"]).chain_pem)
    assert leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value == x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.SERVER_AUTH]
    )
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert load(root.certificate_pem).extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


def test_serial_numbers_and_keys_are_never_the_same() -> None:
    root = authority.current()
    first, second = (authority.issue(root, ["a.test"]) for _ in range(2))
    assert load(first.chain_pem).serial_number != load(second.chain_pem).serial_number
    assert first.key_pem != second.key_pem


def test_a_certificate_lasts_ninety_days_and_the_authority_ten_years() -> None:
    root = authority.current()
    now = datetime.now(UTC)
    assert timedelta(days=89) < authority.issue(root, ["a.test"]).not_after - now <= timedelta(days=90)
    assert load(root.certificate_pem).not_valid_after_utc - now > timedelta(days=3650)


def test_an_authority_near_its_end_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authority, "AUTHORITY_LIFE", timedelta(days=30))
    old = authority.current()
    monkeypatch.undo()
    assert authority.current() != old
