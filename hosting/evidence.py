"""Evidence as staff read it: with what looks like a secret masked, and nothing that plays tricks on a screen."""

import json
import re
from typing import Any

from controlpanel.operations.redaction import MASK, redact

from .models import Evidence

#: "password=…", "--token …", "Authorization: …", "Cookie: …", "https://user:secret@…": on command lines and in logs.
_NAMED = re.compile(
    r"""(?ix)
    ( (?: pass(?:word|wd|phrase)? | pwd | secret | token | api[_-]?key | access[_-]?key | private[_-]?key | auth
        | session(?:_?id)? | PHPSESSID | credential s? )
      ["']? (?: \s*[=:]\s* | \s+ ) ["']? )
    [^\s"'&;,)]{3,}
    """
)
_HEADER = re.compile(r"(?i)\b((?:authorization|cookie|set-cookie)\s*:\s*)[^\r\n\"]+")
_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+@")


def shown(evidence: Evidence) -> dict[str, Any]:
    """The content, to be read and downloaded by staff."""
    content: dict[str, Any] = json.loads(evidence.content)
    # Names of environment variables are no secrets, although some are called so.
    return {key: _clean(value) for key, value in content.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return clean_text(value) if isinstance(value, str) else value


def clean_text(text: str) -> str:
    """The text with what looks like a secret masked, and without characters that could play tricks on a screen."""
    text = _HEADER.sub(rf"\1{MASK}", text)
    text = _URL.sub(rf"\1{MASK}@", text)
    text = _NAMED.sub(rf"\1{MASK}", text)
    text = str(redact(text))
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)
