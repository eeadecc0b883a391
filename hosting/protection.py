"""What a shield may be: values as typed, checked and normalized, all problems at once. Nothing here writes."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

from routing.choices import ShieldLevel
from routing.shields import MOST_CONNECTIONS, MOST_NETWORKS, MOST_PATHS, MOST_REQUESTS

from .errors import (
    BothLists,
    HostingError,
    InvalidLevel,
    InvalidNetwork,
    InvalidNumber,
    InvalidPath,
    NetworkTooWide,
    TooManyEntries,
    raise_all,
)

#: By IP version the least length of a listed network: a wider one is a slip, and would lock everybody out.
LEAST_LENGTH = {4: 8, 6: 16}
RANGES = {"requests": (1, MOST_REQUESTS), "connections": (1, MOST_CONNECTIONS)}
_PATH = re.compile(r"\A/[A-Za-z0-9._~/-]{1,199}\Z")


def check(**changes: Any) -> dict[str, Any]:
    """Those of ``level``, ``requests``, ``connections``, ``blocked``, ``trusted``, ``open_paths``, ``own_addresses``
    that are given (not None), as they are stored. Raises HostingError.
    """
    problems: list[HostingError] = []
    clean: dict[str, Any] = {}
    for name, value in changes.items():
        if value is None:
            continue
        try:
            clean[name] = _CHECKS[name](name, value)
        except HostingError as error:
            problems += error.problems
    if not problems and (twice := set(clean.get("blocked", ())) & set(clean.get("trusted", ()))):
        problems.append(BothLists("trusted", network=min(twice)))
    raise_all(problems)
    return clean


def _level(field: str, value: Any) -> str:
    if value not in ShieldLevel.values:
        raise InvalidLevel(field)
    return str(value)


def _number(field: str, value: Any) -> int:
    low, high = RANGES[field]
    if not low <= value <= high:
        raise InvalidNumber(field, low=low, high=high)
    return int(value)


def networks(field: str, values: Iterable[str]) -> list[str]:
    """IP networks and addresses, normalized and sorted. Raises HostingError."""
    found = dict.fromkeys(_network(field, text) for text in _few(field, values, MOST_NETWORKS))
    return sorted(found, key=lambda text: ((net := ipaddress.ip_network(text)).version, net))


def _network(field: str, text: str) -> str:
    try:
        if "%" in text or len(text) > 50:
            raise ValueError
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise InvalidNetwork(field, network=text[:50]) from None
    if network.prefixlen < LEAST_LENGTH[network.version]:
        raise NetworkTooWide(field, network=str(network), length=LEAST_LENGTH[network.version])
    return str(network)


def _paths(field: str, values: Iterable[str]) -> list[str]:
    found = []
    for path in _few(field, values, MOST_PATHS):
        if not _PATH.match(path) or "//" in path or "/." in path:
            raise InvalidPath(field, path=path[:80])
        found.append(path)
    return sorted(set(found))


def _few(field: str, values: Iterable[str], most: int) -> list[str]:
    found = list(values)
    if len(found) > most:
        raise TooManyEntries(field, limit=most)
    return found


_CHECKS: dict[str, Any] = {
    "level": _level,
    "requests": _number,
    "connections": _number,
    "blocked": networks,
    "trusted": networks,
    "open_paths": _paths,
    "own_addresses": lambda field, value: bool(value),
}
