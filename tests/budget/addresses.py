"""Every address of the panel that can be read, found from the URL patterns: a page to come is walked too.

What stands in an address is an id of a row, and which row follows from the words before it (``sites/7/…``). A pattern
that cannot be filled so is named in ``ARGUMENTS``, or in ``NOT_READ`` with the reason why nobody reads it here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from controlpanel.operations.models import Operation
from hosting.models import Database, HostingOrder, Site
from members.models import Login, Member, Token
from routing.models import Certificate
from tests.api.endpoints import ALL, ID_PARAMETER
from webhooks.models import Webhook

from .world import World

#: First word of an address to the model whose id follows it.
OF_WORD: dict[str, type[models.Model]] = {
    "orders": HostingOrder,
    "sites": Site,
    "databases": Database,
    "operations": Operation,
    "tokens": Token,
    "certificates": Certificate,
    "members": Member,
    "people": Login,
    "webhooks": Webhook,
}
#: Patterns of pages that are not read by a walk, and why.
NOT_READ = {
    r"^(sites/<int:pk>/logs/(lines|download)/)$": "asks a web host",
    r"^sites/<int:pk>/evidence/<int:evidence_pk>/$": "exists only while a site is in quarantine",
    r"^sites/<int:pk>/snapshots/<int:snapshot_pk>/$": "asks a web host",
    r"^databases/<int:pk>/users/<slug:user>/(rotate|remove)/$": "needs a second user; it is the same page as delete",
    r"^(login|logout|login/second|invitation|password/forgotten|password/new)/$": "for who is not logged in",
    r"^account/(sessions|second-factor)/<int:pk>/": "only posted to",
    r"^members/<int:pk>/(invitations/|people/<int:login_pk>/switch/)": "only posted to",
    r"^i18n/": "only posted to",
    r"^history/export\.": "streamed, a thousand entries a query",
    r"^sites/<int:pk>/up/$": "asks the edges",
    r"^operations/<int:pk>/steps/": "only posted to",
    r"^webhooks/.*(deed|again)": "only posted to",
    r"^members/.*/(resend|withdraw|switch)/$": "only posted to",
}
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Address:
    """Something to read: ``pattern`` names it in the budget, ``url`` is it for one row."""

    who: str
    pattern: str
    url: str

    def __str__(self) -> str:
        return f"{self.who} {self.pattern}"


def pages(world: World, who: str) -> list[Address]:
    """Pages outside the admin."""
    found = []
    for pattern in _patterns(get_resolver()):
        if pattern.startswith(("admin/", "api/", "healthz", "readyz", "metrics")) or _skipped(pattern):
            continue
        url = _filled(pattern, world)
        found.append(Address(who, f"/{pattern}", f"/{url}"))
    return found


def admin_pages(world: World) -> list[Address]:
    """The admin's dashboard, each list, and one row of each."""
    found = [Address("staff", "/admin/", reverse("admin:index"))]
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label):
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        label = model._meta.label_lower
        found.append(Address("staff", f"/admin/ {label}", reverse(f"{name}_changelist")))
        row = world.of_model(model)
        if row is not None:
            found.append(Address("staff", f"/admin/ {label} one", reverse(f"{name}_change", args=[row.pk])))
    return found


def endpoints(world: World, who: str) -> list[Address]:
    """What REST answers to GET."""
    found = []
    for endpoint in ALL:
        if endpoint.method != "GET" or re.search(r"\{(?!id\})", endpoint.path) or "/logs/" in endpoint.path:
            continue
        url = endpoint.path
        if ID_PARAMETER in url:
            row = world.of_model(endpoint.model)
            if row is None:
                continue
            url = endpoint.url(row)
        found.append(Address(who, endpoint.path, url))
    return found


def _patterns(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern).removeprefix("^")
        if isinstance(entry, URLResolver):
            yield from _patterns(entry, route)
        elif isinstance(entry, URLPattern):
            yield route


def _skipped(pattern: str) -> bool:
    return any(re.search(skipped, pattern) for skipped in NOT_READ)


def _filled(pattern: str, world: World) -> str:
    def value(match: re.Match[str]) -> Any:
        word = pattern[: match.start()].rstrip("/").rpartition("/")[2]
        if word not in OF_WORD:
            raise AssertionError(f"tests/budget/addresses.py cannot fill {pattern!r}: say what follows {word!r}")
        return str(world.of_model(OF_WORD[word]).pk)

    return _PARAMETER.sub(value, pattern)
