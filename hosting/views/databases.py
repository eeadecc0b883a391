"""Pages of databases. Thin: reads by ``selectors``, writes by ``services``; others' is 404."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from controlpanel.operations.choices import OperationState
from controlpanel.operations.models import Operation
from members.reauthentication import recently_authenticated

from .. import selectors, services
from ..api.database_serializers import CA_FILE
from ..choices import DatabaseState
from ..databases.forms import CreateDatabaseForm, DatabaseUserForm
from ..errors import HostingError
from ..forms import ConfirmForm
from ..models import Database
from .common import ask, now, order_or_404, page, under_way

HISTORY = 10
#: For so long a database's page says what was lost with its server.
RECOVERED_DAYS = 30


def database_or_404(request: HttpRequest, pk: int) -> Database:
    """The database, when whoever asks may see it."""
    try:
        return selectors.database_for(request.user, pk)
    except Database.DoesNotExist:
        raise Http404 from None


@never_cache
@login_required
@page
def database_create(request: HttpRequest, pk: int) -> HttpResponse:
    """Create a database; the answer shows the password, this once."""
    order = order_or_404(request, pk)
    initial = {"site": request.GET["site"]} if request.GET.get("site", "").isdigit() else None
    form = CreateDatabaseForm(request.POST or None, order=order, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            database, operation, password = services.create_database(
                request.user,
                order,
                values["engine"],
                site=values["site"],
                idempotency_key=values["idempotency_key"],
                requested_from=request.META.get("REMOTE_ADDR"),
            )
            return _secret(request, database, operation, database.name, password)
        except HostingError as error:
            form.add_problems(error)
    context = {"form": form, "order": order}
    return render(request, "hosting/create_database.html", context, status=422 if form.errors else 200)


@never_cache
@login_required
@require_GET
def database_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """How to reach it, how full it is, who may log in, and what was done with it."""
    database = database_or_404(request, pk)
    operations = selectors.operations_about(request.user, database).select_related("requested_by", "impersonated_by")
    idle = database.placed and database.state in (DatabaseState.ACTIVE, DatabaseState.FAILED)
    context = {
        "database": database,
        "ca_file": CA_FILE,
        "users": database.users.all(),
        "running": under_way(selectors.operations_about(request.user, database)),
        "now": reverse("hosting:database_now", args=[database.pk]),
        "recovered": _recovered(operations),
        "operations": operations[:HISTORY],
        "last_failed": operations.filter(state=OperationState.FAILED).first(),
        "changeable": idle,
        "deletable": database.state in (DatabaseState.ACTIVE, DatabaseState.FAILED),
        "dumps": list(database.dumps.order_by("-made")),
        "grace_days": settings.DATABASE_GRACE_DAYS,
    }
    return render(request, "hosting/database.html", context)


def _recovered(operations: QuerySet[Operation]) -> datetime | None:
    """Of when it was brought up after its server was lost, when that is not long ago; None when nothing was lost."""
    since = timezone.now() - timedelta(days=RECOVERED_DAYS)
    last = operations.filter(kind="hosting.recover_database", state=OperationState.SUCCEEDED, finished__gt=since)
    operation = last.order_by("-finished").first()
    return parse_datetime(operation.params["made"]) if operation else None


@never_cache
@login_required
@require_GET
def database_now(request: HttpRequest, pk: int) -> HttpResponse:
    """What is happening with it: a part of its page."""
    return now(request, selectors.operations_about(request.user, database_or_404(request, pk)))


@never_cache
@login_required
@page
def database_rotate(request: HttpRequest, pk: int, user: str) -> HttpResponse:
    """A new password for one user, shown in the answer."""
    database = database_or_404(request, pk)
    if not database.users.filter(name=user).exists():
        raise Http404
    return confirmed(
        request,
        database,
        lambda **common: services.rotate_database_password(request.user, database, user, **common),
        user=user,
        heading=_("A new password for %(user)s?") % {"user": user},
        button=_("Make a new password"),
        consequences=[
            _("The next page shows the new password, this once."),
            _("The old one no longer works: applications that use it must be told the new one."),
            _("Connections that are open stay so."),
        ],
    )


@never_cache
@login_required
@page
def database_add_user(request: HttpRequest, pk: int) -> HttpResponse:
    """A further user, who may only read."""
    database = database_or_404(request, pk)
    form = DatabaseUserForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        word = form.cleaned_data["word"].strip()
        try:
            _database, operation, password = services.add_database_user(
                request.user,
                database,
                word,
                idempotency_key=form.cleaned_data["idempotency_key"],
                requested_from=request.META.get("REMOTE_ADDR"),
            )
            return _secret(request, database, operation, f"{database.name}_{word}", password)
        except HostingError as error:
            for problem in error.problems:
                form.add_error("word" if problem.field == "name" else None, problem.text)
    consequences = [
        _("The user may read everything in this database, and change nothing."),
        _("The next page shows the password, this once."),
    ]
    return ask(request, database, form, _("A further user"), _("Add the user"), consequences)


@never_cache
@login_required
@page
def database_remove_user(request: HttpRequest, pk: int, user: str) -> HttpResponse:
    database = database_or_404(request, pk)
    if not database.users.filter(name=user).exists():
        raise Http404
    return confirmed(
        request,
        database,
        lambda **common: services.remove_database_user(request.user, database, user, **common),
        heading=_("Remove the user %(user)s?") % {"user": user},
        button=_("Remove"),
        dangerous=True,
        consequences=[_("Who uses this user's password can no longer log in, at once.")],
    )


@never_cache
@login_required
@recently_authenticated
@page
def database_delete(request: HttpRequest, pk: int) -> HttpResponse:
    database = database_or_404(request, pk)
    days = settings.DATABASE_GRACE_DAYS
    return confirmed(
        request,
        database,
        lambda **common: services.delete_database(request.user, database, **common),
        heading=_("Delete %(database)s?") % {"database": database.name},
        button=_("Delete"),
        dangerous=True,
        consequences=[
            _("Applications that use it stop working."),
            ngettext(
                "A last dump is kept for %(days)d day. Until then you can restore it.",
                "A last dump is kept for %(days)d days. Until then you can restore it.",
                days,
            )
            % {"days": days},
            _("After that everything in it is gone, and nobody can bring it back."),
        ],
    )


@never_cache
@login_required
@page
def database_restore(request: HttpRequest, pk: int) -> HttpResponse:
    database = database_or_404(request, pk)
    return confirmed(
        request,
        database,
        lambda **common: services.restore_database(request.user, database, **common),
        heading=_("Restore %(database)s?") % {"database": database.name},
        button=_("Restore"),
        consequences=[_("It comes back as it was when it was deleted, with the same users and passwords.")],
    )


def confirmed(
    request: HttpRequest, database: Database, change: Callable[..., Any], *, user: str = "", **texts: Any
) -> HttpResponse:
    """The page that asks first, and the answer of who has said yes: ``change`` is the service."""
    form = ConfirmForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _database, operation, *secret = change(
                idempotency_key=form.cleaned_data["idempotency_key"], requested_from=request.META.get("REMOTE_ADDR")
            )
            return _secret(request, database, operation, user, secret[0]) if secret else redirect(operation)
        except HostingError as error:
            form.add_problems(error)
    return ask(request, database, form, **texts)


def _secret(request: HttpRequest, database: Database, operation: Operation, user: str, password: str) -> HttpResponse:
    """The page that shows a password. A reload sends the same form, is the same operation, and shows none."""
    context = {
        "database": database,
        "operation": operation,
        "db_user": user,
        "password": password,
        "ca_file": CA_FILE,
    }
    return render(request, "hosting/database_secret.html", context)
