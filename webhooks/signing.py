"""Standard Webhooks (https://www.standardwebhooks.com): what receivers check a message by."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime

PREFIX = "whsec_"


def new_secret() -> str:
    """256 random bits, in the form that the libraries for receivers take."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, message: str, sent: datetime, body: str) -> str:
    """The Webhook-Signature header: HMAC-SHA-256 over id, time (seconds) and body."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message}.{int(sent.timestamp())}.{body}".encode()
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(secret: str, message: str, sent: datetime, body: str) -> dict[str, str]:
    """All that go with a message."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "controlpanel-webhooks/1",
        "Webhook-Id": message,
        "Webhook-Timestamp": str(int(sent.timestamp())),
        "Webhook-Signature": signature(secret, message, sent, body),
    }
