"""An app with codes and a hardware key, in software: what people hold in their hands."""

import base64
import json
import secrets
import time

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import sha256, websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData


def code_of(secret: str, later: int = 0) -> str:
    """What an app shows now, or ``later`` half minutes from now."""
    return format_hotp_value(hotp_value(secret.replace(" ", ""), int(time.time()) // 30 + later))


class SoftKey:
    """A key that signs whatever its browser asks it to, for one site."""

    def __init__(self, host: str = "testserver") -> None:
        self.host = host
        self.origin = f"https://{host}"
        self.id = secrets.token_bytes(16)
        self.private = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: dict) -> str:
        """The answer of ``navigator.credentials.create``, as static/js/keys.js sends it."""
        public = ES256.from_cryptography_key(self.private.public_key())
        credential = AttestedCredentialData.create(bytes(16), self.id, public)
        data = AuthenticatorData.create(sha256(self.host.encode()), 0x45, 0, credential)
        attestation = AttestationObject.create("none", data, {})
        client = self._client("webauthn.create", options)
        return self._answer({"clientDataJSON": client, "attestationObject": attestation})

    def get(self, options: dict) -> str:
        """The answer of ``navigator.credentials.get``."""
        data = AuthenticatorData.create(sha256(self.host.encode()), 0x05, 1)
        client = self._client("webauthn.get", options)
        signature = self.private.sign(bytes(data) + client.hash, ec.ECDSA(hashes.SHA256()))
        return self._answer({"clientDataJSON": client, "authenticatorData": data, "signature": signature})

    def _client(self, kind: str, options: dict) -> CollectedClientData:
        challenge = websafe_decode(options["publicKey"]["challenge"])
        return CollectedClientData.create(kind, challenge, self.origin)

    def _answer(self, parts: dict) -> str:
        response = {name: websafe_encode(bytes(value)) for name, value in parts.items()}
        identity = base64.urlsafe_b64encode(self.id).decode().rstrip("=")
        whole = {"id": identity, "rawId": identity, "type": "public-key", "response": response}
        return json.dumps({**whole, "clientExtensionResults": {}})
