"""A chain and a key as members paste them: read, put in order, and judged. Nothing of a key leaves here but the key.

Trust is not judged: whoever signs for a closed circle signs for it here, too. That a certificate is offered for the
names that were asked for only, whatever stands in it, is the edges' (``certificate`` of the agent).
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.utils import formats, timezone

from ..errors import HostingError, raise_all
from .errors import (
    EncryptedKey,
    Ended,
    KeyInChain,
    KeyOfAnother,
    NamesNothing,
    NoCertificate,
    NoKey,
    NotForServers,
    NotInChain,
    NotYetValid,
    SeveralKeys,
    TooLarge,
    TooLong,
    TooManyCertificates,
    Unreadable,
    UnreadableKey,
    WeakKey,
    WeakSignature,
)

#: Characters, before anything is looked at; certificates of one chain.
LONGEST_CHAIN, LONGEST_KEY, MOST_CERTIFICATES = 60_000, 5_000, 10
#: Characters of both together, as the agent takes them (one command to HAProxy).
MOST_TOGETHER = 14_500
#: A body has no five hyphens in it, so that no text makes it look further than once.
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----((?:[^-]|-(?!----))*)-----END \1-----")
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
#: What may go wrong in reading what a stranger has encoded.
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True)
class OwnCertificate:
    """One that edges can offer: the chain in order, without its root."""

    chain_pem: str
    key_pem: str = field(repr=False)
    #: As they stand in the certificate: lower case, punycode, "*." before wildcards.
    names: tuple[str, ...]
    fingerprint: str

    def covers(self, name: str) -> bool:
        """A wildcard stands for exactly one part."""
        return name in self.names or "*." + name.partition(".")[2] in self.names


def read(chain: str, key: str) -> OwnCertificate:
    """Raises HostingError with everything that is wrong, beside the fields ``chain`` and ``key``."""
    problems: list[HostingError] = []
    certificates: list[x509.Certificate] = []
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None
    try:
        certificates = _certificates(chain)
    except HostingError as error:
        problems.append(error)
    try:
        private = _key(key)
    except HostingError as error:
        problems.append(error)
    raise_all(problems)
    assert private is not None  # noqa: S101 (or there was a problem)
    ordered = _in_order(certificates, private)
    leaf = ordered[0]
    raise_all(list(_faults(ordered)))
    names = _names(leaf)
    if not names:
        raise NamesNothing("chain")
    chain_pem = "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in ordered)
    key_pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    if len(chain_pem) + len(key_pem) > MOST_TOGETHER:
        raise TooLarge("chain")
    return OwnCertificate(chain_pem, key_pem, tuple(names), leaf.fingerprint(hashes.SHA256()).hex())


# --- reading ----------------------------------------------------------------------------------------------------------


def _certificates(text: str) -> list[x509.Certificate]:
    if len(text) > LONGEST_CHAIN:
        raise TooLong("chain", limit=LONGEST_CHAIN)
    blocks = list(_BLOCK.finditer(text))
    if any(block[1].endswith("PRIVATE KEY") for block in blocks):
        raise KeyInChain("chain")
    found = [block[0] for block in blocks if block[1] == "CERTIFICATE"]
    if not found:
        raise NoCertificate("chain")
    if len(found) > MOST_CERTIFICATES:
        raise TooManyCertificates("chain", limit=MOST_CERTIFICATES)
    certificates: list[x509.Certificate] = []
    for number, pem in enumerate(found, 1):
        try:
            one = x509.load_pem_x509_certificate(pem.encode())
            _ = one.extensions, one.public_key(), one.subject, one.issuer  # read at the first need, else
        except _UNREADABLE:
            raise Unreadable("chain", number=number) from None
        if one not in certificates:
            certificates.append(one)
    return certificates


def _key(text: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    if len(text) > LONGEST_KEY:
        raise TooLong("key", limit=LONGEST_KEY)
    found = [block for block in _BLOCK.finditer(text) if block[1].endswith("PRIVATE KEY")]
    if not found:
        raise NoKey("key")
    if len(found) > 1:
        raise SeveralKeys("key")
    (block,) = found
    if block[1].startswith("ENCRYPTED") or "ENCRYPTED" in block[2]:
        raise EncryptedKey("key")
    try:
        key = serialization.load_pem_private_key(block[0].encode(), None)
    except _UNREADABLE:
        raise UnreadableKey("key") from None
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)) or not _is_strong(key.public_key(), 4096):
        raise WeakKey("key")
    return key


def _is_strong(key: object, most_bits: int = 16384) -> bool:
    """``most_bits``: a longer one would cost edges more time for each visitor than it is worth."""
    if isinstance(key, rsa.RSAPublicKey):
        return 2048 <= key.key_size <= most_bits
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1))


# --- judging ----------------------------------------------------------------------------------------------------------


def _in_order(
    certificates: list[x509.Certificate], key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
) -> list[x509.Certificate]:
    """That of the key first, then each by whom the one before is signed; a root at the end is left out: visitors have
    it, or do not trust it."""
    mine = key.public_key()
    leaf = next((one for one in certificates if one.public_key() == mine), None)
    if leaf is None:
        raise KeyOfAnother("key")
    chain, rest = [leaf], [one for one in certificates if one != leaf]
    while following := next((one for one in rest if _signs(one, chain[-1])), None):
        chain.append(following)
        rest.remove(following)
    if rest:
        raise NotInChain("chain", subject=_subject(rest[0]))
    return chain[:-1] if len(chain) > 1 and chain[-1].subject == chain[-1].issuer else chain


def _signs(issuer: x509.Certificate, one: x509.Certificate) -> bool:
    if one.issuer != issuer.subject:
        return False
    try:
        one.verify_directly_issued_by(issuer)
    except (InvalidSignature, *_UNREADABLE):
        return False
    return True


def _faults(chain: list[x509.Certificate]) -> Iterable[HostingError]:
    """What edges or browsers would not take."""
    now = timezone.now()
    for one in chain:
        subject = _subject(one)
        if one.not_valid_after_utc <= now:
            yield Ended("chain", subject=subject, day=_day(one.not_valid_after_utc))
        if one.not_valid_before_utc > now:
            yield NotYetValid("chain", subject=subject, day=_day(one.not_valid_before_utc))
        if not _is_signed_well(one) or not _is_strong(one.public_key()):
            yield WeakSignature("chain", subject=subject)
    try:
        purposes = chain[0].extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(purposes):
        yield NotForServers("chain")


def _is_signed_well(one: x509.Certificate) -> bool:
    try:
        return isinstance(one.signature_hash_algorithm, _HASHES)
    except UnsupportedAlgorithm:
        return False


def _names(leaf: x509.Certificate) -> Collection[str]:
    """Without those of a common name alone: browsers do not look at it."""
    try:
        listed = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return sorted({name.lower().rstrip(".") for name in listed.get_values_for_type(x509.DNSName)})


def _subject(one: x509.Certificate) -> str:
    """As people know it, shortened."""
    names = [*one.subject.get_attributes_for_oid(NameOID.COMMON_NAME), *one.subject]
    return shortened(str(names[0].value) if names else next(iter(_names(one)), "?"))


def shortened(text: str) -> str:
    """What stands in a certificate may be of any length."""
    return text if len(text) <= 80 else text[:77] + "…"


def _day(moment: datetime) -> str:
    return formats.date_format(timezone.localtime(moment), "DATE_FORMAT")
