"""Passwords of database users, and what a server checks them by. Only the latter is ever stored or sent."""

import base64
import hashlib
import hmac
import secrets

from ..choices import DatabaseEngine

#: What is easily told apart and needs no quoting anywhere: no 0 and O, no 1, l and I.
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
#: Letters of a password: more than 139 bits.
_LENGTH = 24
_ROUNDS = 4096


def new_password() -> str:
    """A password that nobody has to remember."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def verifier_of(engine: str, password: str) -> str:
    """What a server of that engine checks the password by."""
    return scram(password) if engine == DatabaseEngine.POSTGRESQL else native(password)


def native(password: str) -> str:
    """MariaDB's ``mysql_native_password`` hash."""
    # The server chooses the algorithm. A password of 139 random bits is not found through SHA-1 either.
    twice = hashlib.sha1(hashlib.sha1(password.encode()).digest())  # noqa: S324
    return "*" + twice.hexdigest().upper()


def scram(password: str, salt: bytes | None = None) -> str:
    """PostgreSQL's ``SCRAM-SHA-256`` verifier (RFC 7677)."""
    salt = secrets.token_bytes(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored = hashlib.sha256(client).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    text = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ROUNDS}:{text[0]}${text[1]}:{text[2]}"
