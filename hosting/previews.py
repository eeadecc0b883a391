"""What an operation on a database would mean, for those who decide: facts beside the steps."""

from typing import Any

from django.utils.translation import gettext as _

from controlpanel.fleet import channel
from controlpanel.operations.errors import StepError
from controlpanel.operations.models import Operation

from .databases import placement
from .models import Database, Site
from .services.database_recovery import newest_kept

#: Seconds for which new connections wait at the end, at most when all goes as it should.
HOLD = 0.5
#: Seconds that a host has for a question of a page.
_ASK = 5.0


def steps_of(operation: Operation) -> list[dict[str, Any]]:
    """The steps as they would be."""
    steps = operation.steps.order_by("position")
    return [{"stage": step.stage, "title": step.title, "host": step.host} for step in steps]


def of_move(database: Database, held: bool = False) -> dict[str, Any]:
    """Of a database whose move has just been planned. Its host is asked whether a copy can follow it."""
    sites = Site.objects.filter(order=database.order_id).exclude(host=None).count()
    seconds = placement.copy_seconds(database)
    obstacles = obstacles_of(database)
    if held:
        notes = [
            _("New connections wait while all of it is copied and compared: about %(seconds)d s.")
            % {"seconds": seconds},
            _("Each waits for up to a minute, then its request fails. Nothing is written meanwhile."),
        ]
        if obstacles == []:
            notes.append(_("That is not needed: it can be moved while it serves."))
    else:
        notes = [
            _("It serves all the while. At the end new connections wait for less than a second."),
            _("A connection that is kept open for long is ended once, and must be opened again."),
        ]
    return {
        "source": database.host.name if database.host else None,
        "target": database.moving_to.name if database.moving_to else None,
        "bytes": database.size_bytes or 0,
        "seconds": seconds,
        "held": held,
        "hold_seconds": seconds if held else HOLD,
        "sites": sites,
        "obstacles": obstacles,
        "notes": [*notes, _("The old copy is kept, locked, for a while.")],
    }


def obstacles_of(database: Database) -> list[str] | None:
    """Why no copy of it could follow what is written meanwhile, in its host's words; None when it says nothing."""
    if database.host is None or not database.host.reachable:
        return None
    args = {"name": database.name, "engine": database.engine}
    try:
        answer = channel.call(database.host, "database.precheck", args, timeout=_ASK, quick=True).result(_ASK + 1)
    except (StepError, TimeoutError):
        return None
    return [str(reason) for reason in answer.get("reasons", [])] if answer.get("method") == "locked" else []


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
