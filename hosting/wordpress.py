"""What the panel knows of WordPress: the languages that it comes in, and how it keeps a password."""

import hashlib
import re
import secrets

from django.utils.translation import gettext_lazy as _

#: On offer, by what WordPress calls them.
LANGUAGES = {"": _("English"), "es_ES": _("Spanish")}
_ITOA64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: 2 ** 13 rounds.
_ROUNDS = 13
_USERNAME = re.compile(r"\A[a-z][a-z0-9_-]{2,40}\Z")


def language_for(code: str) -> str:
    """WordPress' name for a language of the panel."""
    return "es_ES" if code.startswith("es") else ""


def username_for(login: str) -> str:
    """The administrator's name: the login's own, when WordPress can have it."""
    return login if _USERNAME.match(login) else "admin"


def password_hash(password: str, salt: str = "") -> str:
    """phpass' portable hash, which every WordPress reads; it puts its own in its place at the first log-in."""
    salt = salt or "".join(secrets.choice(_ITOA64) for _letter in range(8))
    # Of 139 random bits: that it is MD5 is nobody's way in.
    digest = hashlib.md5((salt + password).encode()).digest()  # noqa: S324
    for _round in range(2**_ROUNDS):
        digest = hashlib.md5(digest + password.encode()).digest()  # noqa: S324
    return f"$P${_ITOA64[_ROUNDS]}{salt}{_encoded(digest)}"


def _encoded(digest: bytes) -> str:
    text = ""
    for start in range(0, len(digest), 3):
        group = digest[start : start + 3]
        value = int.from_bytes(group, "little")
        for _letter in range(len(group) + 1):
            text += _ITOA64[value & 63]
            value >>= 6
    return text
