"""Deeds on many rows at once, from an admin list: one page that shows for each row what would come of it, then go.

The preview is the deed itself in a transaction that is rolled back, so it cannot say anything else than what happens.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from controlpanel import reauthentication
from controlpanel.admin import actor, changelist, link
from controlpanel.api.problems import as_problem
from controlpanel.operations.models import Operation

#: Rows that are chosen at once, at most.
MOST = 100
#: Steps that the preview of one row names.
STEPS = 12

#: Does it to one row for that login; returns the operation that carries it out, or in words what was done.
Work = Callable[[Any, Any], "Operation | str"]


@dataclass(frozen=True)
class BulkDeed:
    """Something that staff do to several rows."""

    #: Part of the page's address.
    name: str
    title: Any
    #: Above the list, and what it means in a sentence.
    question: Any
    consequence: Any
    work: Work
    #: Instead, where one operation does it to all of them.
    all_at_once: Callable[[Any, Sequence[Any]], Operation] | None = None
    #: The password is asked again when it was given long ago.
    sensitive: bool = False


@dataclass(frozen=True)
class _Outcome:
    """What comes of one row."""

    row: Any
    #: In words: what is done, or why not.
    says: str
    possible: bool
    operation: Operation | None = None
    steps: tuple[str, ...] = ()


class BulkDeeds:
    """Mixin of an admin page of rows: its ``bulk`` are offered as actions of the list."""

    bulk: tuple[BulkDeed, ...] = ()

    def get_actions(self, request: HttpRequest) -> Any:
        found = super().get_actions(request)  # type: ignore[misc]
        for deed in self.bulk:
            found[f"bulk_{deed.name}"] = (self._action(deed), f"bulk_{deed.name}", f"{deed.title}…")
        return found

    def get_custom_urls(self) -> tuple[Any, ...]:
        return (*super().get_custom_urls(), ("bulk/<slug:deed>/", f"{self._label}_bulk", self.bulk_view))  # type: ignore[misc]

    @property
    def _label(self) -> str:
        meta = self.model._meta  # type: ignore[attr-defined]
        return f"{meta.app_label}_{meta.model_name}"

    def _action(self, deed: BulkDeed) -> Callable[..., HttpResponse]:
        def go(page: Any, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse:
            ids = urlencode([("ids", pk) for pk in queryset.order_by("pk").values_list("pk", flat=True)[:MOST]])
            return redirect(f"{reverse(f'admin:{self._label}_bulk', args=[deed.name])}?{ids}")

        return go

    def bulk_view(self, request: HttpRequest, deed: str, model_admin: Any = None) -> HttpResponse:
        """The preview on GET; on POST it is done."""
        if not actor(request).is_staff:
            raise PermissionDenied
        chosen = next((one for one in self.bulk if one.name == deed), None)
        given = request.POST if request.method == "POST" else request.GET
        ids = [int(pk) for pk in given.getlist("ids") if pk.isdecimal() and len(pk) < 18][:MOST]
        rows = list(self.get_queryset(request).filter(pk__in=ids).order_by("pk"))  # type: ignore[attr-defined]
        if chosen is None or not rows:
            raise Http404
        if chosen.sensitive and not reauthentication.is_recent(request):
            return reauthentication.ask(request)
        if request.method == "POST":
            return _done(request, rows, _carry_out(request, chosen, rows))
        return TemplateResponse(request, "admin/bulk.html", self._question(request, chosen, rows))

    def _question(self, request: HttpRequest, deed: BulkDeed, rows: Sequence[Any]) -> dict[str, Any]:
        with transaction.atomic():
            outcomes = _carry_out(request, deed, rows)
            transaction.set_rollback(True)
        possible = sum(outcome.possible for outcome in outcomes)
        return {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": deed.title,
            "question": deed.question,
            "consequence": deed.consequence,
            "rows": [(link(outcome.row, _name(outcome.row)), outcome) for outcome in outcomes],
            "ids": [row.pk for row in rows],
            "possible": possible,
            "summary": ngettext(
                "Possible for %(possible)d of %(all)d.", "Possible for %(possible)d of %(all)d.", possible
            )
            % {"possible": possible, "all": len(rows)},
            "opts": self.model._meta,  # type: ignore[attr-defined]
            "back": changelist(self.model),  # type: ignore[attr-defined]
        }


def _name(row: Any) -> str:
    return str(getattr(row, "name", row))


def _carry_out(request: HttpRequest, deed: BulkDeed, rows: Sequence[Any]) -> list[_Outcome]:
    """Each by itself: what is not possible for one does not hold up the others."""
    if deed.all_at_once is not None:
        outcome = _try(rows[0], lambda: deed.all_at_once(actor(request), rows))  # type: ignore[misc]
        return [_Outcome(row, outcome.says, outcome.possible, outcome.operation, outcome.steps) for row in rows]
    return [_try(row, lambda row=row: deed.work(actor(request), row)) for row in rows]  # type: ignore[misc]


def _try(row: Any, work: Callable[[], "Operation | str"]) -> _Outcome:
    try:
        with transaction.atomic():
            done = work()
    except Exception as error:
        problem = as_problem(error)
        if problem is None:
            raise
        return _Outcome(row, " ".join(_texts(problem)), possible=False)
    if isinstance(done, Operation):
        steps = done.steps.order_by("position")[:STEPS]
        return _Outcome(row, done.title, True, done, tuple(f"{step.host} {step.title}".strip() for step in steps))
    return _Outcome(row, done, possible=True)


def _texts(problem: dict[str, Any]) -> Iterable[str]:
    errors = problem.get("errors", {})
    return [text for texts in errors.values() for text in texts] or [str(problem["detail"])]


def _done(request: HttpRequest, rows: Sequence[Any], outcomes: Sequence[_Outcome]) -> HttpResponse:
    """Where to watch: the operation, or the list of them."""
    for outcome in outcomes:
        if not outcome.possible:
            messages.error(request, f"{_name(outcome.row)}: {outcome.says}")
    operations = {outcome.operation.pk: outcome.operation for outcome in outcomes if outcome.operation}
    if len(operations) == 1:
        return redirect(next(iter(operations.values())).get_absolute_url())
    if operations:
        count = len(operations)
        text = ngettext(
            "%(count)d has been asked for. Watch it here.", "%(count)d have been asked for. Watch them here.", count
        )
        messages.success(request, text % {"count": count})
        kinds = {operation.kind for operation in operations.values()}
        return HttpResponseRedirect(changelist(Operation, kind__exact=kinds.pop()))
    if any(outcome.possible for outcome in outcomes):
        messages.success(request, _("Done."))
    return HttpResponseRedirect(changelist(type(rows[0])))
