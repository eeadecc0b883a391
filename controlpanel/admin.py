"""What the apps' admin pages share: nothing is edited behind the services' back, every deed asks first, one dashboard.

Rows are read-only. What staff may do are *deeds*: buttons on an object's page that show a question (GET), and on POST
call the same services that pages and API call.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline, checkbox
from unfold.decorators import action
from unfold.views import ChangeList

from controlpanel import labels, reauthentication
from controlpanel.api.problems import as_problem
from controlpanel.traces import Traces

#: Unfold's colours for our states' colour classes.
LABELS = {"good": "success", "bad": "danger", "warning": "warning", "active": "info"}


# --- read-only pages -------------------------------------------------------------------------------------------------


class ReadOnly:
    """Mixin: looked at, never edited. The fields shown are named one by one, so a new secret is not shown by itself."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Rows(ChangeList):
    """A list. Its addresses are put together once each: unfold asks for those of all headers again in every row."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._addresses: dict[str, str] = {}
        super().__init__(*args, **kwargs)

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        asked = repr((new_params, remove))
        if asked not in self._addresses:
            self._addresses[asked] = super().get_query_string(new_params, remove)
        return self._addresses[asked]


class ReadOnlyAdmin(ReadOnly, Traces, ModelAdmin):
    """A model's pages. ``fields`` are required."""

    #: A row takes two milliseconds: a screenful, and search and filters for the rest.
    list_per_page = 20
    show_full_result_count = False
    view_on_site = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Rows]:
        return Rows

    @admin.display(description=ModelAdmin.action_checkbox.short_description)
    def action_checkbox(self, obj: models.Model) -> SafeString:
        before, after = _checkbox(get_language())
        return format_html("{}{}{}", before, obj.pk, after)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        if self.fields is None and self.fieldsets is None:
            raise NotImplementedError(f"{type(self).__name__} names no fields")
        return super().get_fields(request, obj)


@lru_cache
def _checkbox(language: str | None) -> list[SafeString]:
    """What stands before and after a row's number in its checkbox: unfold's, drawn once instead of in every row."""
    drawn = checkbox.render(ACTION_CHECKBOX_NAME, "a-row")
    return [mark_safe(part) for part in drawn.split("a-row")]  # noqa: S308  # nothing in it is anybody's words


class ReadOnlyInline(ReadOnly, TabularInline):
    """Rows of another model on an object's page. ``fields`` are required."""

    extra = 0
    max_num = 0
    show_change_link = False
    per_page: int | None = 20
    hide_title = True
    ordering: tuple[str, ...] = ("pk",)


def tab(title: Any, *fields: str) -> tuple[Any, dict[str, Any]]:
    """Fields of less interest, for ``fieldsets``: behind a tab of their own."""
    return title, {"classes": ("tab",), "fields": fields}


def label(text: Any, variant: str = "") -> str:
    """A coloured word, in lists and on pages alike. ``variant``: success, info, warning, danger or none."""
    return _label(str(text), variant)


@lru_cache(maxsize=1000)  # a list has one in each row, and there are only so many states
def _label(text: str, variant: str) -> str:
    return render_to_string("unfold/helpers/label.html", {"text": text, "variant": variant})


def link(obj: models.Model | None, text: Any = None) -> SafeString | str:
    """A link to an object's admin page."""
    if obj is None:
        return "–"
    opts = obj._meta
    return format_html(
        '<a href="{}">{}</a>', reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[obj.pk]), text or obj
    )


def links(objects: Iterable[models.Model]) -> SafeString | str:
    """Links to several objects' admin pages."""
    return format_html_join(", ", "{}", ((link(obj),) for obj in objects)) or "–"


def actor(request: HttpRequest) -> Any:
    """Who asks, for services: the admin is for logins only, which apps below ``members`` do not know by type."""
    return request.user


# --- deeds -----------------------------------------------------------------------------------------------------------

#: Does it, and returns the message for whoever asked, or the object (an operation) whose page shows what comes of it,
#: or where to go from here.
Work = Callable[[Any, HttpRequest, Any], "str | models.Model | HttpResponse"]


#: What the page of the question shows besides it, given the object: blocks of rendered HTML.
Facts = Callable[[HttpRequest, Any], "Iterable[SafeString]"]


def deed(
    *,
    description: Any,
    question: Any,
    icon: str | None = None,
    url_path: str | None = None,
    sensitive: bool = False,
    facts: Facts | None = None,
) -> Any:
    """Decorator for a ModelAdmin method listed in ``actions_detail``: ask on GET, do it on POST, tell what came of it.

    ``question`` may hold %(object)s. Domain errors that the API knows how to answer are shown as messages. For a
    ``sensitive`` one the password is asked again when it was given long ago. ``facts`` are shown below the question: a
    preview of what would happen.
    """

    def decorate(work: Work) -> Any:
        @action(description=description, icon=icon, url_path=url_path or work.__name__.replace("_", "-"))
        @wraps(work)
        def view(self: ModelAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
            if not self.has_view_permission(request):
                raise PermissionDenied
            if sensitive and not reauthentication.is_recent(request):
                return reauthentication.ask(request)
            obj = self.get_object(request, unquote(object_id))
            if obj is None:
                raise Http404
            return ask(self, request, obj, str(description), str(question) % {"object": obj}, work, facts)

        return view

    return decorate


def ask(
    page: ModelAdmin,
    request: HttpRequest,
    obj: models.Model,
    title: str,
    question: str,
    work: Work,
    facts: Facts | None = None,
) -> HttpResponse:
    """The question on GET; on POST do it and go to what came of it."""
    pk = obj.pk
    back = reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[obj.pk])
    if request.method != "POST":
        context = {
            **page.admin_site.each_context(request),
            "title": title,
            "question": question,
            "facts": list(facts(request, obj)) if facts else [],
            "object": obj,
            "opts": obj._meta,
            "back": back,
        }
        return TemplateResponse(request, "admin/ask.html", context)
    try:
        outcome = work(page, request, obj)
    except Exception as error:
        problem = as_problem(error)
        if problem is None:
            raise
        for text in problem.get("errors", {}).values() or [[problem["detail"]]]:
            messages.error(request, " ".join(text))
        return HttpResponseRedirect(back)
    obj.pk = pk  # a deleted object has lost it
    page.log_change(request, obj, title)
    if isinstance(outcome, HttpResponse):
        return outcome
    if isinstance(outcome, models.Model):
        messages.success(request, _("It has been asked for. Watch it here."))
        meta = outcome._meta
        return redirect(f"admin:{meta.app_label}_{meta.model_name}_change", outcome.pk)
    messages.success(request, outcome)
    still_there = type(obj)._base_manager.filter(pk=pk).exists()
    return HttpResponseRedirect(back if still_there else changelist(type(obj)))


# --- the dashboard ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Card:
    """One number on the dashboard."""

    title: Any
    value: Any
    href: str = ""
    #: "success", "warning", "danger" or "" for neither good nor bad.
    variant: str = ""
    note: Any = ""


@dataclass(frozen=True)
class Table:
    """A list on the dashboard: what needs a look now."""

    title: Any
    headers: list[Any]
    rows: list[list[Any]]
    #: What it says when there is nothing.
    empty: Any = ""


@dataclass(frozen=True)
class Alarm:
    """Above everything on the dashboard: somebody has to decide, and here is the way there."""

    title: Any
    text: Any
    href: str
    button: Any
    #: "danger" or "warning".
    variant: str = "danger"


@dataclass(frozen=True)
class Drawing:
    """Something rendered on the dashboard, between cards and tables."""

    title: Any
    html: SafeString


Item = Alarm | Card | Drawing | Table
_panels: list[tuple[int, Callable[[], Iterable[Item]]]] = []


def on_dashboard(order: int) -> Any:
    """Decorator: an app's function that gives cards and tables for the dashboard, small ``order`` first."""

    def decorate(panel: Callable[[], Iterable[Item]]) -> Any:
        _panels.append((order, panel))
        return panel

    return decorate


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """UNFOLD's DASHBOARD_CALLBACK."""
    items = [item for _order, panel in sorted(_panels, key=lambda entry: entry[0]) for item in panel()]
    context["alarms"] = [item for item in items if isinstance(item, Alarm)]
    context["drawings"] = [item for item in items if isinstance(item, Drawing)]
    context["cards"] = [item for item in items if isinstance(item, Card)]
    context["tables"] = [item for item in items if isinstance(item, Table)]
    return context


def changelist(model: type[models.Model], **query: Any) -> str:
    """Address of a model's list, narrowed by ``query``."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?{urlencode(query)}" if query else address


def unregister_foreign() -> None:
    """Take away pages of other packages that would let staff edit what only the code may."""
    for model in list(admin.site._registry):
        if model._meta.app_label in ("auth", "django_q", "axes", "account", "mfa"):
            admin.site.unregister(model)


# Apps of ours come after all others in INSTALLED_APPS, so theirs are registered by now, and ours are yet to come.
unregister_foreign()
labels.discover()
