"""Certificates as members bring them along: of an authority of the tests' own, with one below it."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
NAMES = ("shop.example.org", "www.example.org")


def pem(one: x509.Certificate) -> str:
    return one.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: Any, password: str = "", form: Any = serialization.PrivateFormat.PKCS8) -> str:
    how = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, how).decode()  # type: ignore[no-any-return]


def a_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def signed(
    subject: str,
    key: Any,
    issuer: str,
    issuer_key: Any,
    *,
    names: tuple[str, ...] = (),
    begins: timedelta = -timedelta(days=1),
    ends: timedelta = timedelta(days=200),
    how: Any = None,
    purpose: Any = None,
) -> x509.Certificate:
    """``begins``, ``ends``: from now."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
    )
    if names:
        listed = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(listed, critical=False)
        used = x509.ExtendedKeyUsage([purpose or ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(used, critical=False)
    return builder.sign(issuer_key, how or hashes.SHA256())


class House:
    """A root, and an authority below it that signs."""

    def __init__(self) -> None:
        self.root_key, self.key = a_key(), a_key()
        self.root = signed("Root", self.root_key, "Root", self.root_key)
        self.middle = signed("Middle", self.key, "Root", self.root_key)

    def leaf(self, key: Any, *names: str, **how: Any) -> x509.Certificate:
        return signed("A shop", key, "Middle", self.key, names=names or NAMES, **how)

    def pair(self, *names: str, **how: Any) -> tuple[str, str]:
        """Chain and key for these names, as they should be."""
        key = a_key()
        return pem(self.leaf(key, *names, **how)) + pem(self.middle), key_pem(key)


@cache
def house() -> House:
    return House()
