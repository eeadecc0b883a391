"""An ACME authority: account, orders, challenges, certificates. Every method may be repeated after a crash."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import josepy
import requests
from acme import challenges, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .errors import AuthorityAway, Rejected
from .network import Network

#: What RFC 8555 allows in a token, and no more than edges take.
TOKEN = re.compile(r"\A[A-Za-z0-9_-]{16,128}\Z")
#: Nothing longer is a chain that an edge could take.
_LONGEST_CHAIN = 14000


@dataclass(frozen=True)
class Order:
    """An order as the authority told it last. States: pending, ready, processing, valid, invalid."""

    url: str
    state: str
    authorizations: tuple[str, ...] = ()
    finalize: str = ""
    certificate: str = ""
    problem: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Challenge:
    """What has to be answered below ``/.well-known/acme-challenge/`` of a name, and whether it was."""

    url: str
    state: str
    token: str
    key_authorization: str
    problem: Mapping[str, Any] = field(default_factory=dict)


def new_key() -> str:
    """A private key (EC, P-256), PEM: for an account, or a certificate."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


class AcmeAuthority:
    """A conversation with the authority of a directory. All methods raise what ``errors.py`` lists."""

    def __init__(self, directory: str, key_pem: str, account_url: str = "", ca_file: str = "") -> None:
        key = serialization.load_pem_private_key(key_pem.encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  # new_key made it
        self._key = josepy.JWKEC(key=key)
        self._url = directory
        self._directory: dict[str, Any] = {}
        self.network = Network(self._key, ca_file)
        if account_url:
            self._use_account(account_url)

    # --- account -------------------------------------------------------------------------------------------------

    def register(self, contact: str = "") -> str:
        """The address of the account of our key; made where there is none. It agrees to the terms of service."""
        self.network.account = None
        contacts = (f"mailto:{contact}",) if contact else ()
        answer = self._post(
            self._place("newAccount"),
            messages.NewRegistration(contact=contacts, terms_of_service_agreed=True),
        )
        url = answer.headers.get("Location", "")
        self._use_account(url)
        return url

    def identities(self) -> list[str]:
        """By which names CAA records may allow it."""
        meta = self._documents().get("meta", {})
        return [str(name).lower() for name in meta.get("caaIdentities", []) if isinstance(name, str)]

    # --- orders --------------------------------------------------------------------------------------------------

    def order(self, name: str) -> Order:
        """A new order for one name."""
        identifier = messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=name)
        answer = self._post(self._place("newOrder"), messages.NewOrder(identifiers=[identifier]))
        return _order(answer.headers.get("Location", ""), self._json(answer))

    def read_order(self, url: str) -> Order:
        """The order now."""
        return _order(url, self._json(self._post(url, None)))

    def challenge(self, order: Order) -> Challenge:
        """The HTTP-01 challenge of an order of one name."""
        if len(order.authorizations) != 1:
            raise AuthorityAway("an order for one name has not one authorization")
        body = self._json(self._post(order.authorizations[0], None))
        for each in body.get("challenges", []):
            if each.get("type") == "http-01":
                token = str(each.get("token", ""))
                if not TOKEN.match(token):
                    raise AuthorityAway("its token is none")
                thumbprint = josepy.b64encode(self._key.thumbprint()).decode()
                problem = each.get("error") or {}
                return Challenge(str(each["url"]), str(each.get("status")), token, f"{token}.{thumbprint}", problem)
        raise Rejected("unsupported", "it offers no HTTP-01 challenge")

    def answer_at(self, url: str, key_authorization: str) -> None:
        """Let it look: edges answer its challenge by now."""
        self._post(url, challenges.HTTP01Response(key_authorization=key_authorization))

    def finalize(self, order: Order, name: str, key_pem: str) -> Order:
        """Ask for the certificate of an order that is ready."""
        key = serialization.load_pem_private_key(key_pem.encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  # new_key made it
        request = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([]))  # a common name holds 64 characters only, and nobody reads it
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        return _order(order.url, self._json(self._post(order.finalize, messages.CertificateRequest(csr=request))))

    def chain(self, order: Order) -> str:
        """The certificate of a valid order with what leads to a root, PEM."""
        text = self._post(order.certificate, None).text
        if len(text) > _LONGEST_CHAIN:
            raise AuthorityAway("its chain is longer than edges can take")
        try:
            chain = x509.load_pem_x509_certificates(text.encode())
        except ValueError as error:
            raise AuthorityAway("what it sends is no certificate") from error
        return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in chain)

    def revoke(self, chain_pem: str) -> None:
        """Take a certificate back. One that was revoked before is fine."""
        leaf = x509.load_pem_x509_certificate(chain_pem.encode())
        try:
            self._post(self._place("revokeCert"), messages.Revocation(certificate=leaf, reason=5))  # of no more use
        except Rejected as error:
            if error.code != "alreadyRevoked":
                raise

    # --- pieces --------------------------------------------------------------------------------------------------

    def _use_account(self, url: str) -> None:
        if not url:
            raise AuthorityAway("it gave the account no address")
        self.network.account = messages.RegistrationResource(body=messages.Registration(), uri=url)

    def _documents(self) -> dict[str, Any]:
        if not self._directory:
            self._directory = self._json(self.network.ask(lambda: self.network.get(self._url)))
        return self._directory

    def _place(self, name: str) -> str:
        place = self._documents().get(name)
        if not isinstance(place, str):
            raise AuthorityAway(f"its directory has no {name}")
        return place

    def _post(self, url: str, body: Any) -> requests.Response:
        nonces = self._place("newNonce")
        return self.network.ask(lambda: self.network.post(url, body, new_nonce_url=nonces))

    @staticmethod
    def _json(answer: requests.Response) -> dict[str, Any]:
        try:
            body = answer.json()
        except ValueError as error:
            raise AuthorityAway("its answer is no JSON") from error
        if not isinstance(body, dict):
            raise AuthorityAway("its answer is no JSON object")
        return body


def _order(url: str, body: Mapping[str, Any]) -> Order:
    problem = body.get("error")
    return Order(
        url=url,
        state=str(body.get("status", "")),
        authorizations=tuple(str(each) for each in body.get("authorizations", [])),
        finalize=str(body.get("finalize", "")),
        certificate=str(body.get("certificate", "")),
        problem=problem if isinstance(problem, dict) else {},
    )
