"""OpenSSH public keys: one line each, checked to the last byte, so that nothing else can ride along."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MAX_KEYS = 20
MAX_KEY_LENGTH = 4096
_COMMENT = re.compile(r"[^A-Za-z0-9@._+=,:/ -]")

_PLAIN_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
)
#: Keys on a hardware token: type, curve (ecdsa only), length of the public value in bytes.
_TOKEN_TYPES = {
    "sk-ssh-ed25519@openssh.com": ("", 32),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("nistp256", 65),
}


@dataclass(frozen=True)
class SshKey:
    """A public key. ``str()`` is its normal form: type, base64, comment."""

    type: str
    blob: bytes
    comment: str = ""

    def __str__(self) -> str:
        return f"{self.type} {base64.b64encode(self.blob).decode()} {self.comment}".strip()

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` shows it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


def _fields(blob: bytes) -> list[bytes]:
    """The strings (RFC 4251) that a key consists of. Raises ValueError when the lengths do not add up."""
    fields = []
    while blob:
        if len(blob) < 4:
            raise ValueError("a truncated length")
        length = int.from_bytes(blob[:4], "big")
        if length > len(blob) - 4:
            raise ValueError("a truncated string")
        fields.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return fields


def _check(kind: str, blob: bytes) -> None:
    fields = _fields(blob)
    if not fields or fields[0] != kind.encode():
        raise ValueError("the type inside is another one")
    if kind in _TOKEN_TYPES:
        curve, length = _TOKEN_TYPES[kind]
        public = fields[2:] if curve else fields[1:]
        if (curve and fields[1:2] != [curve.encode()]) or len(public) != 2 or len(public[0]) != length:
            raise ValueError("not of its type's form")
        return
    key = load_ssh_public_key(f"{kind} {base64.b64encode(blob).decode()}".encode())
    if isinstance(key, RSAPublicKey) and key.key_size < 2048:
        raise ValidationError(
            _("RSA keys need at least 2048 bits; this one has %(bits)s."), params={"bits": key.key_size}
        )


def parse_key(line: str) -> SshKey:
    """One public key from one line. Raises ValidationError, with a reason that helps."""
    parts = line.split(None, 2)
    if len(line) > MAX_KEY_LENGTH or not line.isprintable():
        raise ValidationError(_("This is not an SSH public key: paste the one line of a .pub file."), code="form")
    if "PRIVATE KEY" in line:
        raise ValidationError(
            _("This is a private key. Keep it to yourself; paste the .pub file instead."), code="private"
        )
    if not parts or parts[0] not in (*_PLAIN_TYPES, *_TOKEN_TYPES):
        raise ValidationError(
            _("The line must begin with the type of key: ssh-ed25519, ecdsa-sha2-…, ssh-rsa or sk-…, without options."),
            code="type",
        )
    try:
        blob = base64.b64decode(parts[1], validate=True)
        _check(parts[0], blob)
    except (IndexError, binascii.Error, ValueError, UnsupportedAlgorithm):
        raise ValidationError(
            _("This key is damaged: copy the whole line of the .pub file again."), code="damaged"
        ) from None
    comment = _COMMENT.sub("", parts[2]).strip()[:100] if len(parts) > 2 else ""
    return SshKey(parts[0], blob, comment)


def parse_keys(text: str) -> list[SshKey]:
    """All keys of a text, one a line, without repetitions. Raises ValidationError that names the line."""
    keys: dict[bytes, SshKey] = {}
    lines = [line.strip() for line in text.splitlines()]
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            key = parse_key(line)
        except ValidationError as error:
            raise ValidationError(
                _("Line %(number)s: %(problem)s"),
                params={"number": number, "problem": " ".join(error.messages)},
                code=error.code,
            ) from None
        keys.setdefault(key.blob, key)
    if len(keys) > MAX_KEYS:
        raise ValidationError(_("At most %(limit)s keys."), params={"limit": MAX_KEYS}, code="many")
    return list(keys.values())
