"""What the death of a database host means: for the preview of its recovery, and as a step of it."""

from concurrent.futures import Future
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from controlpanel.fleet.choices import Role
from controlpanel.fleet.models import Host
from controlpanel.operations.futures import answered
from controlpanel.operations.models import Step
from controlpanel.operations.registry import Action, PlannedStep, register

from .. import services
from ..models import Database
from ..recovering import Part, recovery_part
from ..services.database_moves import newest_dump

#: Databases that are named one by one.
_LISTED = 50


@recovery_part(Role.DATABASE)
def databases_of(host: Host) -> Part | None:
    """Each comes up from its newest dump on another host; what was written since is lost, and what has none is left."""
    here = list(Database.objects.filter(host=host, placed=True).order_by("pk"))
    if not here:
        return None
    dumps = {database: newest_dump(database) for database in here}
    fit = [database for database in here if dumps[database]]
    lines = [
        ngettext(
            "%(count)d database comes up from its newest dump. What was written after the dump is lost.",
            "%(count)d databases come up from their newest dumps. What was written after the dumps is lost.",
            len(fit),
        )
        % {"count": len(fit)}
    ]
    for database in here[:_LISTED]:
        dump = dumps[database]
        if dump is None:
            text = _("%(name)s: no dump on another host. It waits until this host is back.")
            lines.append(text % {"name": database.name})
        else:
            made = dump.made.isoformat(sep=" ", timespec="minutes")
            lines.append(
                _("%(name)s: dump of %(made)s, on %(host)s.")
                % {"name": database.name, "made": made, "host": dump.host.name}
            )
    steps = [PlannedStep("hosting.recover_databases", "", {"host": host.name, "count": len(fit)})]
    return Part(_("Databases"), lines, [steps] if fit else [])


@register
class RecoverDatabases(Action):
    """Args: ``{"host", "count"}``. Starts an operation for each; they go on beside the rest of the recovery."""

    name = "hosting.recover_databases"
    title = gettext_lazy("Begin to bring %(count)s databases of %(host)s up from their dumps")

    def intend(self, step: Step) -> None:
        host = Host.objects.get(name=step.args["host"])
        services.recover_database_host(step.operation.requested_by, host)

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return answered({})
