"""Staff's view of operations: every step, host, attempt, trouble, answer and event; retry, cancel and skip."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from controlpanel.admin import (
    LABELS,
    Card,
    ReadOnlyAdmin,
    ReadOnlyInline,
    Table,
    actor,
    ask,
    changelist,
    deed,
    label,
    link,
    on_dashboard,
    tab,
)
from controlpanel.traces import ConcerningFilter

from . import services
from .choices import COLOURS, UNFINISHED, OperationState, StepState
from .errors import explain
from .models import Event, Operation, Reservation, Step
from .redaction import redact
from .registry import known_kinds

#: Events that one page shows; the newest ones.
EVENTS_SHOWN = 200
#: Operations that the dashboard lists.
LISTED = 10
#: What failed longer ago than this is history.
LATELY = timedelta(days=7)

STATE_LABELS = {state: LABELS.get(colour, "") for state, colour in COLOURS.items()}


def verbatim(text: Any) -> SafeString | str:
    """What a host printed, once more without secrets (they were taken out before it was stored)."""
    return format_html('<pre class="text-xs whitespace-pre-wrap">{}</pre>', redact(text)) if text else ""


def pretty(value: Any) -> SafeString | str:
    """JSON for people, without secrets."""
    return verbatim(json.dumps(redact(value), indent=2, ensure_ascii=False)) if value else ""


class StepInline(ReadOnlyInline):
    """The steps, in their order."""

    model = Step
    verbose_name_plural = _("Steps")
    fields = ("position", "stage", "shown_title", "host", "shown_state", "attempts", "started", "finished", "said")
    readonly_fields = fields
    per_page = None
    ordering = ("position",)

    @admin.display(description=_("step"))
    def shown_title(self, step: Step) -> str:
        return step.title

    @admin.display(description=_("state"))
    def shown_state(self, step: Step) -> SafeString | str:
        state = label(step.get_state_display(), STATE_LABELS.get(step.state, ""))
        if step.state != StepState.WAITING or step.operation.state != OperationState.WAITING:
            return state
        skip = reverse("admin:operations_operation_skip", args=[step.operation_id, step.position])
        return format_html('{} <a class="underline" href="{}">{}</a>', state, skip, _("Skip"))

    @admin.display(description=_("what it said"))
    def said(self, step: Step) -> SafeString | str:
        """The last trouble in words, what the host printed, and what it answered."""
        trouble = f"{explain(step.trouble)} ({step.trouble.get('code', '')})" if step.trouble else ""
        parts = [trouble, verbatim(step.trouble.get("output")), pretty(step.answer)]
        return format_html_join("", "<div>{}</div>", ((part,) for part in parts if part)) or "–"


class AboutFilter(ConcerningFilter):
    """Operations that reserve a thing, and those that are somebody's."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Operation]) -> QuerySet[Operation]:
        if not self.names:
            return queryset
        # Two indexes, which an OR would keep from being used.
        scoped = Operation.objects.filter(scopes__overlap=self.names).order_by().values_list("pk")
        reserving = Reservation.objects.filter(resource__in=self.names).values_list("operation_id")
        return queryset.filter(pk__in=scoped.union(reserving))


class KindFilter(admin.SimpleListFilter):
    """By kind: from those that there can be, for the kinds of all operations ever would be read from every row."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, kind) for kind in known_kinds()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Operation]) -> QuerySet[Operation]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Operation)
class OperationAdmin(ReadOnlyAdmin):
    list_display = ("id", "shown_title", "shown_state", "kind", "requested_by", "created", "finished")
    list_display_links = ("id", "shown_title")
    list_filter = (AboutFilter, "state", KindFilter, "created")
    list_select_related = ("requested_by", "impersonated_by")
    search_fields = ("=id", "kind", "=requested_by__username", "steps__host")
    search_help_text = _("Number, kind, user name or host")
    fieldsets = (
        (None, {"fields": ("shown_title", "kind", "shown_state", "error_text", "error_output")}),
        tab(_("When and who"), "requested_by", "impersonated_by", "requested_from", "created", "started", "finished"),
        tab(_("What it works on"), "shown_params", "shown_scopes", "shown_reservations", "idempotency_key"),
        tab(_("Its worker"), "lease_holder", "lease_expires", "wake_at", "cancel_requested", "undoing", "outcome"),
    )
    readonly_fields = (
        "shown_title", "shown_state", "error_text", "error_output", "shown_params", "shown_scopes",
        "shown_reservations",
    )  # fmt: skip
    inlines = (StepInline,)
    actions_detail = ("retry", "cancel", "watch")
    change_form_outer_after_template = "admin/operations/events.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Operation]:
        return super().get_queryset(request).prefetch_related("reservations")

    def recorded(self, obj: Operation) -> str:
        return f"operations.operation:{obj.pk}"

    @admin.display(description=_("title"))
    def shown_title(self, operation: Operation) -> str:
        return operation.title

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, operation: Operation) -> str:
        return label(operation.get_state_display(), STATE_LABELS.get(operation.state, ""))

    @admin.display(description=_("why it failed"))
    def error_text(self, operation: Operation) -> str:
        return explain(operation.error) or "–"

    @admin.display(description=_("output"))
    def error_output(self, operation: Operation) -> SafeString | str:
        return verbatim(operation.error.get("output")) or "–"

    @admin.display(description=_("parameters"))
    def shown_params(self, operation: Operation) -> SafeString | str:
        return pretty(operation.params) or "–"

    @admin.display(description=_("seen by"))
    def shown_scopes(self, operation: Operation) -> str:
        return ", ".join(operation.scopes) or str(_("staff only"))

    @admin.display(description=_("reserved"))
    def shown_reservations(self, operation: Operation) -> str:
        return ", ".join(
            f"{reserve.resource}{'' if reserve.exclusive else ' (shared)'}" for reserve in operation.reservations.all()
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        newest = Event.objects.filter(operation_id=int(object_id)) if object_id.isdecimal() else Event.objects.none()
        rows = [
            [event.seq, event.time, event.kind, event.step.title if event.step else "", pretty(event.data)]
            for event in reversed(newest.select_related("step").order_by("-seq")[:EVENTS_SHOWN])
        ]
        table = {"headers": [_("number"), _("time"), _("kind"), _("step"), _("data")], "rows": rows}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "events": table})

    # --- deeds ---------------------------------------------------------------------------------------------------

    @deed(description=_("Try again"), icon="replay", question=_("Try %(object)s again, now?"))
    def retry(self, request: HttpRequest, operation: Operation) -> Operation:
        return services.retry(operation, actor(request))

    @deed(
        description=_("Cancel"),
        icon="cancel",
        question=_("Stop %(object)s, and take back what was done where that is possible?"),
    )
    def cancel(self, request: HttpRequest, operation: Operation) -> Operation:
        return services.cancel(operation, actor(request))

    def get_custom_urls(self) -> tuple[Any, ...]:
        path = "<int:operation_id>/steps/<int:position>/skip/"
        return ((path, "operations_operation_skip", self.skip),)

    def skip(self, request: HttpRequest, operation_id: int, position: int, model_admin: Any = None) -> HttpResponse:
        """Go on without a step that waits."""
        step = Step.objects.filter(operation_id=operation_id, position=position).select_related("operation").first()
        if step is None:
            raise Http404
        return ask(
            self,
            request,
            step.operation,
            str(_("Skip this step")),
            str(_("Go on without “%(step)s”? %(host)s is then due for a full resync before it is trusted again."))
            % {"step": step.title, "host": step.host or "–"},
            lambda page, request, operation: services.skip(step, actor(request)),
        )

    @action(description=_("Watch it live"), icon="monitoring", url_path="watch")
    def watch(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("operations:detail", object_id)


@on_dashboard(10)
def operations_panel() -> Iterable[Card | Table]:
    """What waits and what failed."""
    unfinished, failed_lately = (
        Q(state__in=UNFINISHED),
        Q(state=OperationState.FAILED, created__gte=timezone.now() - LATELY),
    )
    found = Operation.objects.filter(unfinished | failed_lately).order_by().values_list("state")
    counts = dict(found.annotate(count=Count("pk")))
    waiting, failed = (counts.pop(state, 0) for state in (OperationState.WAITING, OperationState.FAILED))
    running = sum(counts.values())
    yield Card(_("Operations under way"), running, changelist(Operation, state__exact=OperationState.RUNNING))
    yield Card(
        _("Operations waiting"),
        waiting,
        changelist(Operation, state__exact=OperationState.WAITING),
        "warning",
        _("for a host") if waiting else "",
    )
    yield Card(
        _("Operations failed this week"),
        failed,
        changelist(Operation, state__exact=OperationState.FAILED),
        "danger",
        _("need a look") if failed else "",
    )
    troubled = Operation.objects.filter(Q(state=OperationState.WAITING) | failed_lately)
    rows = [
        [link(operation), operation.title, operation.get_state_display(), _trouble(operation), operation.created]
        for operation in troubled.prefetch_related("steps").order_by("-id")[:LISTED]
    ]
    yield Table(
        _("Operations that wait or failed"),
        [_("operation"), _("title"), _("state"), _("trouble"), _("created")],
        rows,
        _("No operation waits or has failed."),
    )


def _trouble(operation: Operation) -> str:
    waiting = next((step for step in operation.steps.all() if step.state == StepState.WAITING), None)
    return explain(operation.error) or (waiting.detail if waiting else "")
