"""Everything that edge rules may be, section by section, as the service is given it and as it is stored."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from routing.choices import HttpsPolicy
from routing.edge_rules import LONGEST_AGE, LONGEST_TEXT, MOST_NETWORKS, MOST_RULES

from .. import protection
from ..errors import HostingError, OutOfRange, TooManyEntries, raise_all
from . import paths
from .errors import InvalidAction, InvalidNotice, InvalidPolicy, InvalidUntil, NoNetworks, RuleTwice

#: Which half of a year HSTS begins with: long enough to count, short enough to be left.
USUAL_AGE = 15_552_000
LONGEST_MAINTENANCE = timedelta(days=366)


def https(value: Mapping[str, Any]) -> dict[str, Any]:
    """``policy``, ``max_age`` (seconds), ``subdomains``, as fields of EdgeRules."""
    policy = value.get("policy", HttpsPolicy.OFF)
    if policy not in HttpsPolicy.values:
        raise InvalidPolicy("policy")
    age = value.get("max_age")
    age = USUAL_AGE if age is None else age
    if not 0 <= age <= LONGEST_AGE:
        raise OutOfRange("max_age", low=0, high=LONGEST_AGE)
    on = policy == HttpsPolicy.HSTS
    return {
        "https": str(policy),
        "hsts_max_age": age if on else 0,
        "hsts_subdomains": on and bool(value.get("subdomains")),
    }


def addresses(values: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """``path``, ``action`` and ``networks`` each; a path has at most one list of each action."""
    problems: list[HostingError] = []
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for count, value in enumerate(values):
        if count >= MOST_RULES:
            problems.append(TooManyEntries("addresses", limit=MOST_RULES))
            break
        try:
            one = address_rule(value)
        except HostingError as error:
            problems += error.problems
            continue
        key = (one["path"].lower(), one["action"])
        if key in found:
            problems.append(RuleTwice("addresses", path=one["path"]))
        found[key] = one
    raise_all(problems[:20])
    return {"addresses": [found[key] for key in sorted(found)]}


def address_rule(value: Mapping[str, Any]) -> dict[str, Any]:
    """One of them."""
    if value.get("action") not in ("allow", "deny"):
        raise InvalidAction("addresses")
    path = paths.normal("addresses", value["path"])
    listed = networks("addresses", value["networks"])
    if not listed:
        raise NoNetworks("addresses", path=path)
    return {"path": path, "action": value["action"], "networks": listed}


def networks(field: str, values: Iterable[str]) -> list[str]:
    """IP networks and addresses, normalized and sorted."""
    listed = list(values)
    if len(listed) > MOST_NETWORKS:
        raise TooManyEntries(field, limit=MOST_NETWORKS)
    return protection.networks(field, listed)


def notice(value: Mapping[str, Any]) -> dict[str, Any]:
    """``en``, ``es``, ``until`` (a time or None), ``networks``, as fields of EdgeRules."""
    problems: list[HostingError] = []
    clean: dict[str, Any] = {}
    parts: list[tuple[str, Callable[[], Any]]] = [
        ("notice_en", lambda: _text("en", value.get("en", ""))),
        ("notice_es", lambda: _text("es", value.get("es", ""))),
        ("notice_until", lambda: _until(value.get("until"))),
        ("notice_networks", lambda: networks("networks", value.get("networks", ()))),
    ]
    for name, make in parts:
        try:
            clean[name] = make()
        except HostingError as error:
            problems += error.problems
    raise_all(problems)
    return clean


def _text(field: str, text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if len(text) > LONGEST_TEXT or not text.replace("\n", "").isprintable():
        raise InvalidNotice(field, limit=LONGEST_TEXT)
    return text


def _until(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    if not timezone.now() < value < timezone.now() + LONGEST_MAINTENANCE:
        raise InvalidUntil("until")
    return value
