"""What the death of a database host means: for the preview of its recovery, as a step of it, and in its report."""

from collections.abc import Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from controlpanel.fleet.choices import Role
from controlpanel.fleet.models import Host
from controlpanel.operations.futures import answered
from controlpanel.operations.models import Operation, Step
from controlpanel.operations.registry import Action, PlannedStep, register

from .. import services
from ..models import Database
from ..recovering import Part, recovery_part, report_part
from ..services.database_recovery import newest_kept
from .desired import GONE

#: Databases that are named one by one.
_LISTED = 50


@recovery_part(Role.DATABASE)
def databases_of(host: Host) -> Part | None:
    """Each comes up from the newest that another host keeps; what was written since is lost, and what has none is
    left."""
    on_it = Database.objects.filter(Q(host=host) | Q(moving_to=host)).exclude(state__in=GONE)
    if not on_it.exists():
        return None
    here = list(on_it.filter(host=host, placed=True).select_related("host", "copy_host").order_by("pk"))
    kept = {database: newest_kept(database) for database in here}
    fit = [database for database in here if kept[database]]
    lines = [
        ngettext(
            "%(count)d database comes up from the newest that is kept of it elsewhere. What was written later is lost.",
            "%(count)d databases come up from the newest that is kept of them elsewhere. What was written later is "
            "lost.",
            len(fit),
        )
        % {"count": len(fit)}
    ]
    # Those that stay down first: of these a person must know.
    for database in sorted(here, key=lambda one: kept[one] is not None)[:_LISTED]:
        found = kept[database]
        if found is None:
            text = _("%(name)s: nothing of it on another host. It waits until this host is back.")
            lines.append(text % {"name": database.name})
        else:
            made = found.made.isoformat(sep=" ", timespec="minutes")
            text = (
                _("%(name)s: dump of %(made)s, on %(host)s.")
                if found.dump
                else _("%(name)s: copy of before its move, of %(made)s, on %(host)s.")
            )
            lines.append(text % {"name": database.name, "made": made, "host": found.host.name})
    step = PlannedStep("hosting.recover_databases", "", {"host": host.name, "count": len(fit)})
    return Part(_("Databases"), lines, [[step]])


@register
class RecoverDatabases(Action):
    """Args: ``{"host", "count"}``. Starts an operation for each; they go on beside the rest of the recovery. The answer
    says which, and which databases are left and why."""

    name = "hosting.recover_databases"
    title = gettext_lazy("Begin to bring %(count)s databases of %(host)s up from what is kept elsewhere")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return answered({})

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        host = Host.objects.get(name=step.args["host"])
        begun = services.recover_database_host(step.operation.requested_by, host)
        answer.update(
            started=[operation.pk for operation in begun.started],
            anew=[operation.pk for operation in begun.anew],
            left={str(database.pk): why for database, why in begun.left},
        )


@report_part(RecoverDatabases.name)
def report_of_databases(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """From the answer of the step: ``{"database", "made", "operation", "why"}`` of each, those that are down first.

    ``made``: what was written later is lost. ``operation`` brings it up; without one ``why`` says why it is down.
    """
    rows: list[dict[str, Any]] = []
    databases = Database.objects.select_related("host", "order__member").in_bulk(
        [int(pk) for pk in answer.get("left", {})]
    )
    for pk, why in answer.get("left", {}).items():
        rows.append({"database": databases.get(int(pk)), "made": None, "operation": None, "why": why})
    begun = Operation.objects.filter(pk__in=[*answer.get("started", ()), *answer.get("anew", ())]).order_by("pk")
    of = Database.objects.select_related("host", "order__member").in_bulk([one.params["database"] for one in begun])
    for operation in begun:
        made: datetime | None = parse_datetime(operation.params.get("made", "") or "")
        rows.append({"database": of.get(operation.params["database"]), "made": made, "operation": operation, "why": ""})
    return [row for row in rows if row["database"] is not None]
