"""The record as a file: CSV for spreadsheets, JSON lines for programs. Streamed, of what one may see."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.utils import timezone, translation

from . import selectors, sentences, services
from .choices import Verb
from .models import Entry

COLUMNS = (
    "id", "time", "what_happened", "verb", "actor", "actor_id", "staff", "impersonator", "token", "via", "address",
    "request", "operation", "object", "label", "about", "about_label", "before", "after",
)  # fmt: skip
#: What makes a spreadsheet take a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def row(entry: Entry, reader: Any) -> dict[str, Any]:
    """An entry as data, as that reader may see it."""
    shown = sentences.shown(entry, reader)
    return {
        "id": entry.pk,
        "time": entry.time.isoformat(),
        "what_happened": shown.text,
        "verb": entry.verb,
        "actor": entry.actor,
        "actor_id": entry.actor_id,
        "staff": entry.actor_is_staff,
        "impersonator": entry.impersonator,
        "token": entry.token,
        "via": entry.via,
        "address": shown.address or None,
        "request": entry.request,
        "operation": entry.operation,
        "object": entry.object,
        "label": entry.label,
        "about": entry.about,
        "about_label": entry.about_label,
        "before": entry.before,
        "after": entry.after,
    }


def cell(value: Any) -> str:
    """A value for a spreadsheet, which must not take it for a formula: names are chosen by whoever has them."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _as_csv(rows: list[dict[str, Any]], first: bool) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    if first:
        writer.writerow(COLUMNS)
    writer.writerows([cell(one[name]) for name in COLUMNS] for one in rows)
    return out.getvalue()


def _as_lines(rows: list[dict[str, Any]], first: bool) -> str:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows)


FORMATS: dict[str, tuple[Callable[[list[dict[str, Any]], bool], str], str]] = {
    "csv": (_as_csv, "text/csv; charset=utf-8"),
    "jsonl": (_as_lines, "application/x-ndjson; charset=utf-8"),
}


def response(request: HttpRequest, entries: QuerySet[Entry], form: str) -> StreamingHttpResponse:
    """The answer that hands these entries out; that somebody took them is an entry of its own. 404: no such format."""
    if form not in FORMATS:
        raise Http404
    render, content_type = FORMATS[form]
    services.note(Verb.READ, "audit.record:export", scopes=[f"login:{request.user.pk}"], detail={"format": form})
    answer = StreamingHttpResponse(_stream(entries, request.user, render), content_type=content_type)
    day = timezone.now().date().isoformat()
    answer["Content-Disposition"] = f'attachment; filename="history-{day}.{form}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


async def _stream(
    entries: QuerySet[Entry], reader: Any, render: Callable[[list[dict[str, Any]], bool], str]
) -> AsyncIterator[str]:
    chunks = selectors.newest_first(entries)
    language = translation.get_language()
    first = True
    while (text := await sync_to_async(_next)(chunks, reader, language, render, first)) is not None:
        first = False
        yield text


def _next(
    chunks: Iterator[Sequence[Entry]],
    reader: Any,
    language: str | None,
    render: Callable[[list[dict[str, Any]], bool], str],
    first: bool,
) -> str | None:
    """The next piece of the file; None after the last. An empty record is a header alone."""
    try:
        with translation.override(language):
            found = next(chunks, None)
            if found is None:
                return render([], True) if first else None
            return render([row(entry, reader) for entry in found], first)
    finally:
        if not connection.in_atomic_block:
            connection.close()  # a slow reader holds none meanwhile
