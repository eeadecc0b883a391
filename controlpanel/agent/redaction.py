"""Keeps the secrets of specs out of everything that leaves the agent or is written down."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Set

from .kinds.base import Kind

MASK = "[secret]"
#: A shorter text is not looked for: it would mask ordinary words.
SHORTEST = 6


def _texts(value: Any, found: Set[str]) -> None:
    if isinstance(value, str):
        # Programs quote configuration line by line, so each line of a key is a secret of its own.
        for part in [value, *value.splitlines()]:
            if len(part) >= SHORTEST and not part.startswith("-----"):
                found.add(part)
    elif isinstance(value, dict):
        for item in value.values():
            _texts(item, found)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _texts(item, found)


def secrets_of(kind: Kind, *specs: Any) -> Set[str]:
    """The secret texts in specs of that kind, whatever their form (a spec may not have been validated)."""
    found: Set[str] = set()
    for spec in specs:
        if isinstance(spec, dict):
            for key in kind.secrets:
                name, _, part = key.partition(".")
                _texts(_parts(spec.get(name), part) if part else spec.get(name), found)
    return found


def _parts(value: Any, key: str) -> Any:
    """What stands under a key in each object of a list, whatever is really there."""
    return [item.get(key) for item in value if isinstance(item, dict)] if isinstance(value, list) else value


def scrub_text(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret in it masked."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def scrub(value: Any, secrets: Set[str]) -> Any:
    """A copy of JSON-like ``value`` with every secret in its texts (and keys) masked."""
    if not secrets:
        return value
    if isinstance(value, str):
        return scrub_text(value, secrets)
    if isinstance(value, dict):
        return {scrub_text(str(key), secrets): scrub(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrub(item, secrets) for item in value]
    return value


def _is_short(value: Any) -> bool:
    return len(value) <= 80 if isinstance(value, str) else value is None or isinstance(value, (bool, int))


def differing_keys(kind: Kind, wanted: Dict[str, Any], got: Dict[str, Any]) -> str:
    """Names of the keys in which two specs differ, with values only where they are short and no secret."""
    parts = []
    secret = {name.partition(".")[0] for name in kind.secrets}
    for key in sorted(set(wanted) | set(got)):
        if wanted.get(key) == got.get(key):
            continue
        values = (got.get(key), wanted.get(key))
        if key not in secret and all(_is_short(value) for value in values):
            parts.append(f"{key}: {values[0]!r} instead of {values[1]!r}")
        else:
            parts.append(key)
    return ", ".join(parts)
