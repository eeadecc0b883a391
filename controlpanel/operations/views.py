"""Watching operations, and telling them what to do. Others' operations do not exist: 404."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Exists
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from . import selectors, services
from .choices import UNFINISHED, OperationState, StepState
from .errors import explain
from .lease import blockers
from .models import Operation, Step
from .redaction import redact
from .registry import plan_for

PAGE_SIZE = 25
#: Who asked for an operation, and who truly did when it was in somebody else's name.
ASKERS = ("requested_by", "impersonated_by")
#: What the list can be narrowed to: the word in the URL and the states it stands for.
FILTERS: dict[str, tuple[str, ...]] = {"": (), "running": UNFINISHED, "failed": (OperationState.FAILED,)}


@dataclass(frozen=True)
class ShownStep:
    """A step as its reader sees it. Steps that read the same are told apart: ``twin`` 1 of ``twins`` 2."""

    step: Step
    title: str
    twin: int
    twins: int
    #: For staff only.
    output: str
    answer: Any


@never_cache
@login_required
@require_GET
def operation_list(request: HttpRequest) -> HttpResponse:
    """What was done and is being done, newest first."""
    chosen = request.GET.get("show", "")
    operations = selectors.operations_for(request.user).select_related(*ASKERS).order_by("-id")
    if FILTERS.get(chosen):
        operations = operations.filter(state__in=FILTERS[chosen])
    page = Paginator(operations, PAGE_SIZE).get_page(request.GET.get("page"))
    filters = [("", _("All")), ("running", _("In progress")), ("failed", _("Failed"))]
    return render(request, "operations/list.html", {"page": page, "chosen": chosen, "filters": filters})


@never_cache
@login_required
@require_GET
def operation_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One operation, live."""
    return render(request, "operations/detail.html", _watched(request, _operation(request, pk)))


@never_cache
@login_required
@require_GET
def operation_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The changing part of the page alone, for a browser whose socket does not get through."""
    return render(request, "operations/live.html", _watched(request, _operation(request, pk)))


@login_required
@require_POST
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    return _tell(request, pk, services.retry, _("It is tried again."))


@login_required
@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    return _tell(request, pk, services.cancel, _("It stops as soon as the step under way allows it."))


@login_required
@require_POST
def skip(request: HttpRequest, pk: int, position: int) -> HttpResponse:
    """Staff only: go on without a step that waits."""
    if not request.user.is_staff:
        raise PermissionDenied
    step = get_object_or_404(_operation(request, pk).steps, position=position)
    return _tell(request, pk, lambda _operation, actor: services.skip(step, actor), _("The step is skipped."))


def _operation(request: HttpRequest, pk: int) -> Operation:
    return get_object_or_404(selectors.operations_for(request.user).select_related(*ASKERS), pk=pk)


def _tell(request: HttpRequest, pk: int, order: Callable[[Operation, Any], Operation], done: str) -> HttpResponse:
    """Give the operation an order and go back to its page, with what came of it."""
    operation = _operation(request, pk)
    try:
        order(operation, request.user)
    except services.NotPossible as reason:
        messages.warning(request, str(reason))
    else:
        messages.info(request, done)
    return redirect(operation)


def _watched(request: HttpRequest, operation: Operation) -> dict[str, Any]:
    """What the page of an operation shows.

    Its ``last_seq`` was read before its steps are: a replay from there may repeat something, but misses nothing.
    """
    staff = request.user.is_staff
    steps = list(operation.steps.all())
    return {
        "operation": operation,
        "steps": _shown(steps, staff=staff),
        "done": sum(step.state in (StepState.SUCCEEDED, StepState.SKIPPED) for step in steps),
        "staff": staff,
        "report": plan_for(operation.kind).report(operation) if staff else "",
        "error_text": explain(operation.error),
        "taken_back": any(step.state == StepState.UNDONE for step in steps),
        "blocked": operation.state == OperationState.QUEUED and _is_blocked(operation),
        "site_url": _site_url(operation),
        "can_retry": operation.state in (OperationState.FAILED, OperationState.WAITING)
        and services.may_steer(operation, request.user),
        "can_cancel": _can_cancel(request, operation),
    }


def _shown(steps: list[Step], *, staff: bool) -> list[ShownStep]:
    titles = [step.title for step in steps]
    total, seen = Counter(titles), Counter[str]()
    shown = []
    for step, title in zip(steps, titles, strict=True):
        seen[title] += 1
        # Secrets were taken out when it was stored; once more, in case an older release knew fewer of them.
        output = redact(step.trouble.get("output", "")) if staff else ""
        answer = redact(step.answer) if staff else {}
        shown.append(ShownStep(step, title, seen[title], total[title], output, answer))
    return shown


def _can_cancel(request: HttpRequest, operation: Operation) -> bool:
    """Whether ``services.cancel`` would agree."""
    if operation.is_finished or operation.cancel_requested or operation.undoing:
        return False
    if not services.may_steer(operation, request.user) or not plan_for(operation.kind).may_turn_back(operation):
        return False
    return request.user.is_staff or operation.started is None or plan_for(operation.kind).undo_on_failure


def _is_blocked(operation: Operation) -> bool:
    """Whether an earlier operation holds what this one needs."""
    return Operation.objects.filter(Exists(blockers()), pk=operation.pk).exists()


def _site_url(operation: Operation) -> str:
    """The page of the site that it is about, if it is about one."""
    site = operation.params.get("site")
    try:
        return reverse("hosting:site", args=[site]) if site else ""
    except NoReverseMatch:
        return ""
