"""Keeps secrets out of everything that people read: answers, events, logs."""

import re
from typing import Any

#: A key with one of these words in its name holds a secret, whatever its value.
_SECRET_KEY = re.compile(r"(^|_)(password|passwd|secret|token|key|pem|credential|credentials|zipapp_b64)($|_)", re.I)
_PUBLIC_KEYS = frozenset({"host_key", "public_key", "idempotency_key"})
_SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----"  # PEM
    r"|\bcp_[A-Za-z0-9_-]{20,}"  # our API tokens
    r"|\bAQ[A-Za-z0-9+/]{36,38}==",  # cephx keys
    re.S,
)
MASK = "•••"


def is_secret(key: str) -> bool:
    """Whether what stands under that key is a secret, whatever it is."""
    return bool(_SECRET_KEY.search(key)) and key not in _PUBLIC_KEYS


def redact(value: Any) -> Any:
    """A copy of JSON-like ``value`` with every secret replaced by a mask."""
    if isinstance(value, dict):
        return {key: MASK if is_secret(str(key)) and item else redact(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(item) for item in value]
    return _SECRET_TEXT.sub(MASK, value) if isinstance(value, str) else value
