"""Every address of the panel, from the URL patterns: a page to come is attacked too."""

import re
from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

_PARAMETER = re.compile(r"<(?:\w+:)?\w+>|\(\?P<\w+>([^)]*)\)")


def patterns(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    """As they stand in ``urls.py``, whole."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern).removeprefix("^").removesuffix("$")
        if isinstance(entry, URLResolver):
            yield from patterns(entry, route)
        elif isinstance(entry, URLPattern):
            yield route


def filled() -> list[str]:
    """Each pattern outside the API as a path, its parameters 1, or the first of a few words."""

    def value(match: re.Match[str]) -> str:
        return match[1].split("|")[0] if match[1] and "|" in match[1] else "1"

    return ["/" + _PARAMETER.sub(value, pattern) for pattern in patterns() if not pattern.startswith("api/")]


def without_parameters() -> list[str]:
    """Pages that need no row."""
    found = [pattern for pattern in patterns() if not pattern.startswith("api/")]
    return ["/" + pattern for pattern in found if not _PARAMETER.search(pattern)]
