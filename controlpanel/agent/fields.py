"""Checks of what came over the wire, field by field. Everything raises ``Invalid`` and says which field and why.

Each takes the spec and the key, and returns the normalized value. A value that is refused is never quoted in full in
the reason: it may be a secret, or ten thousand characters long.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence, TypeVar

from .errors import Invalid

Value = TypeVar("Value")
Spec = Mapping[str, Any]

#: Stands for "no default: the field must be there".
REQUIRED: Any = object()

_IDENTIFIER = re.compile(r"\A[a-z0-9][a-z0-9._-]{0,62}\Z")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(r"\A[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_DOMAIN_NAME = re.compile(r"\A(?:%s\.)+%s\Z" % (_LABEL, _LABEL))
_ALL_DIGITS = re.compile(r"\A[0-9]+\Z")
_PEM_BLOCK = re.compile(
    r"-----BEGIN (?P<label>[A-Z0-9 ]{1,60})-----\n(?P<body>[A-Za-z0-9+/=\n]+)\n-----END (?P=label)-----\n?"
)


def fetch(spec: Spec, key: str, default: Any = REQUIRED) -> Any:
    """The raw value of a field; the default when it is missing, Invalid when it has none."""
    if not isinstance(spec, dict):
        raise Invalid(f"{key}: its container is not an object")
    if key in spec:
        return spec[key]
    if default is REQUIRED:
        raise Invalid(f"{key}: missing")
    return default


def only(spec: Spec, keys: Iterable[str]) -> None:
    """Refuse fields that nobody reads: a misspelt field is an error, not a default."""
    if not isinstance(spec, dict):
        raise Invalid("not an object")
    unknown = spec.keys() - set(keys)
    if unknown:
        raise Invalid("unknown field: " + ascii(", ".join(sorted(str(key)[:40] for key in unknown)[:5])))


def integer(spec: Spec, key: str, low: int, high: int, default: Any = REQUIRED) -> int:
    """A whole number from ``low`` to ``high``, both included."""
    value = fetch(spec, key, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid(f"{key}: not a whole number")
    if not low <= value <= high:
        raise Invalid(f"{key}: not between {low} and {high}")
    return value


def boolean(spec: Spec, key: str, default: Any = REQUIRED) -> bool:
    """True or false, not something that merely looks like it."""
    value = fetch(spec, key, default)
    if not isinstance(value, bool):
        raise Invalid(f"{key}: neither true nor false")
    return value


def text(spec: Spec, key: str, max: int, min: int = 0, default: Any = REQUIRED) -> str:
    """One line of printable text of ``min`` to ``max`` characters."""
    value = fetch(spec, key, default)
    if not isinstance(value, str):
        raise Invalid(f"{key}: not text")
    if not min <= len(value) <= max:
        raise Invalid(f"{key}: not {min} to {max} characters long")
    if not value.isprintable():
        raise Invalid(f"{key}: has control characters")
    return value


def one_of(spec: Spec, key: str, choices: Sequence[str], default: Any = REQUIRED) -> str:
    """One of the listed words."""
    value = fetch(spec, key, default)
    if not isinstance(value, str) or value not in choices:
        raise Invalid(f"{key}: not one of {', '.join(choices)}")
    return value


def matching(spec: Spec, key: str, pattern: "re.Pattern[str]", what: str, longest: int, default: Any = REQUIRED) -> str:
    """Text of at most ``longest`` characters that the pattern matches; ``what`` says in words what it should be."""
    value = fetch(spec, key, default)
    if not isinstance(value, str) or len(value) > longest or not pattern.match(value):
        raise Invalid(f"{key}: not {what}")
    return value


def identifier(spec: Spec, key: str, default: Any = REQUIRED) -> str:
    """Lower-case letters, digits, ``.``, ``_``, ``-``; safe as one part of a path (never ``..``, never hidden)."""
    return matching(spec, key, _IDENTIFIER, "an identifier", 63, default)


def host_name(spec: Spec, key: str, default: Any = REQUIRED) -> str:
    """The name of a managed host: one RFC 1123 label that begins with a letter."""
    return matching(spec, key, _HOST_NAME, "a host name", 63, default)


def domain_name(spec: Spec, key: str, default: Any = REQUIRED) -> str:
    """A full domain name as DNS has it: lower case, punycode, at least two labels, no final dot."""
    value = matching(spec, key, _DOMAIN_NAME, "a domain name", 253, default)
    if _ALL_DIGITS.match(value.rpartition(".")[2]):
        raise Invalid(f"{key}: not a domain name")  # it would read as an address
    return value


def ip_address(spec: Spec, key: str, default: Any = REQUIRED) -> str:
    """An IPv4 or IPv6 address, in its canonical form."""
    value = fetch(spec, key, default)
    try:
        if not isinstance(value, str) or "%" in value:  # no zone: "fe80::1%eth0" names an interface
            raise ValueError
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise Invalid(f"{key}: not an IP address") from None


def path_below(spec: Spec, key: str, directory: str, default: Any = REQUIRED) -> str:
    """An absolute path below ``directory`` (ends in "/"); parts are of ``A-Za-z0-9._-``, none begins with a dot."""
    value = fetch(spec, key, default)
    if not isinstance(value, str) or len(value) > 255 or not value.startswith(directory):
        raise Invalid(f"{key}: not a path below {directory}")
    if not re.match(r"\A[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\Z", value[len(directory) :]):
        raise Invalid(f"{key}: not a plain path")
    return value


def pem(spec: Spec, key: str, labels: Sequence[str] = (), max: int = 65536, default: Any = REQUIRED) -> str:
    """PEM blocks and nothing between them, lines ended by "\\n"; ``labels`` must all occur ("CERTIFICATE")."""
    value = fetch(spec, key, default)
    if not isinstance(value, str) or not value or len(value) > max:
        raise Invalid(f"{key}: not PEM of at most {max} characters")
    value = value.replace("\r\n", "\n").strip("\n") + "\n"
    seen, position, blocks = [], 0, []
    while position < len(value):
        block = _PEM_BLOCK.match(value, position)
        if block is None:
            raise Invalid(f"{key}: not PEM")
        try:
            base64.b64decode(block.group("body").replace("\n", ""), validate=True)
        except (binascii.Error, ValueError):
            raise Invalid(f"{key}: not PEM") from None
        seen.append(block.group("label"))
        blocks.append(block.group(0).rstrip("\n") + "\n")
        position = block.end()
    for label in labels:
        if not any(label == got or got.endswith(" " + label) for got in seen):
            raise Invalid(f"{key}: has no {label}")
    return "".join(blocks)


def record(spec: Spec, key: str, keys: Iterable[str], default: Any = REQUIRED) -> Dict[str, Any]:
    """An object with no other than the given keys; its fields are for the caller to check."""
    value = fetch(spec, key, default)
    if not isinstance(value, dict):
        raise Invalid(f"{key}: not an object")
    try:
        only(value, keys)
    except Invalid as error:
        raise Invalid(f"{key}: {error.reason}") from None
    return value


def list_of(
    spec: Spec,
    key: str,
    check: "Callable[..., Value]",
    *args: Any,
    min: int = 0,
    max: int = 1000,
    default: Any = REQUIRED,
    **options: Any,
) -> List[Value]:
    """``min`` to ``max`` values, each checked as if it were a field: ``list_of(spec, "domains", domain_name)``."""
    value = fetch(spec, key, default)
    if not isinstance(value, (list, tuple)):
        raise Invalid(f"{key}: not a list")
    if not min <= len(value) <= max:
        raise Invalid(f"{key}: not {min} to {max} values")
    return [check({key: item}, key, *args, **options) for item in value]
