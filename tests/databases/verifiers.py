"""Verifiers of passwords, made here a second time: what the panel makes must be what the servers believe."""

import base64
import hashlib
import hmac
import os


def of(engine: str, password: str) -> str:
    return _native(password) if engine == "mariadb" else _scram(password)


def _native(password: str) -> str:
    once = hashlib.sha1(password.encode()).digest()  # noqa: S324
    return "*" + hashlib.sha1(once).hexdigest().upper()  # noqa: S324


def _scram(password: str, rounds: int = 4096) -> str:
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${rounds}:{parts[0]}${parts[1]}:{parts[2]}"
