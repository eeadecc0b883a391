"""The local certificate authority: it signs the certificates of sites until ACME does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.db import connection, transaction

from .models import Authority

AUTHORITY_LIFE = timedelta(days=3653)
LIFE = timedelta(days=90)
#: Clocks differ: what was signed just now must already be valid everywhere.
_SKEW = timedelta(minutes=10)
#: Advisory lock (of this database) around making an authority: two at once would make two.
_LOCK = 0x726F7574


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, PEM; the chain begins with the leaf."""

    chain_pem: str
    key_pem: str
    not_after: datetime


@transaction.atomic
def current() -> Authority:
    """The authority that signs now; made when there is none, or when what it signs would outlive it."""
    if found := _newest_fit():
        return found
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    certificate_pem, key_pem = make()
    return _newest_fit() or Authority.objects.create(certificate_pem=certificate_pem, key_pem=key_pem)


def trusted_pem() -> str:
    """The certificates of all authorities that may have signed what is in use, newest first: for those who check."""
    current()
    found = [authority.certificate_pem for authority in Authority.objects.order_by("-pk")]
    return "".join(pem for pem in found if x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc > _now())


def _now() -> datetime:
    return datetime.now(UTC)


def make() -> tuple[str, str]:
    """A new authority's certificate and key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Control panel"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Control panel local authority"),
        ]
    )
    now = datetime.now(UTC).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(certificate), _key_pem(key)


def issue(
    authority: Authority,
    names: list[str],
    *,
    addresses: Sequence[str] = (),
    owner: str = "Hosted site",
    for_clients: bool = False,
) -> Issued:
    """A certificate for the names (punycode, lower case) and IP addresses, with a fresh key.

    ``for_clients``: whoever has it may show itself by it, too.
    """
    if not names:
        raise ValueError("a certificate needs a name")
    issuer = x509.load_pem_x509_certificate(authority.certificate_pem.encode())
    issuer_key = serialization.load_pem_private_key(authority.key_pem.encode(), None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)  # noqa: S101
    key = ec.generate_private_key(ec.SECP256R1())
    subjects: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    subjects += [x509.IPAddress(ip_address(address)) for address in addresses]
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, *([ExtendedKeyUsageOID.CLIENT_AUTH] if for_clients else [])]
    now = datetime.now(UTC).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        # No common name: browsers ignore it, it holds 64 characters only, and HAProxy would serve it as a name.
        .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, owner)]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    return Issued(_pem(certificate), _key_pem(key), now + LIFE)


def _newest_fit() -> Authority | None:
    for authority in Authority.objects.order_by("-pk"):
        certificate = x509.load_pem_x509_certificate(authority.certificate_pem.encode())
        if certificate.not_valid_after_utc > datetime.now(UTC) + LIFE:
            return authority
    return None


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
