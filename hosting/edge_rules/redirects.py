"""Redirects: checked one by one, and that none leads visitors round in a circle."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from routing.edge_rules import MOST_REDIRECTS, STATUSES

from ..errors import HostingError, TooManyEntries, raise_all
from . import paths
from .errors import InvalidMatch, InvalidStatus, RedirectLoop, RuleTwice, TargetTakesNoPath

EXACT, PREFIX = "exact", "prefix"
#: A redirect to a redirect to … : browsers give up after 20.
_LONGEST_CHAIN = 20
#: Stands for whatever a visitor's path has below a prefix.
_ANY = "x~any"


def check(values: Iterable[Mapping[str, Any]], names: Iterable[str]) -> list[dict[str, Any]]:
    """As they are stored, sorted. ``names``: those of the site, for targets that lead back to it."""
    problems: list[HostingError] = []
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for count, value in enumerate(values):
        if count >= MOST_REDIRECTS:
            problems.append(TooManyEntries("redirects", limit=MOST_REDIRECTS))
            break
        try:
            one = _one(value)
        except HostingError as error:
            problems += error.problems
            continue
        key = (one["path"], one["match"])
        if key in found:
            problems.append(RuleTwice("redirects", path=one["path"]))
        found[key] = one
    raise_all(problems[:20])
    mine = frozenset(names)
    raise_all(
        [RedirectLoop("redirects", path=one["path"]) for one in found.values() if _circles(one, found, mine)][:20]
    )
    return sorted(found.values(), key=lambda one: (one["path"], one["match"]))


def _one(value: Mapping[str, Any]) -> dict[str, Any]:
    match = value.get("match", EXACT)
    if match not in (EXACT, PREFIX):
        raise InvalidMatch("redirects")
    status = value.get("status", STATUSES[0])
    if status not in STATUSES:
        raise InvalidStatus("redirects")
    keep_path = bool(value.get("keep_path")) and match == PREFIX
    target = paths.target("redirects", value["target"])
    if keep_path and ("?" in target or "#" in target):
        raise TargetTakesNoPath("redirects", target=target[:80])
    return {
        "path": paths.normal("redirects", value["path"], plain=False),
        "match": match,
        "target": target,
        "status": status,
        "keep_path": keep_path,
        "keep_query": bool(value.get("keep_query")) and "#" not in target,
    }


def lead(path: str, rules: Mapping[tuple[str, str], Mapping[str, Any]]) -> tuple[Mapping[str, Any], str] | None:
    """Which redirect the edge finds for a normal path, and where it leads (without the query)."""
    rule = rules.get((path, EXACT))
    parts = [part for part in path.split("/") if part]
    depth = len(parts)
    while rule is None and depth >= 0:
        rule = rules.get(("/" + "/".join(parts[:depth]), PREFIX))
        depth -= 1
    if rule is None:
        return None
    rest = "".join("/" + quote(part, safe="~") for part in parts[depth + 1 :])
    if rule["match"] == PREFIX and rule["keep_path"] and rest:
        return rule, str(rule["target"]).removesuffix("/") + rest
    return rule, str(rule["target"])


def _circles(one: Mapping[str, Any], rules: Mapping[tuple[str, str], Mapping[str, Any]], names: frozenset[str]) -> bool:
    """Whether a visitor of its path, or of any below it, comes by the same redirect again."""
    starts = [one["path"]] + ([one["path"].rstrip("/") + "/" + _ANY] if one["match"] == PREFIX else [])
    return any(_comes_back(one, start, rules, names) for start in starts)


def _comes_back(
    one: Mapping[str, Any], path: str, rules: Mapping[tuple[str, str], Mapping[str, Any]], names: frozenset[str]
) -> bool:
    for turn in range(_LONGEST_CHAIN):
        led = lead(path, rules)
        if led is None or (turn == 0 and led[0] is not one):
            return False
        if turn and led[0] is one:
            return True
        parts = urlsplit(led[1])
        if parts.hostname and parts.hostname not in names:
            return False
        path = "/" + "/".join(part for part in unquote(parts.path).split("/") if part and part != ".")
    return True
