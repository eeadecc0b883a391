"""Steps that bring a database back to a dump beside what it is now."""

from concurrent.futures import Future
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet.actions import Call
from controlpanel.operations.futures import answered
from controlpanel.operations.models import Step
from controlpanel.operations.registry import Action, register

from ..models import Database
from .databases import DropDatabase, PutForRestore, drop_call
from .gates import load


@register
class DropOldCopy(DropDatabase):
    """What an earlier move has left: the next copy takes its place."""

    name = "hosting.drop_old_copy"
    title = _("Remove the older copy from %(host)s")

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        kept = Database.objects.filter(pk=step.args["database"], copy_host__name=step.host)
        kept.update(copy_host=None, copy_until=None)


@register
class PutBeside(PutForRestore):
    """Empty and locked, on the host that has the dump, while the database serves on its own."""

    name = "hosting.put_beside"
    title = _("Prepare room for the dump on %(host)s")
    undoable = True

    def undo_request(self, step: Step) -> Call:
        return drop_call(load(step))  # the dump is kept, so this is allowed

    def submit_undo(self, step: Step) -> "Future[dict[str, Any]]":
        return self._send(step, self.undo_request(step))


@register
class TakeRestored(Action):
    """From here on the database is the one that came from the dump; the other is its old copy."""

    name = "hosting.take_restored"
    title = _("Let the restored database on %(host)s take the place of the other")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        return answered({})

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        until = timezone.now() + timedelta(hours=settings.DATABASE_COPY_HOURS)
        rows = Database.objects.filter(pk=step.args["database"], moving_to__name=step.host)
        rows.update(
            copy_host=F("host"), copy_until=until, host=F("moving_to"), moving_to=None, revision=F("revision") + 1
        )
