"""Keys, passwords and certificates of a lab: made once, kept for as long as its folder."""

import datetime
import json
import secrets
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from . import files
from .instance import Lab

_YEARS = datetime.timedelta(days=3650)
_PEM = serialization.Encoding.PEM


def secrets_of(lab: Lab) -> dict[str, str]:
    """The passwords and keys that the lab's services and the panel share; new ones are added to old ones."""
    path = lab.home / "secrets.json"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    wanted: dict[str, Callable[[], str]] = {
        "secret_key": lambda: secrets.token_urlsafe(64),
        "field_encryption_key": lambda: Fernet.generate_key().decode(),
        "database_password": secrets.token_urlsafe,
        "redis_password": secrets.token_urlsafe,
        "ldap_writer_password": secrets.token_urlsafe,
        "ldap_reader_password": secrets.token_urlsafe,
    }
    missing = {name: make() for name, make in wanted.items() if name not in known}
    if missing:
        known |= missing
        files.write(path, json.dumps(known, indent=2) + "\n")
    return known


def ensure_ssh_key(path: Path, comment: str) -> None:
    """An Ed25519 key in OpenSSH's format at ``path``, its public half beside it as ``.pub``."""
    public = path.with_name(path.name + ".pub")
    if path.exists() and public.exists():
        return
    key = ed25519.Ed25519PrivateKey.generate()
    private_format, no_encryption = serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    public_text = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    files.write(public, f"{public_text.decode()} {comment}\n", mode=0o644)
    files.write(path, key.private_bytes(_PEM, private_format, no_encryption).decode())


def ensure_authority(lab: Lab) -> None:
    """The lab's certificate authority: ``ca.pem`` and ``ca.key``."""
    if (lab.home / "ca.pem").exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Certificate authority of lab {lab.name}")])
    certificate = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    files.write(lab.home / "ca.key", _private_pem(key))
    files.write(lab.home / "ca.pem", certificate.public_bytes(_PEM).decode(), mode=0o644)


def issue(lab: Lab, host: str, address: IPv4Address) -> tuple[str, str]:
    """A server certificate for a host's name and address, and its private key, both PEM."""
    authority = x509.load_pem_x509_certificate((lab.home / "ca.pem").read_bytes())
    authority_key = serialization.load_pem_private_key((lab.home / "ca.key").read_bytes(), password=None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise TypeError("ca.key is not the key that ensure_authority made")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]), authority.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host), x509.IPAddress(address)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return certificate.public_bytes(_PEM).decode(), _private_pem(key)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _YEARS)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    text = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return text.decode()
