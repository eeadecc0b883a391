"""Steps of a database's move. Each is one call or one resource, idempotent, and recorded: a worker that is killed in
the middle is followed by another that goes on from there, and at no time is the database unlocked on two hosts.

What a step makes true is written with a higher revision on the host first, then in our rows: a resync that has read the
rows before is refused by the host as older.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlpanel.fleet import channel
from controlpanel.fleet.actions import Call, HostAction
from controlpanel.fleet.choices import HostState
from controlpanel.fleet.desired import Resource
from controlpanel.fleet.models import Host
from controlpanel.operations.errors import NotNow, PassedOver, Refused, add_messages
from controlpanel.operations.futures import in_thread
from controlpanel.operations.models import Step
from controlpanel.operations.registry import register

from ..databases import desired
from ..models import Database
from .databases import LONG, OnDatabaseHost, pass_over_fenced
from .gates import load

add_messages(
    {
        "cannot_move": _(
            "It cannot be moved while it serves, for a copy could not follow: %(reason)s. Staff can move it while its "
            "connections wait."
        ),
        "behind": _("The copy on %(host)s is still too far behind. It is looked at again."),
        "copy_broken": _("The copy on %(host)s no longer follows, so the move was given up: %(reason)s"),
        "copy_differs": _(
            "The copy differs from what was there before the move. It serves all the same, and the old one is kept: "
            "staff must compare them before anything is dropped."
        ),
    }
)

#: How long one try of waiting for the copy may take, seconds, and between two looks.
_WATCH, _LOOK = 20.0, 0.15


def move_of(step: Step, database: Database) -> dict[str, Any]:
    """How hosts know the database and the move: what was left by another move is nothing to this one."""
    return {"name": database.name, "engine": database.engine, "move": f"move{step.operation_id}"}


def from_source(step: Step, database: Database) -> dict[str, Any]:
    """What the target needs to copy from the source."""
    source = Host.objects.get(name=step.operation.params["source"])
    return {**move_of(step, database), "source": {"name": source.name, "address": source.address}}


@register
class Precheck(HostAction):
    """On the source: can it be copied while it serves, and how large is it?"""

    name = "hosting.precheck_move"
    title = _("Ask %(host)s whether the database can be moved")

    def request(self, step: Step) -> Call:
        database = load(step)
        return Call("database.precheck", {"name": database.name, "engine": database.engine}, timeout=60)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        if answer.get("method") != "replicate" and not step.operation.params.get("held"):
            words = "; ".join(str(reason) for reason in answer.get("reasons", []))
            raise Refused("cannot_move", {"host": step.host, "reason": words[:500]})


@register
class PutCopy(OnDatabaseHost):
    """The empty database on the target, with the same users and verifiers, locked."""

    name = "hosting.put_copy"
    title = _("Prepare a locked copy on %(host)s")
    undoable = True

    def resources(self, step: Step) -> Sequence[Resource]:
        host = Host.objects.get(name=step.host)
        return [desired.server_resource(host), desired.database_resource(load(step), host.pk, state="locked")]

    def submit_undo(self, step: Step) -> "Future[dict[str, Any]]":
        pass_over_fenced(step)
        return self._send(step, Call("database.abort", move_of(step, load(step)), timeout=60))


@register
class Publish(HostAction):
    """On the source: let other database hosts copy it."""

    name = "hosting.publish_source"
    title = _("Let the database be copied from %(host)s")
    undoable = True

    def request(self, step: Step) -> Call:
        return Call("database.publish", move_of(step, load(step)), timeout=60)

    def undo_request(self, step: Step) -> Call:
        pass_over_fenced(step)
        return Call("database.forget_source", move_of(step, load(step)), timeout=60)


@register
class Seed(HostAction):
    """On the target: pull all that there is from the source, and remember from which position."""

    name = "hosting.seed_copy"
    title = _("Copy the data to %(host)s")
    undoable = True

    def request(self, step: Step) -> Call:
        return Call("database.seed", from_source(step, load(step)), timeout=LONG)

    def undo_request(self, step: Step) -> Call:
        pass_over_fenced(step)
        return Call("database.abort", move_of(step, load(step)), timeout=60)


@register
class Follow(HostAction):
    """On the target: take on what is written on the source meanwhile."""

    name = "hosting.follow_source"
    title = _("Let the copy on %(host)s follow")

    def request(self, step: Step) -> Call:
        return Call("database.follow", from_source(step, load(step)), timeout=60)


@register
class ReadyCopy(OnDatabaseHost):
    """On the target: the state that it is to have. It stays closed all the same, by the mark of the move."""

    name = "hosting.ready_copy"
    title = _("Make the copy on %(host)s ready to be opened")

    def resources(self, step: Step) -> Sequence[Resource]:
        host = Host.objects.get(name=step.host)
        return [desired.database_resource(load(step), host.pk, state="serving")]


@register
class Near(HostAction):
    """On the target: wait until the copy is so near that the rest takes a moment."""

    name = "hosting.near_source"
    title = _("Wait until the copy on %(host)s has caught up")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        host = Host.objects.get(name=step.host)
        args = from_source(step, load(step))
        return in_thread(lambda: self._watch(step, host, args), "database-move")

    def _watch(self, step: Step, host: Host, args: dict[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + _WATCH
        while True:
            lag = channel.call(host, "database.lag", args, timeout=20, quick=True).result(25)
            if lag.get("error"):
                raise Refused("copy_broken", {"host": host.name, "reason": str(lag["error"])[:300]})
            if lag.get("ready"):
                return lag
            step.report({"seconds": lag.get("seconds"), "bytes": lag.get("bytes")})
            if time.monotonic() > deadline:
                raise NotNow("behind", {"host": host.name})
            time.sleep(_LOOK)


@register
class KeepCopy(OnDatabaseHost):
    """On the source: what is there stays as it was, for root alone, for a while."""

    name = "hosting.keep_copy"
    title = _("Keep the old copy on %(host)s, locked")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        pass_over_fenced(step)
        return super().submit(step)

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        if step.operation.params.get("held"):  # it was compared before
            Database.objects.filter(pk=step.args["database"]).update(copy_until=_kept_until())


@register
class ForgetSource(HostAction):
    """On the source: what replication has left there."""

    name = "hosting.forget_source"
    title = _("Clear up on %(host)s after the move")

    def request(self, step: Step) -> Call:
        pass_over_fenced(step)
        return Call("database.forget_source", move_of(step, load(step)), timeout=60)


@register
class Compare(HostAction):
    """Count and sum up every table as it was when connections waited. Args: ``{"database": id, "source": name}``."""

    name = "hosting.compare_databases"
    title = _("Compare what came to %(host)s with what was there before")

    def submit(self, step: Step) -> "Future[dict[str, Any]]":
        database = load(step)
        hosts = [Host.objects.get(name=name) for name in (step.args["source"], step.host)]
        if fenced := [host.name for host in hosts if host.state == HostState.FENCED]:
            raise PassedOver("host_fenced", {"host": fenced[0]})  # the old copy has no end then
        args = {"name": database.name, "engine": database.engine}
        futures = [channel.call(host, "database.compare", args, timeout=LONG, quick=True) for host in hosts]
        return in_thread(lambda: compared(*[future.result(LONG + 5) for future in futures]), "database-move")

    def confirm(self, step: Step, answer: dict[str, Any]) -> None:
        if answer["differences"]:
            # Never back: users have written since. The old copy has no end then, so it does not go by itself.
            raise Refused("copy_differs", {"host": step.host}, "\n".join(answer["differences"]))
        Database.objects.filter(pk=step.args["database"]).update(copy_until=_kept_until())


def _kept_until() -> datetime:
    """Until when an old copy is kept that was found to be the same as what serves."""
    return timezone.now() + timedelta(hours=settings.DATABASE_COPY_HOURS)


def compared(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """How many tables and rows there are, and which differ."""
    old, new = before.get("tables", {}), after.get("tables", {})
    differences = [
        f"{name}: {old.get(name)} before, {new.get(name)} after"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    if before.get("structure") != after.get("structure"):
        differences.append("the structure differs")
    if not (before.get("complete") and after.get("complete")):
        differences.append("the comparison could not be completed")
    return {"tables": len(new), "rows": sum(_rows(table) for table in new.values()), "differences": differences[:50]}


def _rows(table: Any) -> int:
    return int(table.get("rows", 0)) if isinstance(table, dict) else 0
