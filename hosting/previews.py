"""What an operation on a database would mean, for those who decide: facts beside the steps."""

from typing import Any

from django.utils.translation import gettext as _

from controlpanel.operations.models import Operation

from .models import Database, Site
from .services.database_recovery import newest_kept

#: Bytes a second that a copy takes, as measured in the lab (two cores for all hosts): a guess, and rather too slow.
_RATE = 12 * 1024**2
#: Seconds that a move takes besides.
_REST = 3
#: Seconds for which new connections wait at the end, at most when all goes as it should.
HOLD = 0.5


def steps_of(operation: Operation) -> list[dict[str, Any]]:
    """The steps as they would be."""
    steps = operation.steps.order_by("position")
    return [{"stage": step.stage, "title": step.title, "host": step.host} for step in steps]


def of_move(database: Database) -> dict[str, Any]:
    """Of a database whose move has just been planned."""
    size = database.size_bytes or 0
    sites = Site.objects.filter(order=database.order_id).exclude(host=None).count()
    return {
        "source": database.host.name if database.host else None,
        "target": database.moving_to.name if database.moving_to else None,
        "bytes": size,
        "seconds": _REST + size // _RATE,
        "hold_seconds": HOLD,
        "sites": sites,
        "notes": [
            _("It serves all the while. At the end new connections wait for less than a second."),
            _("A connection that is kept open for long is ended once, and must be opened again."),
            _("The old copy is kept, locked, for a while."),
        ],
    }


def of_recovery(database: Database) -> dict[str, Any]:
    """Of a database that would be brought up from its dump."""
    kept = newest_kept(database)
    notes = [_("What was written later is lost, unless the old host comes back.")]
    if kept and kept.dump is None:
        notes.insert(0, _("That is the locked copy of before its last move, which is newer than its last dump."))
    return {
        "dump": kept.made.isoformat() if kept else None,
        "target": kept.host.name if kept else None,
        "notes": notes,
    }
