"""The history of what somebody has: every change, by whom, when, from where."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from . import exports, selectors, sentences
from .filters import EntryFilter
from .trail import trails

PAGE = 50
#: The groups of verbs that a page offers.
GROUPS = {
    "changes": ("created", "changed", "deleted", "asked", "steered"),
    "people": ("logged_in", "login_failed", "logged_out", "signed_out", "password_set", "first_used", "impersonated"),
}


@dataclass
class Deed:
    """What was done with one click: its entries, which share a transaction."""

    first: sentences.Shown
    #: The operation that was asked for, or whose step it was.
    operation: int | None
    shown: list[sentences.Shown] = field(default_factory=list)


@never_cache
@login_required
@require_GET
def history(request: HttpRequest) -> HttpResponse:
    """Newest first, a page at a time: ``?older=ID`` goes on below that entry."""
    chosen, entries = _chosen(request)
    older = request.GET.get("older", "")
    if older.isdecimal() and len(older) < 19:
        entries = entries.filter(pk__lt=int(older))
    found = list(entries.order_by("-id")[: PAGE + 1])
    page = selectors.with_names(selectors.with_operations(found[:PAGE]))
    context = {
        "deeds": _deeds(page, request.user),
        "older": page[-1].pk if len(found) > PAGE else None,
        "chosen": chosen,
        "about": page[0].about_label if page and chosen.get("about") else "",
        "narrowed": any(chosen.values()),
        "orders": _offered("order", request.user),
        "people": _offered("person", request.user),
    }
    return render(request, "audit/history.html", context)


@never_cache
@login_required
@require_GET
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """The same as a file, all of it."""
    _chosen_now, entries = _chosen(request)
    return exports.response(request, entries, form)


def _offered(name: str, login: Any) -> list[tuple[str, str]]:
    choices = trails.choices.get(name)
    return [(str(pk), text) for pk, text in choices(login)] if choices else []


def _chosen(request: HttpRequest) -> tuple[dict[str, str], Any]:
    """What the page was narrowed to, as it was understood; what it could not be is left out."""
    asked = {name: request.GET.get(name, "")[:80] for name in ("about", "order", "person", "group", "since", "until")}
    data = QueryDict(mutable=True)
    for name in ("about", "order", "person"):
        if asked[name]:
            data[name] = asked[name]
    for name, bound in (("since", "after"), ("until", "before")):
        try:
            date.fromisoformat(asked[name])
        except ValueError:
            asked[name] = ""
        else:
            data[bound] = f"{asked[name]}T00:00:00Z"
    asked["group"] = asked["group"] if asked["group"] in GROUPS else ""
    data.setlist("verb", list(GROUPS.get(asked["group"], ())))
    narrowed = EntryFilter(data, selectors.entries_for(request.user), request=request)
    if not narrowed.is_valid():
        for name in narrowed.errors:
            data.pop(name, None)
            asked[name] = "" if name in asked else asked.get(name, "")
        narrowed = EntryFilter(data, selectors.entries_for(request.user), request=request)
    return asked, narrowed.qs


def _deeds(entries: Any, reader: Any) -> list[Deed]:
    found: dict[tuple[Any, ...], Deed] = {}
    visible = trails.visible_operations(reader, {entry.operation for entry in entries if entry.operation})
    for entry in entries:
        shown = sentences.shown(entry, reader)
        key = (entry.transaction, entry.actor_id, entry.address)
        deed = found.setdefault(key, Deed(shown, entry.operation if entry.operation in visible else None))
        deed.shown.insert(0, shown)
    return list(found.values())
