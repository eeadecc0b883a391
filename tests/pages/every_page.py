"""Every page that people see, found from the URL patterns: a new one is walked without being asked for.

An address whose arguments nobody can guess makes the walk fail until ``ARGUMENTS`` or ``SPECIAL`` say what it is for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from .furnished import Furnished

#: Not for people's eyes: the API and its documents, what programs ask, the admin (walked by its registry).
ELSEWHERE = ("api/", "admin/", "i18n/", "healthz", "readyz", "metrics")
#: Parts of pages, downloads and doors that only take a POST or lead on: no page of their own.
NO_PAGES = {
    "home": "leads to the list of orders",
    "operations:live": "a part of a page",
    "hosting:site_now": "a part of a page",
    "hosting:database_now": "a part of a page",
    "hosting:site_traffic": "a part of a page",
    "hosting:site_up": "a part of a page",
    "hosting:site_log_lines": "a part of a page",
    "hosting:site_log_download": "a download",
    "hosting:evidence_download": "a download",
}
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Visit:
    """One page to look at."""

    #: Names its pictures.
    name: str
    url: str


def _patterns(resolver: URLResolver, before: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    """``(name, route)`` of every pattern that has a name."""
    for one in resolver.url_patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _patterns(one, route, f"{space}{one.namespace}:" if one.namespace else space)
        elif isinstance(one, URLPattern) and one.name:
            yield f"{space}{one.name}", route


def people_pages() -> dict[str, str]:
    """Route by name of all that people may open outside the admin."""
    found = dict(_patterns(get_resolver()))
    return {name: route for name, route in found.items() if not route.startswith(ELSEWHERE) and name not in NO_PAGES}


def special(world: Furnished) -> dict[str, dict[str, dict[str, Any]]]:
    """Pages that are about a thing in a certain state, or look different for several: arguments by variant."""

    def site(**variants: Any) -> dict[str, dict[str, Any]]:
        return {variant.rstrip("_"): {"pk": row.pk} for variant, row in variants.items()}

    return {
        "hosting:order": {"": {"pk": world.order.pk}, "empty": {"pk": world.empty_order.pk}},
        "hosting:site": site(
            _=world.shop,
            wordpress=world.blog,
            static=world.static,
            disabled=world.resting,
            maintenance=world.mended,
            failed=world.broken,
            changing=world.moved,
            quarantined=world.isolated,
            deleted=world.deleted,
        ),
        "hosting:database": site(_=world.data, full=world.full, deleted=world.deleted_data),
        "operations:detail": site(
            running=world.running,
            waiting=world.waiting,
            failed=world.failed,
            succeeded=world.done,
            cancelled=world.cancelled,
        ),
        "hosting:enable_site": site(_=world.resting),
        "hosting:end_maintenance": site(_=world.mended),
        "hosting:release_site": site(_=world.isolated),
        "hosting:open_room": site(_=world.isolated),
        "hosting:close_room": site(_=world.isolated),
        "hosting:evidence": site(_=world.isolated),
        "hosting:restore_site": site(_=world.deleted),
        "hosting:restore_database": site(_=world.deleted_data),
        "hosting:wordpress_password": site(_=world.blog),
    }


def arguments(world: Furnished) -> dict[str, Any]:
    """What stands for a parameter, by the route up to it ("sites/<int:pk>"), or by its name alone."""
    return {
        "orders/<int:pk>": world.order.pk,
        "sites/<int:pk>": world.shop.pk,
        "databases/<int:pk>": world.data.pk,
        "operations/<int:pk>": world.done.pk,
        "account/tokens/<int:pk>": world.token.pk,
        "members/<int:pk>": world.login.member_id,
        "login_pk": world.colleague.pk,
        "invitation_pk": world.invitation.pk,
        "snapshot_pk": world.snapshot.pk,
        "evidence_pk": world.evidence.pk,
        "position": 0,
        "user": world.reader.name,
    }


def visits(world: Furnished) -> list[Visit]:
    """All pages, each at least once. Raises LookupError for one whose arguments are not known."""
    known, particular, found = arguments(world), special(world), []
    for name, route in sorted(people_pages().items()):
        for variant, given in particular.get(name, {"": {}}).items():
            filled = {**_filled(name, route, known), **given}
            label = "-".join(filter(None, [name.replace(":", "-"), variant]))
            found.append(Visit(label, reverse(name, kwargs=filled)))
    return found


def _filled(name: str, route: str, known: dict[str, Any]) -> dict[str, Any]:
    filled = {}
    for match in _PARAMETER.finditer(route):
        value = known.get(route[: match.end()], known.get(match[1]))
        if value is None:
            raise LookupError(
                f"{name} ({route}): tell tests/pages/every_page.py what stands for {match[0]}, so that it is walked"
            )
        filled[match[1]] = value
    return filled


def admin_visits(row_of: Any) -> list[Visit]:
    """The dashboard, and of every registered model its list, the page of a row, and every deed's question."""
    found = [Visit("admin", reverse("admin:index"))]
    for model, page in sorted(admin.site._registry.items(), key=lambda entry: entry[0]._meta.label):
        label = f"{model._meta.app_label}_{model._meta.model_name}"
        row = row_of(model)
        found.append(Visit(f"admin-{label}-list", reverse(f"admin:{label}_changelist")))
        found.append(Visit(f"admin-{label}", reverse(f"admin:{label}_change", args=[row.pk])))
        for action in page._get_base_actions_detail():  # type: ignore[attr-defined]
            found.append(Visit(f"admin-{action.action_name}", reverse(f"admin:{action.action_name}", args=[row.pk])))
    return found
